/** `forget --undo`: brings forgotten snapshots back into the live ones, as long as no prune has taken them. */
import { LOG_KINDS } from '../../log/entry.ts'
import { readRawEntry } from '../../log/log.ts'
import { readEntry } from '../../log/read-entry.ts'
import { SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import { appendAsAdmin, requireAdmin } from '../admin-entry.ts'
import { byIds, type CurrentSnapshot, snapshotsReader } from '../current-snapshots.ts'

const WHAT = 'bring snapshots back'
const FORGET = LOG_KINDS.indexOf('forget') + 1
const GC = LOG_KINDS.indexOf('gc') + 1

export type Undone = {
  /** They were forgotten, and are not any more. */
  readonly back: readonly CurrentSnapshot[]
  /** Of what was last forgotten, those that were pruned. */
  readonly pruned: readonly SnapshotId[]
}

/** All or nothing: `SNAPSHOT_UNKNOWN` where one was pruned. Those that are live already stay so. `KEY_WRONG` for all but admins. */
export async function undoForget(
  repository: Repository,
  ids: readonly SnapshotId[],
): Promise<readonly CurrentSnapshot[]> {
  return bringBack(repository, (all) => byIds(all, ids))
}

/**
 * What the last FORGET entry of the log has forgotten, as far as it is still there. `SNAPSHOT_UNKNOWN` where nothing was
 * ever forgotten, or nothing of that is left; nothing is written where all of it is back already.
 */
export async function undoLastForget(repository: Repository): Promise<Undone> {
  requireAdmin(repository, WHAT)
  const ids = await lastForgotten(repository)
  const wanted = new Set(ids)
  const back = await bringBack(repository, (all) => {
    const left = all.filter(({ id }) => wanted.has(id))
    if (left.length > 0) return left
    throw new SnapError('SNAPSHOT_UNKNOWN', 'what was last forgotten was pruned: it cannot be had back', {
      hint: '`snap snapshots --forgotten` lists what can.',
    })
  })
  return { back, pruned: ids.filter((id) => !repository.log.state.snapshots.has(id)) }
}

/** GC entries that are looked through for snapshots that were pruned. */
const COLLECTIONS_READ_MAX = 1_000

/** A snapshot that was pruned, whose id begins with `prefix`; the newest GC entries name it, as far as they can be read. */
export async function prunedSnapshot(
  repository: Repository,
  prefix: string,
): Promise<SnapshotId | undefined> {
  for await (const ids of prunedSnapshots(repository)) {
    const pruned = ids.find((id) => id.startsWith(prefix))
    if (pruned !== undefined) return pruned
  }
  return undefined
}

/** Those that each of the newest GC entries names, the newest first, as far as they can be read. */
export async function* prunedSnapshots({
  storage,
  id: repositoryId,
  keys,
  manifest,
}: Repository): AsyncGenerator<readonly SnapshotId[]> {
  const log = { storage, repositoryId, logKey: keys.logKey }
  const collections = manifest.log.entries().filter(({ kind, problem }) => kind === GC && problem === null)
  for (const { number } of collections.slice(-COLLECTIONS_READ_MAX).reverse()) {
    const read = readEntry(await readRawEntry(log, number), log)
    if (typeof read !== 'string' && read.payload.kind === 'gc') yield read.payload.snapshots
  }
}

async function bringBack(
  repository: Repository,
  choose: (all: readonly CurrentSnapshot[]) => readonly CurrentSnapshot[],
): Promise<readonly CurrentSnapshot[]> {
  requireAdmin(repository, WHAT)
  const snapshotsOf = await snapshotsReader(repository)
  let back: readonly CurrentSnapshot[] = []
  await appendAsAdmin(repository, WHAT, (state) => {
    back = choose(snapshotsOf(state)).filter(({ forgotten }) => forgotten)
    return back.length === 0 ? undefined : { kind: 'unforget', snapshots: back.map(({ id }) => id) }
  })
  return back
}

/** The ids that the newest FORGET entry names, whatever has become of them. */
async function lastForgotten(repository: Repository): Promise<readonly SnapshotId[]> {
  const { storage, id: repositoryId, keys, manifest } = repository
  const last = manifest.log.entries().findLast(({ kind }) => kind === FORGET)
  if (last === undefined) {
    throw new SnapError('SNAPSHOT_UNKNOWN', 'nothing was ever forgotten', {
      hint: '`snap snapshots` lists what is there.',
    })
  }
  const log = { storage, repositoryId, logKey: keys.logKey }
  const read = readEntry(await readRawEntry(log, last.number), log)
  if (typeof read !== 'string' && read.payload.kind === 'forget') return read.payload.snapshots
  const why = typeof read === 'string' ? read : 'it is another entry now'
  throw new SnapError('OBJECT_DAMAGED', `log entry ${last.number}, the last FORGET, cannot be read: ${why}`, {
    hint: 'Name the snapshots; `snap snapshots --forgotten` lists them.',
  })
}

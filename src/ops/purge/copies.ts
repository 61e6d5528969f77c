/** Makes snapshots without some paths of those that have them, and puts them in their place in the log. It frees nothing. */
import { AssertionError } from '../../base/assert.ts'
import { createSourceFiles } from '../../filesystem/source-files.ts'
import { type ContentKeys, openDetails, type SnapshotDetails } from '../../log/details.ts'
import type { LogState } from '../../log/log-state.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import { PrunedMeanwhile } from '../../repository/pruned-meanwhile.ts'
import type { Repository } from '../../repository/repository.ts'
import { type SnapshotDraft, WriteSession } from '../../repository/write-session.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { treeId } from '../../snapshot/tree.ts'
import type { ExecutorFactory } from '../../workers/executor.ts'
import { appendAsAdmin } from '../admin-entry.ts'
import { type CurrentSnapshot, nameOf, snapshotsReader } from '../current-snapshots.ts'
import { namesOf, type SelectedPath } from '../restore/selection.ts'
import { areSameTags } from '../tag.ts'
import { type PurgePorts, type PurgeTarget, selectionOf } from './plan.ts'
import { RemainingTrees, type Removed } from './remaining-trees.ts'

export const WHAT = 'purge paths'

/** From originals to their copies. */
export type Copies = ReadonlyMap<SnapshotId, SnapshotId>

/**
 * New directories are durable before the first copy is committed; each copy is when this returns. Of the repository's other
 * packs nothing is written. `PrunedMeanwhile` where others pruned what copies rely on: then all is to be looked at anew.
 */
export async function makeCopies(
  repository: Repository,
  paths: readonly SelectedPath[],
  targets: readonly PurgeTarget[],
  { progress, signal }: PurgePorts,
): Promise<Copies> {
  const copies = new Map<SnapshotId, SnapshotId>()
  for (const { snapshot, copy } of targets) if (copy !== undefined) copies.set(snapshot.id, copy.id)
  const fresh = targets.filter(({ copy }) => copy === undefined)
  if (fresh.length === 0) return copies
  const { idKey } = repository.keys
  const write = { compression: 'auto', recheck: true, deltas: false, executor: noFiles } as const
  const details = await detailsReader(repository)
  await using session = await WriteSession.begin(repository, write, createSourceFiles())
  // What others take from here on is in the way of the commit. What they took before, nothing would miss but the copies.
  const { snapshots } = repository.log.state
  if (fresh.some(({ logged }) => !snapshots.has(logged.id))) throw new PrunedMeanwhile()
  const trees = new RemainingTrees(repository, selectionOf(paths), {
    signal,
    store: (bytes) => {
      const content = session.contents.bytes(bytes)
      session.recorder.add(treeId(idKey, content), bytes)
      return content
    },
  })
  const originals = new Map<SnapshotDraft, SnapshotId>()
  progress({ kind: 'total', files: fresh.length, bytes: 0, final: true })
  for (const target of fresh) {
    const { logged, snapshot, removed } = target
    const draft: SnapshotDraft = {
      series: logged.series,
      time: logged.timeMs,
      root: (await trees.without(decodeContent(logged.root))).content,
      details: {
        ...without(details(target), paths, removed),
        tags: snapshot.tags,
        original: snapshot.id,
        place: { number: snapshot.number, committedMs: snapshot.committedMs },
      },
    }
    originals.set(draft, snapshot.id)
  }
  await session.commitAll([...originals.keys()], (id, draft) => {
    const original = originals.get(draft)
    if (original !== undefined) copies.set(original, id)
    progress({ kind: 'done', files: 1, bytes: 0 })
  })
  return copies
}

/** No file is read: what stays of snapshots is stored. */
const noFiles: ExecutorFactory = () => ({
  parallel: 1,
  scanners: 0,
  run: () => Promise.reject(new AssertionError('a purge reads no files')),
  flush: async () => {},
  [Symbol.asyncDispose]: async () => {},
})

async function detailsReader(repository: Repository): Promise<(target: PurgeTarget) => SnapshotDetails> {
  const box = await repository.box()
  const keys = repository.keys as ContentKeys
  return ({ logged, snapshot }) => {
    try {
      return openDetails(box, keys, logged.details)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) throw error
      throw new SnapError('OBJECT_DAMAGED', `no copy can be made of snapshot ${nameOf(snapshot)}`, {
        hint: 'Nothing was changed. Forget it by its id, run `snap prune --undelete-window 0`, then this again.',
        cause: error,
      })
    }
  }
}

/** What details say of paths that go, and the sizes. */
function without(
  details: SnapshotDetails,
  paths: readonly SelectedPath[],
  removed: Removed,
): SnapshotDetails {
  const selection = selectionOf(paths)
  const { summary, unreadable } = details
  const less = (name: string, by: number): Record<string, number> =>
    summary[name] === undefined ? {} : { [name]: Math.max(0, summary[name] - by) }
  return {
    ...details,
    unreadable: unreadable.filter(({ path }) => selection.wants(namesOf(path)) !== 'all'),
    summary: {
      ...summary,
      ...less('total_files_processed', removed.files),
      ...less('total_bytes_processed', removed.bytes),
    },
  }
}

/**
 * Copies are held where their originals are, have the tags that these were given meanwhile (one that was given other tags itself
 * keeps them), and are forgotten where these were; then the originals are let go of and forgotten, but for those whose copies
 * others have forgotten meanwhile: those need new copies. Each step is decided on the log right before its entry, and an original
 * of which something is not its copy's yet, since others were faster, stays: it is a target again. `carried` takes in the sealed
 * tags that this purge has given copies: those do not make them a copy's own.
 */
export async function replaceOriginals(
  repository: Repository,
  copies: Copies,
  lateCopies: readonly SnapshotId[],
  carried: Map<SnapshotId, Uint8Array>,
): Promise<void> {
  const pairs = [...copies]
  const snapshotsOf = await snapshotsReader(repository)
  const replaced = (state: Readonly<LogState>): Replaced[] => {
    const snapshots = snapshotsOf(state)
    const known = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot] as const))
    const standingFor = liveCopies(snapshots)
    return pairs.flatMap(([original, copy]) => {
      const snapshot = known.get(original)
      const copies = standingFor(copy)
      return snapshot === undefined || copies.length === 0 ? [] : [{ original: snapshot, copies }]
    })
  }
  const say = async (
    kind: 'hold' | 'unhold' | 'forget',
    choose: (state: Readonly<LogState>) => readonly SnapshotId[],
  ): Promise<void> => {
    await appendAsAdmin(repository, WHAT, (state) => {
      const snapshots = [...new Set(choose(state))]
      return snapshots.length === 0 ? undefined : { kind, snapshots }
    })
  }
  await say('hold', (state) => {
    const isHeld = (id: SnapshotId): boolean | undefined => state.snapshots.get(id)?.held
    return [
      ...pairs.filter(([original]) => isHeld(original) === true).map(([, copy]) => copy),
      ...replaced(state).flatMap(({ original, copies }) => (original.held ? copies.map(({ id }) => id) : [])),
    ].filter((copy) => isHeld(copy) === false)
  })
  await say('unhold', (state) =>
    replaced(state)
      .filter(({ original, copies }) => original.held && copies.every(({ held }) => held))
      .map(({ original }) => original.id),
  )
  let tags: readonly { readonly snapshot: SnapshotId; readonly sealed: Uint8Array }[] = []
  const given = await appendAsAdmin(repository, WHAT, (state) => {
    tags = replaced(state).flatMap((pair) => tagsToCarry(state, pair, carried))
    return tags.length === 0 ? undefined : { kind: 'tag', tags }
  })
  if (given !== undefined) for (const { snapshot, sealed } of tags) carried.set(snapshot, sealed)
  await say('forget', (state) => {
    const { snapshots } = state
    const isForgotten = (id: SnapshotId): boolean => snapshots.get(id)?.forgotten !== undefined
    const done = replaced(state).filter((pair) => tagsToCarry(state, pair, carried).length === 0)
    const late = pairs.filter(([original]) => isForgotten(original)).map(([, copy]) => copy)
    return [...done.map(({ original }) => original.id), ...late, ...lateCopies].filter(
      (id) => !isForgotten(id),
    )
  })
}

const NO_TAGS = new Uint8Array(0)

type Replaced = {
  readonly original: CurrentSnapshot
  /** Live ones. */
  readonly copies: readonly CurrentSnapshot[]
}

function tagsToCarry(
  { snapshots }: Readonly<LogState>,
  { original, copies }: Replaced,
  carried: ReadonlyMap<SnapshotId, Uint8Array>,
): { snapshot: SnapshotId; sealed: Uint8Array }[] {
  const sealed = snapshots.get(original.id)?.tags
  if (sealed === undefined || original.forgotten) return []
  const isOwn = (id: SnapshotId, tags: Uint8Array): boolean =>
    Buffer.compare(tags, carried.get(id) ?? NO_TAGS) !== 0
  return copies
    .filter(({ id, tags }) => {
      const own = snapshots.get(id)?.tags
      return (own === undefined || !isOwn(id, own)) && !areSameTags(original.tags, tags)
    })
    .map(({ id }) => ({ snapshot: id, sealed }))
}

/** The copy, if it is live, and else the live ones that other purges have made of it. */
function liveCopies(snapshots: readonly CurrentSnapshot[]): (copy: SnapshotId) => CurrentSnapshot[] {
  const known = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot] as const))
  const copies = new Map<SnapshotId, SnapshotId[]>()
  for (const { id, original } of snapshots) {
    if (original !== undefined) copies.set(original, [...(copies.get(original) ?? []), id])
  }
  const seen = new Set<SnapshotId>()
  const standing = (copy: SnapshotId): CurrentSnapshot[] => {
    const snapshot = known.get(copy)
    if (snapshot?.forgotten === false) return [snapshot]
    if (seen.has(copy)) return []
    seen.add(copy)
    return (copies.get(copy) ?? []).flatMap(standing)
  }
  return (copy) => {
    seen.clear()
    return standing(copy)
  }
}

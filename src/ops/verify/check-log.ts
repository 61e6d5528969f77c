/**
 * Reads the whole log again from the storage and folds it from nothing, whatever the manifest remembers of it: a change
 * to an old entry shows in its seal, its signature or the chain.
 */
import { openDetails } from '../../log/details.ts'
import { type AppliedEntry, applyEntry } from '../../log/fold.ts'
import { type Log, readEntries, readRawEntry } from '../../log/log.ts'
import { emptyState, isLive, type LogState } from '../../log/log-state.ts'
import { listNamedBy } from '../../log/read-entry.ts'
import { hasCode } from '../../model/errors.ts'
import type { ListId } from '../../model/ids.ts'
import { listKey, logKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import type { SealedNote } from './healed.ts'
import { type DamageList, isDamage } from './report.ts'

export type CheckedLog = {
  /** The fold as a client that starts anew would have it. */
  readonly state: LogState
  /** List objects that entries name. */
  readonly lists: ReadonlySet<ListId>
  /** The last NOTE entries, oldest first. */
  readonly notes: readonly SealedNote[]
}

/** NOTE entries that are kept. */
const NOTES_MAX = 1_000

/** `head`: the highest number that the storage lists. What a gap has made unreachable is found this way. */
export async function checkLog(
  repository: Repository,
  head: number,
  damages: DamageList,
): Promise<CheckedLog> {
  const { storage, id: repositoryId, keys, config, manifest } = repository
  const log: Log = { storage, repositoryId, logKey: keys.logKey }
  const state = emptyState(config.firstAdmin)
  const lists = new Set<ListId>()
  const notes: SealedNote[] = []
  const seen = new Map(manifest.log.entries().map((row) => [row.number, row.hash] as const))
  const last = Math.max(head, repository.log.state.next - 1)
  let next = 0
  for await (const raw of readEntries(log, 0, last)) {
    const key = logKey(raw.number)
    let entry: AppliedEntry
    try {
      entry = applyEntry(state, raw, log)
    } catch (error) {
      if (!isDamage(error)) throw error
      damages.add(key, error.message)
      break
    }
    const payload = entry.applied?.entry.payload
    if (payload !== undefined && 'list' in payload) lists.add(payload.list.id)
    const said = entry.applied
    if (said?.payload.kind === 'note') {
      notes.push({ number: raw.number, timeMs: said.entry.timeMs, sealed: said.payload.sealed })
      if (notes.length > NOTES_MAX) notes.shift()
    }
    await reportProblems(log, entry, damages)
    const known = seen.get(entry.number)
    if (known !== undefined && Buffer.compare(known, entry.hash) !== 0) {
      damages.add(key, `${key} is another entry than the one that this machine has seen`)
    }
    next = raw.number + 1
  }
  if (next <= last) damages.add(logKey(next), `log entries ${next} to ${last} are missing or do not count`)
  await checkDetails(repository, state, damages)
  return { state, lists, notes }
}

async function reportProblems(
  log: Log,
  { number, problems }: AppliedEntry,
  damages: DamageList,
): Promise<void> {
  if (problems.length === 0) return
  const key = logKey(number)
  const reasons = problems.map(({ reason }) => reason)
  damages.add(key, `${key} does not count or does not fit: ${reasons.join(', ')}`)
  if (!reasons.includes('list-unreadable')) return
  const { bytes } = await readRawEntry(log, number)
  const list = bytes && listNamedBy(bytes, number, log)
  if (list !== undefined)
    damages.add(listKey(list.id), `${listKey(list.id)}, which ${key} names, is absent or damaged`)
}

/** The names, paths and tags of snapshots, for those who may read them. */
async function checkDetails(repository: Repository, state: LogState, damages: DamageList): Promise<void> {
  const { contentPublic, contentSecret } = repository.keys
  if (contentSecret === undefined) return
  const box = await repository.box()
  for (const snapshot of state.snapshots.values()) {
    if (!isLive(snapshot)) continue
    try {
      openDetails(box, { contentPublic, contentSecret }, snapshot.details)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) throw error
      damages.add(
        logKey(snapshot.number),
        `the details of snapshot ${snapshot.id} cannot be read: ${error.message}`,
      )
    }
  }
}

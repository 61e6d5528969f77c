/**
 * Which snapshots are whole again: those that an earlier verification or repair found affected, as its note in the log
 * says, and this one does not. A check that looked less deep proves nothing about what a deeper one found.
 */
import { type Note, openNote } from '../../log/details.ts'
import { unlessDamaged } from '../../model/errors.ts'
import { type SnapshotId, snapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'

const ID = /^[0-9a-f]{32}$/

/** A NOTE entry; `sealed` as it stands there. */
export type SealedNote = { readonly number: number; readonly timeMs: number; readonly sealed: Uint8Array }

export type Healed = {
  readonly snapshot: SnapshotId
  /** What found it affected: `verify` or `repair`. */
  readonly operation: string
  /** Of its note: number of the log entry, and its time in ms since the epoch. */
  readonly number: number
  readonly timeMs: number
}

/** Affected then, and neither now nor gone. `notes`: oldest first. `snapshots`: the live ones. */
export async function findHealed(
  repository: Repository,
  notes: readonly SealedNote[],
  data: boolean,
  snapshots: Iterable<SnapshotId>,
  affected: readonly SnapshotId[],
): Promise<Healed[]> {
  const { contentPublic, contentSecret } = repository.keys
  if (contentSecret === undefined || notes.length === 0) return []
  const box = await repository.box()
  const whole = new Set(snapshots)
  for (const id of affected) whole.delete(id)
  const healed = new Map<SnapshotId, Healed>()
  for (const { number, timeMs, sealed } of [...notes].reverse()) {
    const note = unlessDamaged(() => openNote(box, { contentPublic, contentSecret }, sealed))
    const operation = note?.['operation']
    if (note === undefined || (operation !== 'verify' && operation !== 'repair')) continue
    // What a repair finds damaged it quarantines, and any later check minds that.
    const comparable = data || note['data'] !== true || operation === 'repair'
    if (!comparable) continue
    for (const id of affectedIn(note)) {
      if (whole.has(id) && !healed.has(id)) healed.set(id, { snapshot: id, operation, number, timeMs })
    }
    // Older ones have been compared with this one.
    if (!data || note['data'] === true) break
  }
  return [...healed.values()]
}

function affectedIn(note: Note): SnapshotId[] {
  const ids: unknown = note['affected_snapshots']
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string' && ID.test(id)).map(snapshotId) : []
}

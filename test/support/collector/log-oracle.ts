/**
 * What the log says became of each snapshot, told as plainly as the format tells it: the judge of who may be gone. It shares
 * with the program the decoding of entries, and nothing of the fold.
 */
import { findHead, readRawEntry } from '../../../src/log/log.ts'
import type { LogPayload } from '../../../src/log/payloads.ts'
import { type RawEntry, readEntry } from '../../../src/log/read-entry.ts'
import type { PackId, SeriesId, SnapshotId } from '../../../src/model/ids.ts'
import type { Storage } from '../../../src/model/storage.ts'
import type { Repository } from '../../../src/repository/repository.ts'

export type Fate = { readonly series: SeriesId; forgotten: boolean; held: boolean }

export type ToldByLog = {
  readonly raw: readonly RawEntry[]
  /** Those that must be there, forgotten ones among them. */
  readonly there: ReadonlyMap<SnapshotId, Fate>
  readonly committed: ReadonlySet<SnapshotId>
  readonly condemned: ReadonlySet<PackId>
  readonly gcs: number
  /** Entries after which a series had no snapshot any more that is not forgotten. */
  readonly emptied: readonly number[]
}

/** Entries of this test are all written by an admin, so all that decode count. */
export async function readLog(
  storage: Storage,
  { id, keys }: Pick<Repository, 'id' | 'keys'>,
): Promise<ToldByLog> {
  const log = { storage, repositoryId: id, logKey: keys.logKey }
  const head = await findHead(storage)
  const raw: RawEntry[] = []
  const there = new Map<SnapshotId, Fate>()
  const committed = new Set<SnapshotId>()
  const condemned = new Set<PackId>()
  const emptied: number[] = []
  let gcs = 0
  for (let number = 0; number <= head; number++) {
    const entry = await readRawEntry(log, number)
    raw.push(entry)
    const read = readEntry(entry, log)
    if (typeof read === 'string') throw new Error(`log entry ${number}: ${read}`)
    const { payload } = read
    if (payload.kind === 'commit') {
      committed.add(payload.snapshot)
      there.set(payload.snapshot, { series: payload.series, forgotten: false, held: false })
    } else if (payload.kind === 'gc') {
      gcs += 1
      for (const pack of payload.packs) condemned.add(pack)
      for (const snapshot of payload.snapshots) {
        const fate = there.get(snapshot)
        if (fate?.forgotten === true && !fate.held) there.delete(snapshot)
      }
    } else {
      const before = liveSeries(there)
      change(there, payload)
      if (liveSeries(there) < before) emptied.push(number)
    }
  }
  return { raw, there, committed, condemned, gcs, emptied }
}

function liveSeries(there: ReadonlyMap<SnapshotId, Fate>): number {
  return new Set([...there.values()].filter(({ forgotten }) => !forgotten).map(({ series }) => series)).size
}

function change(there: Map<SnapshotId, Fate>, payload: LogPayload): void {
  if (payload.kind === 'unforget' && payload.snapshots.some((id) => !there.has(id))) return
  if (!('snapshots' in payload)) return
  for (const id of payload.snapshots) {
    const fate = there.get(id)
    if (fate === undefined) continue
    if (payload.kind === 'forget' && !fate.held) fate.forgotten = true
    if (payload.kind === 'unforget') fate.forgotten = false
    if (payload.kind === 'hold') fate.held = true
    if (payload.kind === 'unhold') fate.held = false
  }
}

/** `stats`: how much a repository holds, what it takes, and what deduplication and compression saved. */
import { isLive } from '../log/log-state.ts'
import type { SnapshotRow } from '../manifest/snapshots-table.ts'
import type { ManifestStatistics } from '../manifest/statistics.ts'
import type { SeriesId, SnapshotId } from '../model/ids.ts'
import type { PackKind } from '../model/pack-table.ts'
import { indexIdOf, packIdOf } from '../object/object-keys.ts'
import type { Repository } from '../repository/repository.ts'
import { referencedObjects } from './referenced.ts'

const DAY_MS = 86_400_000
/** In the summary of a snapshot. */
const BYTES_TOTAL = 'total_bytes_processed'

export type PackStats = {
  readonly packs: number
  /** Stored. */
  readonly bytes: number
  readonly chunks: number
  /** Of the chunks before compression. A chunk in two packs counts twice. */
  readonly plainBytes: number
  readonly deltas: DeltaStats
}

/** Chunks that are stored as differences to others. Bytes. */
export type DeltaStats = {
  readonly segments: number
  /** Of their chunks before compression. */
  readonly plainBytes: number
  readonly storedBytes: number
  /** What storing them in full would have taken more, if they got as much smaller as the rest of the packs did. */
  readonly savedBytes: number
}

export type SeriesStats = {
  readonly series: SeriesId
  readonly hostname: string | null
  readonly paths: readonly string[]
  readonly snapshots: number
  readonly latest: { readonly id: SnapshotId; readonly timeMs: number }
  /** Sizes of the files of all its snapshots added up. */
  readonly bytesInSnapshots: number
  /** What its snapshots were the first to store, as they say themselves: before and after compression. */
  readonly bytesAdded: number
  readonly bytesStored: number
  /** Stored bytes that were added for each day from its first snapshot to its last; `undefined` within one day. */
  readonly bytesStoredPerDay: number | undefined
}

export type StatsReport = {
  readonly snapshots: number
  /** Forgotten; their data may still be there. */
  readonly snapshotsForgotten: number
  /** Packs in force. */
  readonly packs: Readonly<Record<PackKind, PackStats>>
  readonly objects: number
  /** Of all objects in the storage, whatever they are. */
  readonly bytesStored: number
  /** Of these, packs and index objects that no log entry names, as unfinished backups leave them. */
  readonly bytesUnreferenced: number
  /** Sizes of the files of all snapshots added up, as far as the snapshots say. */
  readonly bytesInSnapshots: number
  /** Plaintext of the packs in force over their stored bytes; `undefined` without any. */
  readonly compressionRatio: number | undefined
  /** Files of all snapshots over the plaintext of data packs; `undefined` without any. */
  readonly deduplicationRatio: number | undefined
  /** Newest first. */
  readonly series: readonly SeriesStats[]
  readonly manifest: ManifestStatistics
}

/** Lists the storage once and reads all of the manifest. */
export async function stats(repository: Repository): Promise<StatsReport> {
  const { storage, manifest, log } = repository
  const packs = { data: packStats(repository, 'data'), tree: packStats(repository, 'tree') }
  let objects = 0
  let bytesStored = 0
  let bytesUnreferenced = 0
  const referenced = referencedObjects(repository)
  for await (const { key, bytes } of storage.list('')) {
    objects += 1
    bytesStored += bytes
    const [pack, index] = [packIdOf(key), indexIdOf(key)]
    const isStray =
      (pack !== undefined && !referenced.packs.has(pack)) ||
      (index !== undefined && !referenced.indexes.has(index))
    if (isStray) bytesUnreferenced += bytes
  }
  const all = [...log.state.snapshots.values()]
  const snapshots = all.filter(isLive).length
  const bytesInSnapshots = manifest.snapshots
    .list()
    .reduce((sum, { summary }) => sum + numberIn(summary, BYTES_TOTAL), 0)
  return {
    snapshots,
    snapshotsForgotten: all.length - snapshots,
    packs,
    objects,
    bytesStored,
    bytesUnreferenced,
    bytesInSnapshots,
    compressionRatio: ratio(
      packs.data.plainBytes + packs.tree.plainBytes,
      packs.data.bytes + packs.tree.bytes,
    ),
    deduplicationRatio: ratio(bytesInSnapshots, packs.data.plainBytes),
    series: seriesStats(repository),
    manifest: manifest.statistics(),
  }
}

function packStats({ manifest }: Repository, kind: PackKind): PackStats {
  const rows = manifest.packs.list('live').filter((pack) => pack.kind === kind)
  let chunks = 0
  const inFull = { segments: 0, plain: 0, sealed: 0 }
  const asDelta = { segments: 0, plain: 0, sealed: 0 }
  for (const { no } of rows) {
    for (const { chunkLengths, plain, sealed, depth } of manifest.packs.tableOf(no)) {
      chunks += chunkLengths.length
      const part = depth === 0 ? inFull : asDelta
      part.segments += 1
      part.plain += plain
      part.sealed += sealed
    }
  }
  const likely = inFull.plain === 0 ? asDelta.plain : (asDelta.plain * inFull.sealed) / inFull.plain
  return {
    packs: rows.length,
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
    chunks,
    plainBytes: inFull.plain + asDelta.plain,
    deltas: {
      segments: asDelta.segments,
      plainBytes: asDelta.plain,
      storedBytes: asDelta.sealed,
      savedBytes: Math.max(0, Math.round(likely) - asDelta.sealed),
    },
  }
}

function seriesStats({ manifest }: Repository): SeriesStats[] {
  const bySeries = new Map<SeriesId, SnapshotRow[]>()
  for (const row of manifest.snapshots.list()) {
    const rows = bySeries.get(row.series)
    if (rows === undefined) bySeries.set(row.series, [row])
    else rows.push(row)
  }
  return [...bySeries]
    .flatMap(([series, rows]) => oneSeries(series, rows) ?? [])
    .sort((a, b) => b.latest.timeMs - a.latest.timeMs)
}

/** `rows`: in the order of their times. */
function oneSeries(series: SeriesId, rows: readonly SnapshotRow[]): SeriesStats | undefined {
  const [first] = rows
  const last = rows.at(-1)
  if (first === undefined || last === undefined) return undefined
  const sum = (name: string): number =>
    rows.reduce((total, { summary }) => total + numberIn(summary, name), 0)
  const bytesStored = sum('data_added_packed')
  const days = (last.timeMs - first.timeMs) / DAY_MS
  const grown = bytesStored - numberIn(first.summary, 'data_added_packed')
  return {
    series,
    hostname: last.host,
    paths: last.paths,
    snapshots: rows.length,
    latest: { id: last.id, timeMs: last.timeMs },
    bytesInSnapshots: sum(BYTES_TOTAL),
    bytesAdded: sum('data_added'),
    bytesStored,
    bytesStoredPerDay: days < 1 ? undefined : grown / days,
  }
}

/** Other programs may leave it out. */
function numberIn(summary: unknown, name: string): number {
  if (typeof summary !== 'object' || summary === null) return 0
  const value: unknown = Object.entries(summary).find(([key]) => key === name)?.[1]
  return typeof value === 'number' ? value : 0
}

function ratio(whole: number, part: number): number | undefined {
  return part === 0 ? undefined : whole / part
}

/** `stats`: how much a repository holds, what it takes, and what deduplication and compression saved. */
import { isLive } from '../log/log-state.ts'
import type { ManifestStatistics } from '../manifest/statistics.ts'
import type { SeriesId, SnapshotId } from '../model/ids.ts'
import type { PackKind } from '../model/pack-table.ts'
import type { Repository } from '../repository/repository.ts'

export type PackStats = {
  readonly packs: number
  /** Stored. */
  readonly bytes: number
  readonly chunks: number
  /** Of the chunks before compression. A chunk in two packs counts twice. */
  readonly plainBytes: number
}

export type SeriesStats = {
  readonly series: SeriesId
  readonly hostname: string | null
  readonly paths: readonly string[]
  readonly snapshots: number
  readonly latest: { readonly id: SnapshotId; readonly timeMs: number }
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
  for await (const { bytes } of storage.list('')) {
    objects += 1
    bytesStored += bytes
  }
  const all = [...log.state.snapshots.values()]
  const snapshots = all.filter(isLive).length
  const bytesInSnapshots = manifest.snapshots
    .list()
    .reduce((sum, { summary }) => sum + bytesTotalOf(summary), 0)
  return {
    snapshots,
    snapshotsForgotten: all.length - snapshots,
    packs,
    objects,
    bytesStored,
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
  let plainBytes = 0
  for (const { no } of rows) {
    for (const { chunkLengths, plain } of manifest.packs.tableOf(no)) {
      chunks += chunkLengths.length
      plainBytes += plain
    }
  }
  return { packs: rows.length, bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0), chunks, plainBytes }
}

function seriesStats({ manifest }: Repository): SeriesStats[] {
  const found = new Map<SeriesId, SeriesStats>()
  for (const { series, host, paths, id, timeMs } of manifest.snapshots.list()) {
    const snapshots = (found.get(series)?.snapshots ?? 0) + 1
    found.set(series, { series, hostname: host, paths, snapshots, latest: { id, timeMs } })
  }
  return [...found.values()].sort((a, b) => b.latest.timeMs - a.latest.timeMs)
}

/** Other programs may leave it out. */
function bytesTotalOf(summary: unknown): number {
  if (typeof summary !== 'object' || summary === null || !('total_bytes_processed' in summary)) return 0
  return typeof summary.total_bytes_processed === 'number' ? summary.total_bytes_processed : 0
}

function ratio(whole: number, part: number): number | undefined {
  return part === 0 ? undefined : whole / part
}

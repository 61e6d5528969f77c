/** What a repository holds and what it costs. */
import { humanBytes, humanCount, humanPercent } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { renderTable } from '../output/table.ts'

export type RepositoryStats = {
  readonly snapshots: number
  readonly series: number
  readonly packs: number
  readonly chunks: number
  /** Bytes of all files of all snapshots, as if each were a full copy. */
  readonly bytesRestorable: number
  /** Bytes of plaintext after deduplication. */
  readonly bytesUnique: number
  /** Bytes of packs. */
  readonly bytesStored: number
  /** Bytes of everything else in the repository. */
  readonly bytesOther: number
}

export function renderStats(stats: RepositoryStats): string {
  const { bytesRestorable, bytesUnique, bytesStored } = stats
  return renderTable(
    [{ title: '' }, { title: '', align: 'right' }, { title: '' }],
    [
      ['snapshots', humanCount(stats.snapshots), ''],
      ['series', humanCount(stats.series), ''],
      ['packs', humanCount(stats.packs), ''],
      ['chunks', humanCount(stats.chunks), ''],
      ['all snapshots as copies', humanBytes(bytesRestorable), ''],
      ['without duplicates', humanBytes(bytesUnique), humanPercent(bytesUnique, bytesRestorable)],
      ['stored', humanBytes(bytesStored), `${humanPercent(bytesStored, bytesUnique)} of that`],
      ['index, log and keys', humanBytes(stats.bytesOther), ''],
    ],
  ).replace(/^\n/, '')
}

/** restic's names where it has one. */
export function renderStatsJson(stats: RepositoryStats): string {
  const { bytesUnique, bytesStored } = stats
  return jsonLine({
    snapshots_count: stats.snapshots,
    series_count: stats.series,
    total_blob_count: stats.chunks,
    total_pack_count: stats.packs,
    total_restore_size: stats.bytesRestorable,
    total_uncompressed_size: bytesUnique,
    total_size: bytesStored,
    other_size: stats.bytesOther,
    compression_ratio: bytesStored > 0 ? bytesUnique / bytesStored : 0,
  })
}

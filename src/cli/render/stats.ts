/** What a repository holds and what it costs. */
import type { SeriesStats } from '../../ops/stats.ts'
import { humanBytes, humanCount, humanPercent } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { renderTable } from '../output/table.ts'

export type RepositoryStats = {
  readonly snapshots: number
  readonly series: readonly SeriesStats[]
  readonly packs: number
  readonly chunks: number
  /** Bytes of all files of all snapshots, as if each were a full copy. */
  readonly bytesRestorable: number
  /** Bytes of plaintext after deduplication. */
  readonly bytesUnique: number
  readonly deltaSegments: number
  /** Of what is stored as differences: plaintext; stored; and what that saves, most likely. Bytes. */
  readonly bytesInDeltas: number
  readonly bytesOfDeltas: number
  readonly bytesSaved: number
  /** Bytes of packs. */
  readonly bytesStored: number
  /** Bytes of packs and index objects that nothing refers to. */
  readonly bytesUnreferenced: number
  /** Bytes of everything else in the repository. */
  readonly bytesOther: number
}

export function renderStats(stats: RepositoryStats): string {
  const { bytesRestorable, bytesUnique, bytesStored, series } = stats
  const whole = renderTable(
    [{ title: '' }, { title: '', align: 'right' }, { title: '' }],
    [
      ['snapshots', humanCount(stats.snapshots), ''],
      ['series', humanCount(series.length), ''],
      ['packs', humanCount(stats.packs), ''],
      ['chunks', humanCount(stats.chunks), ''],
      ['all snapshots as copies', humanBytes(bytesRestorable), ''],
      ['without duplicates', humanBytes(bytesUnique), ofCopies(bytesUnique, bytesRestorable)],
      ['stored', humanBytes(bytesStored), `${humanPercent(bytesStored, bytesUnique)} of that`],
      [
        'of it as differences',
        humanBytes(stats.bytesOfDeltas),
        stats.deltaSegments === 0
          ? ''
          : `for ${humanBytes(stats.bytesInDeltas)}: saves about ${humanBytes(stats.bytesSaved)}`,
      ],
      ['index, log and keys', humanBytes(stats.bytesOther), ''],
      ...(stats.bytesUnreferenced === 0
        ? []
        : [['of unfinished backups', humanBytes(stats.bytesUnreferenced), '`snap prune` says more']]),
    ],
  ).replace(/^\n/, '')
  return series.length === 0 ? whole : `${whole}\n${renderSeries(series)}`
}

/** Packs hold more than the snapshots' files: where that outweighs what the files share, a share of them would say nothing. */
function ofCopies(unique: number, restorable: number): string {
  return unique > restorable
    ? 'with directories, what is forgotten or unused, and what differences build on'
    : humanPercent(unique, restorable)
}

const SERIES_COLUMNS = [
  { title: 'series' },
  { title: 'snapshots', align: 'right' },
  { title: 'as copies', align: 'right' },
  { title: 'added', align: 'right' },
  { title: 'stored', align: 'right' },
  { title: 'a day', align: 'right' },
] as const

function renderSeries(series: readonly SeriesStats[]): string {
  const rows = series.map((one) => [
    `${one.hostname ?? '?'}: ${one.paths.join(' ')}`,
    humanCount(one.snapshots),
    humanBytes(one.bytesInSnapshots),
    humanBytes(one.bytesAdded),
    humanBytes(one.bytesStored),
    one.bytesStoredPerDay === undefined ? '-' : humanBytes(one.bytesStoredPerDay),
  ])
  return renderTable(SERIES_COLUMNS, rows)
}

/** restic's names where it has one. */
export function renderStatsJson(stats: RepositoryStats): string {
  const { bytesUnique, bytesStored } = stats
  return jsonLine({
    snapshots_count: stats.snapshots,
    series_count: stats.series.length,
    total_blob_count: stats.chunks,
    total_pack_count: stats.packs,
    total_restore_size: stats.bytesRestorable,
    total_uncompressed_size: bytesUnique,
    total_size: bytesStored,
    other_size: stats.bytesOther,
    unreferenced_size: stats.bytesUnreferenced,
    delta_segment_count: stats.deltaSegments,
    delta_uncompressed_size: stats.bytesInDeltas,
    delta_size: stats.bytesOfDeltas,
    delta_saved_size: stats.bytesSaved,
    compression_ratio: bytesStored > 0 ? bytesUnique / bytesStored : 0,
    series: stats.series.map((one) => ({
      series: one.series,
      hostname: one.hostname,
      paths: one.paths,
      snapshots_count: one.snapshots,
      latest: one.latest.id,
      total_restore_size: one.bytesInSnapshots,
      data_added: one.bytesAdded,
      data_added_packed: one.bytesStored,
      data_added_packed_per_day: one.bytesStoredPerDay ?? null,
    })),
  })
}

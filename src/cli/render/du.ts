/** What snapshots, series and directories alone take, as a table or for programs. */
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { DuReport } from '../../ops/du/du.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, humanPercent } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { shortId } from './snapshots.ts'

export type ListedUse = {
  readonly report: DuReport
  readonly listed: readonly { readonly id: SnapshotId; readonly row: SnapshotRow }[]
  readonly by: 'snapshot' | 'series' | 'directory'
}

const right = (title: string) => ({ title, align: 'right' }) as const

export function renderDu(use: ListedUse): string {
  const table = { snapshot: snapshotTable, series: seriesTable, directory: directoryTable }[use.by](use)
  return `${table}\n${totals(use.report)}`
}

function snapshotTable({ report, listed }: ListedUse): string {
  const uses = new Map(report.snapshots.map((one) => [one.id, one]))
  const needed = report.snapshots.some(({ bytesNeeded }) => bytesNeeded !== undefined)
  const columns = [{ title: 'id' }, { title: 'time' }, { title: 'host' }, right('size'), right('alone')]
  const rows = listed.map(({ id, row }) => {
    const one = uses.get(id)
    return [
      shortId(id),
      formatLocalTime(row.timeMs),
      row.host ?? '',
      sizeOf(row) === undefined ? '-' : humanBytes(sizeOf(row) ?? 0),
      one === undefined ? 'forgotten' : humanBytes(one.bytesAlone),
      ...(needed ? [one?.bytesNeeded === undefined ? '-' : humanBytes(one.bytesNeeded)] : []),
    ]
  })
  return renderTable(needed ? [...columns, right('with what it shares')] : columns, rows)
}

function seriesTable({ report, listed }: ListedUse): string {
  const rows = seriesOf({ report, listed }).map(({ host, paths, snapshots, bytesAlone }) => [
    `${host ?? '?'}: ${paths.join(' ')}`,
    humanCount(snapshots),
    humanBytes(bytesAlone),
  ])
  return renderTable([{ title: 'series' }, right('snapshots'), right('alone')], rows)
}

function directoryTable({ report }: ListedUse): string {
  const rows = report.directories.map(({ path, files, size, bytesAlone }) => [
    humanBytes(size),
    humanCount(files),
    humanBytes(bytesAlone),
    path,
  ])
  return renderTable([right('size'), right('files'), right('alone'), { title: 'directory' }], rows)
}

function totals({ bytesStored, bytesNeeded, bytesShared, bytesForgotten, bytesUnused }: DuReport): string {
  const rows: [string, number][] = [
    ['stored', bytesStored],
    ['needed by snapshots', bytesNeeded],
    ['of that by several series', bytesShared],
    ['needed by forgotten ones alone', bytesForgotten],
    ['not needed, with headers and padding', bytesUnused],
  ]
  return renderTable(
    [{ title: '' }, right(''), { title: '' }],
    rows.map(([name, bytes]) => [name, humanBytes(bytes), humanPercent(bytes, bytesStored)]),
  ).replace(/^\n/, '')
}

function seriesOf({ report, listed }: Pick<ListedUse, 'report' | 'listed'>) {
  return report.series.flatMap(({ series, snapshots, bytesAlone }) => {
    const newest = listed.findLast(({ row }) => row.series === series)?.row
    return newest === undefined
      ? []
      : [{ series, host: newest.host, paths: newest.paths, snapshots, bytesAlone }]
  })
}

function sizeOf({ summary }: SnapshotRow): number | undefined {
  if (typeof summary !== 'object' || summary === null || !('total_bytes_processed' in summary))
    return undefined
  return typeof summary.total_bytes_processed === 'number' ? summary.total_bytes_processed : undefined
}

/** One line for each thing listed, then the totals. */
export function renderDuJson({ report, listed, by }: ListedUse): string {
  const uses = new Map(report.snapshots.map((one) => [one.id, one]))
  const lines = {
    snapshot: () =>
      listed.map(({ id, row }) => ({
        message_type: 'snapshot',
        id,
        short_id: shortId(id),
        series: row.series,
        hostname: row.host,
        paths: row.paths,
        total_size: sizeOf(row) ?? null,
        bytes_alone: uses.get(id)?.bytesAlone ?? null,
        chunks_alone: uses.get(id)?.chunksAlone ?? null,
        bytes_needed: uses.get(id)?.bytesNeeded ?? null,
      })),
    series: () =>
      seriesOf({ report, listed }).map(({ series, host, paths, snapshots, bytesAlone }) => ({
        message_type: 'series',
        series,
        hostname: host,
        paths,
        snapshots_count: snapshots,
        bytes_alone: bytesAlone,
      })),
    directory: () =>
      report.directories.map(({ path, files, size, bytesAlone }) => ({
        message_type: 'directory',
        ...jsonPath(path),
        snapshot: listed[0]?.id ?? null,
        total_files: files,
        total_size: size,
        bytes_alone: bytesAlone,
      })),
  }[by]()
  const summary = {
    message_type: 'summary',
    bytes_stored: report.bytesStored,
    bytes_needed: report.bytesNeeded,
    bytes_shared: report.bytesShared,
    bytes_forgotten: report.bytesForgotten,
    bytes_unused: report.bytesUnused,
  }
  return [...lines, summary].map(jsonLine).join('')
}

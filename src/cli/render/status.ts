/** How it stands: a table of jobs, one of repositories, one of other series; for programs one line. */

import { formatDuration } from '../../base/duration.ts'
import type { SnapshotMoment, StatusReport } from '../../jobs/status/report.ts'
import { jsonOfReport } from '../../jobs/status/report-json.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanPercent, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { recoveryCells, renderReasons, resultOf } from './drill.ts'
import { shortId } from './snapshots.ts'

const JOB_COLUMNS = [
  { title: 'job' },
  { title: 'health' },
  { title: 'last good' },
  { title: 'age', align: 'right' },
  { title: 'last run' },
  { title: 'good runs', align: 'right' },
  { title: 'next run' },
] as const

const DRILL_COLUMNS = [
  { title: 'drill' },
  { title: 'job' },
  { title: 'last drill' },
  { title: 'age', align: 'right' },
  { title: 'result' },
  { title: 'recovery', align: 'right' },
  { title: 'may take', align: 'right' },
] as const

const REPOSITORY_COLUMNS = [
  { title: 'repository' },
  { title: 'snapshots', align: 'right' },
  { title: 'size', align: 'right' },
  { title: 'growth', align: 'right' },
  { title: 'disk free', align: 'right' },
  { title: 'full in', align: 'right' },
  { title: 'verified' },
] as const

const ARCHIVE_COLUMNS = [
  { title: 'archived WAL' },
  { title: 'repository' },
  { title: 'health' },
  { title: 'newest' },
  { title: 'age', align: 'right' },
] as const

const SERIES_COLUMNS = [
  { title: 'other series' },
  { title: 'health' },
  { title: 'last good' },
  { title: 'age', align: 'right' },
  { title: 'snapshots', align: 'right' },
] as const

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderStatus(report: StatusReport, timeZone?: string): string {
  const tables = [jobTable, drillTable, repositoryTable, archiveTable, seriesTable]
  return tables
    .map((table) => table(report, timeZone))
    .filter((part) => part !== '')
    .join('\n')
}

function jobTable({ jobs, at }: StatusReport, timeZone: string | undefined): string {
  if (jobs.length === 0) return ''
  const rows = jobs.map((job) => [
    job.job,
    job.health,
    ...momentCells(job.lastGood, at, timeZone),
    job.isRunning ? 'running' : (job.lastRun?.outcome ?? ''),
    job.runs.all === 0 ? '' : `${job.runs.good} of ${job.runs.all}`,
    job.nextRun === undefined ? '' : formatLocalTime(job.nextRun, timeZone),
  ])
  const reasons = jobs.flatMap(({ job, reasons: why }) =>
    why.map((reason) => `${job}: ${safeText(reason)}\n`),
  )
  return renderTable(JOB_COLUMNS, rows) + reasons.join('')
}

function drillTable({ drills, at }: StatusReport, timeZone: string | undefined): string {
  if (drills.length === 0) return ''
  const rows = drills.map((drill) => [
    drill.drill,
    drill.job,
    drill.lastRun === undefined ? 'never' : formatLocalTime(drill.lastRun.startedMs, timeZone),
    drill.lastRun === undefined ? '' : formatDuration(at - drill.lastRun.startedMs),
    resultOf(drill),
    ...recoveryCells(drill),
  ])
  return renderTable(DRILL_COLUMNS, rows) + renderReasons(drills)
}

function repositoryTable({ repositories }: StatusReport, timeZone: string | undefined): string {
  if (repositories.length === 0) return ''
  const rows = repositories.map(
    ({ repository, snapshots, size, growth, disk, daysUntilFull, lastVerify }) => [
      repository,
      snapshots === undefined ? '' : String(snapshots),
      size === undefined ? '' : humanBytes(size),
      growth === undefined ? '' : `${growth < 0 ? '-' : ''}${humanBytes(Math.abs(growth))}/day`,
      disk === undefined ? '' : `${humanBytes(disk.free)} (${humanPercent(disk.free, disk.total)})`,
      daysUntilFull === undefined ? '' : plural(Math.floor(daysUntilFull), 'day'),
      lastVerify === undefined
        ? ''
        : `${formatLocalTime(lastVerify.at, timeZone)}${lastVerify.isGood ? '' : ' DAMAGED'}`,
    ],
  )
  const away = repositories.flatMap(({ repository, unreachable }) =>
    unreachable === undefined ? [] : [`${repository}: cannot be opened: ${safeText(unreachable)}\n`],
  )
  return renderTable(REPOSITORY_COLUMNS, rows) + away.join('')
}

function archiveTable({ archives, at }: StatusReport, timeZone: string | undefined): string {
  if (archives.length === 0) return ''
  const rows = archives.map(({ source, repository, last, late }) => [
    source,
    repository,
    late === undefined ? 'healthy' : 'stale',
    last === undefined ? 'none' : formatLocalTime(last, timeZone),
    last === undefined ? '' : formatDuration(at - last),
  ])
  const reasons = archives.flatMap(({ source, late }) =>
    late === undefined ? [] : [`${source}: ${safeText(late.reason)}\n`],
  )
  return renderTable(ARCHIVE_COLUMNS, rows) + reasons.join('')
}

function seriesTable({ series, at }: StatusReport, timeZone: string | undefined): string {
  if (series.length === 0) return ''
  const rows = series.map(({ host, job, paths, health, lastGood, snapshots }) => [
    `${host} ${job ?? paths.join(' ')}`,
    health ?? '',
    ...momentCells(lastGood, at, timeZone),
    String(snapshots),
  ])
  return renderTable(SERIES_COLUMNS, rows)
}

function momentCells(
  moment: SnapshotMoment | undefined,
  now: number,
  timeZone: string | undefined,
): string[] {
  if (moment === undefined) return ['none', '']
  return [
    `${shortId(moment.id)} ${formatLocalTime(moment.time, timeZone)}`,
    formatDuration(now - moment.time),
  ]
}

export const renderStatusJson = (report: StatusReport): string =>
  jsonLine({ message_type: 'status_report', ...jsonOfReport(report) })

/** What a drill has come to, and how drills stand: lines and a table for people, JSON for programs. */
import { formatDuration } from '../../base/duration.ts'
import type { DrilledDatabase, DrillReport } from '../../jobs/drills/drill-report.ts'
import type { DrillStatus, StatusReport } from '../../jobs/status/report.ts'
import { jsonOfDrill } from '../../jobs/status/report-json.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanDuration, plural } from '../output/human.ts'
import { jsonArray, jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { shortId } from './snapshots.ts'

export function renderDrill(report: DrillReport, timeZone?: string): string {
  const { snapshot, files, bytes, databases, probes, failuresTotal, recoveryMs, notKept, kept } = report
  const of = `snapshot ${shortId(snapshot.id)} of ${formatLocalTime(snapshot.time, timeZone)}`
  const lines = [
    `${of}: ${plural(files, 'file')} and ${humanBytes(bytes)} read back and compared`,
    ...databases.map(databaseLine),
    ...probes.map(
      ({ title, failure, durationMs }) =>
        `probe ${title}: ${failure === undefined ? 'passed' : `failed, ${failure}`} (${humanDuration(durationMs)})`,
    ),
    ...notKept.map((what) => `not kept: ${what}`),
    `${failuresTotal === 0 ? 'recovered' : `${plural(failuresTotal, 'check')} failed`} in ${humanDuration(recoveryMs)}`,
    ...(kept === undefined ? [] : [`what was restored stays at ${kept}`]),
  ]
  return lines.map((line) => `${safeText(line)}\n`).join('')
}

function databaseLine({ source, result, tables, rows, reasons }: DrilledDatabase): string {
  const counts =
    tables === undefined || rows === undefined ? '' : `, ${plural(tables, 'table')}, ${plural(rows, 'row')}`
  return `database ${source}: ${result}${counts}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}`
}

export function renderDrillJson(name: string, report: DrillReport): string {
  const { snapshot, recoveryMs, databases, probes, failures, failuresTotal, notKept, kept } = report
  return jsonLine({
    message_type: 'drill_report',
    drill: name,
    ok: failuresTotal === 0,
    snapshot_id: snapshot.id,
    snapshot_time: new Date(snapshot.time).toISOString(),
    categories: report.categories,
    files_checked: report.files,
    bytes_checked: report.bytes,
    recovery_seconds: recoveryMs / 1000,
    databases,
    probes: probes.map(({ title, failure, durationMs }) => ({
      probe: title,
      ok: failure === undefined,
      ...(failure === undefined ? {} : { reason: failure }),
      seconds: durationMs / 1000,
    })),
    failures: failures.map((failure) =>
      failure.kind === 'file' ? { ...failure, ...whatOf(failure.what) } : failure,
    ),
    failures_total: failuresTotal,
    not_kept: notKept,
    ...(kept === undefined ? {} : { kept }),
  })
}

/** A path that is not UTF-8 has its bytes beside it. */
function whatOf(text: string): object {
  const { path, path_b64 } = jsonPath(text)
  return { what: path, ...(path_b64 === undefined ? {} : { what_b64: path_b64 }) }
}

const COLUMNS = [
  { title: 'drill' },
  { title: 'job' },
  { title: 'schedule' },
  { title: 'last drill' },
  { title: 'age', align: 'right' },
  { title: 'result' },
  { title: 'recovery', align: 'right' },
  { title: 'may take', align: 'right' },
  { title: 'next' },
] as const

type Schedules = ReadonlyMap<string, readonly string[]>

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderDrills({ drills, at }: StatusReport, schedules: Schedules, timeZone?: string): string {
  if (drills.length === 0) return 'no drills\n'
  const time = (ms: number | undefined): string => (ms === undefined ? '' : formatLocalTime(ms, timeZone))
  const rows = drills.map((drill) => {
    const { lastRun, nextRun } = drill
    const texts = schedules.get(drill.drill) ?? []
    return [
      drill.drill,
      drill.job,
      texts.length === 0 ? 'none' : texts.join(', '),
      lastRun === undefined ? 'never' : time(lastRun.startedMs),
      lastRun === undefined ? '' : formatDuration(at - lastRun.startedMs),
      resultOf(drill),
      ...recoveryCells(drill),
      time(nextRun),
    ]
  })
  return renderTable(COLUMNS, rows) + renderReasons(drills)
}

export const renderDrillsJson = ({ drills, at }: StatusReport, schedules: Schedules): string =>
  jsonArray(
    drills.map((drill) => ({ ...jsonOfDrill(drill, at), schedule: schedules.get(drill.drill) ?? [] })),
  )

export const resultOf = ({ isRunning, lastRun, overdue }: DrillStatus): string =>
  isRunning ? 'running' : `${lastRun?.outcome ?? ''}${overdue === undefined ? '' : ' (overdue)'}`.trim()

/** What the last good one has measured, and what the objective allows. */
export function recoveryCells({ measured, recoveryTimeMs }: DrillStatus): [string, string] {
  return [
    measured === undefined ? '' : humanDuration(measured.recoveryMs),
    recoveryTimeMs === undefined ? '' : formatDuration(recoveryTimeMs),
  ]
}

export const renderReasons = (drills: readonly DrillStatus[]): string =>
  drills
    .filter(({ health }) => health !== 'unknown')
    .flatMap(({ drill, reasons }) => reasons.map((reason) => `${drill}: ${safeText(reason)}\n`))
    .join('')

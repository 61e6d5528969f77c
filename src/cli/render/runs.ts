/** Runs of jobs: a table for people, an array for programs. */

import type { Run } from '../../jobs/state/run.ts'
import { jsonOfRun } from '../../jobs/state/run-json.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanDuration } from '../output/human.ts'
import { jsonArray } from '../output/json-lines.ts'
import { renderTable } from '../output/table.ts'

const COLUMNS = [
  { title: 'run' },
  { title: 'job' },
  { title: 'kind' },
  { title: 'began' },
  { title: 'took', align: 'right' },
  { title: 'outcome' },
  { title: 'read', align: 'right' },
  { title: 'added', align: 'right' },
  { title: 'why' },
] as const

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderRuns(runs: readonly Run[], nowMs: number, timeZone?: string): string {
  if (runs.length === 0) return 'no runs\n'
  const rows = runs.map((run) => [
    run.id,
    run.job,
    run.kind,
    formatLocalTime(run.startedMs, timeZone),
    tookMs(run, nowMs) === undefined ? '' : humanDuration(tookMs(run, nowMs) ?? 0),
    run.outcome ?? 'running',
    run.bytes === undefined ? '' : humanBytes(run.bytes.read),
    run.bytes === undefined ? '' : humanBytes(run.bytes.added),
    run.message ?? '',
  ])
  return renderTable(COLUMNS, rows)
}

/** Nobody knows it of one that died. */
function tookMs({ startedMs, endedMs, outcome }: Run, nowMs: number): number | undefined {
  if (outcome === 'skipped') return undefined
  if (endedMs !== undefined) return endedMs - startedMs
  return outcome === undefined ? nowMs - startedMs : undefined
}

export const renderRunsJson = (runs: readonly Run[]): string => jsonArray(runs.map(jsonOfRun))

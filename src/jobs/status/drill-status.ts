/** How it stands with a drill, from what this machine remembers. */
import { formatDuration } from '../../base/duration.ts'
import type { Objective } from '../config/config.ts'
import type { DrillConfig } from '../config/drill.ts'
import type { Schedule } from '../schedule/schedule.ts'
import type { State } from '../state/state.ts'
import type { GatherRequest } from './gather.ts'
import { knownSince, momentOf, nextRun } from './gather-parts.ts'
import { scheduledDeadline } from './job-health.ts'
import { recallMeasured } from './measured.ts'
import type { DrillStatus, Health, Measured, RunMoment, Stale } from './report.ts'

export function drillStatus(state: State, request: GatherRequest, drill: DrillConfig): DrillStatus {
  const { key, nowMs, config } = request
  const { name, job, schedule } = drill
  const lastRun = momentOf(state.runs.lastEnded(key, name, 'drill'))
  const isRunning = state.isRunning(key, name)
  const measured = recallMeasured(state, key, name)
  const recoveryTimeMs = strictest(drill, config.objectives)
  const known = knownSince(state, key, name, nowMs)
  const overdue =
    schedule === undefined ? undefined : overdueOf(schedule, lastRun?.startedMs ?? known, isRunning, nowMs)
  return {
    drill: name,
    job: job.name,
    repository: job.repository.name,
    ...healthOf(lastRun, overdue, slowness(measured, recoveryTimeMs)),
    lastRun,
    measured,
    recoveryTimeMs,
    overdue,
    knownSince: known,
    isRunning,
    nextRun: nextRun(drill, request),
  }
}

/** Whether a drill brings all of a category back. */
export function restores({ job, categories, types, paths }: DrillConfig, category: string): boolean {
  if (categories.length + types.length + paths.length === 0) return job.scope.includes(category)
  // Data types narrow categories down.
  return types.length === 0 && categories.includes(category)
}

function strictest(drill: DrillConfig, objectives: ReadonlyMap<string, Objective>): number | undefined {
  const times = [...objectives.values()].flatMap(({ category, recoveryTimeMs }) =>
    recoveryTimeMs !== undefined && restores(drill, category) ? [recoveryTimeMs] : [],
  )
  return times.length === 0 ? undefined : Math.min(...times)
}

function overdueOf(schedule: Schedule, from: number, isRunning: boolean, nowMs: number): Stale | undefined {
  const deadline = scheduledDeadline(schedule, from, isRunning)
  if (deadline === undefined || deadline.stale > nowMs) return undefined
  return { since: deadline.stale, reason: `it was due at ${new Date(deadline.missed).toISOString()}` }
}

function slowness(measured: Measured | undefined, mayMs: number | undefined): string | undefined {
  if (measured === undefined || mayMs === undefined || measured.recoveryMs <= mayMs) return undefined
  return `recovery took ${formatDuration(measured.recoveryMs)}, longer than the ${formatDuration(mayMs)} of its objective`
}

function healthOf(
  lastRun: RunMoment | undefined,
  overdue: Stale | undefined,
  slow: string | undefined,
): { readonly health: Health; readonly reasons: readonly string[] } {
  const isBad = lastRun !== undefined && lastRun.outcome !== 'ok'
  const why = lastRun?.error === undefined ? '' : `: ${lastRun.error}`
  const reasons = [
    ...(isBad ? [`the last drill ${WORDS[lastRun.outcome]}${why}`] : []),
    ...(overdue === undefined ? [] : [`it is overdue: ${overdue.reason}`]),
    ...(slow === undefined ? [] : [slow]),
  ]
  if (isBad) return { health: lastRun.outcome === 'interrupted' ? 'stale' : 'critical', reasons }
  if (overdue !== undefined || slow !== undefined) return { health: 'stale', reasons }
  return lastRun === undefined
    ? { health: 'unknown', reasons: ['it was never run'] }
    : { health: 'healthy', reasons }
}

const WORDS: Readonly<Record<RunMoment['outcome'], string>> = {
  ok: 'was good',
  incomplete: 'is incomplete',
  failed: 'failed',
  interrupted: 'was interrupted',
  died: 'died',
}

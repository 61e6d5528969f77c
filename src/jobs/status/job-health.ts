/** How it stands with a job, and why. Pure. */
import { formatDuration } from '../../base/duration.ts'
import type { Schedule } from '../schedule/schedule.ts'
import type { Health, RunMoment, SnapshotMoment, Stale } from './report.ts'

export type JobFacts = {
  readonly nowMs: number
  readonly schedule: Schedule | undefined
  readonly maxAgeMs: number | undefined
  readonly lastGood: SnapshotMoment | undefined
  readonly lastRun: RunMoment | undefined
  readonly isRunning: boolean
  /** Since when this machine knows the job. ms */
  readonly knownSince: number
  /** Why its repository cannot be opened. */
  readonly unreachable: string | undefined
  readonly isDamaged: boolean
}

export type JobHealth = {
  readonly health: Health
  readonly reasons: readonly string[]
  readonly stale: Stale | undefined
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Of the time between two runs, that the second may take before the first is too old. */
const GRACE_SHARE = 1 / 12

type Finding = readonly [health: 'stale' | 'critical', reason: string]

export function jobHealth(facts: JobFacts): JobHealth {
  const { lastRun, lastGood, unreachable, isDamaged } = facts
  const deadline = deadlineOf(facts)
  const findings: Finding[] = []
  if (unreachable !== undefined)
    findings.push(['critical', `its repository cannot be opened: ${unreachable}`])
  if (isDamaged) findings.push(['critical', 'the last verification of its repository found damage'])
  if (lastRun !== undefined) findings.push(...ofRun(lastRun))
  if (lastGood === undefined && lastRun !== undefined)
    findings.push(['critical', 'it has no complete snapshot'])
  if (lastGood !== undefined && lastGood.time > facts.nowMs + DAY_MS)
    findings.push([
      'stale',
      `its last complete snapshot says that it is of ${new Date(lastGood.time).toISOString()}: is a clock wrong?`,
    ])
  const isLate = deadline !== undefined && deadline.stale <= facts.nowMs
  if (isLate) findings.push([deadline.critical <= facts.nowMs ? 'critical' : 'stale', deadline.reason])
  const stale = isLate ? { since: deadline.stale, reason: deadline.reason } : undefined
  const reasons = findings.map(([, reason]) => reason)
  if (findings.some(([health]) => health === 'critical')) return { health: 'critical', reasons, stale }
  if (findings.length > 0) return { health: 'stale', reasons, stale }
  if (lastGood === undefined) return { health: 'unknown', reasons: ['it was never run'], stale }
  return { health: 'healthy', reasons, stale }
}

function ofRun({ outcome, error }: RunMoment): Finding[] {
  const why = error === undefined ? '' : `: ${error}`
  switch (outcome) {
    case 'ok':
      return []
    case 'incomplete':
      return [['stale', `the last run is incomplete${why}`]]
    case 'interrupted':
      return [['stale', `the last run was interrupted${why}`]]
    case 'died':
      return [['critical', `the last run died${why}`]]
    case 'failed':
      return [['critical', `the last run failed${why}`]]
  }
}

type Deadline = { readonly stale: number; readonly critical: number; readonly reason: string }

/** From when on the last good snapshot is too old. */
function deadlineOf(facts: JobFacts): Deadline | undefined {
  const { maxAgeMs, schedule, lastGood, nowMs } = facts
  if (maxAgeMs !== undefined) {
    const from = lastGood?.time ?? facts.knownSince
    const age = formatDuration(nowMs - from)
    const may = formatDuration(maxAgeMs)
    const reason =
      lastGood === undefined
        ? `nothing was saved in the ${age} since it was first asked for, and its last complete snapshot may be ${may} old`
        : `its last complete snapshot is ${age} old, and may be ${may}`
    return { stale: from + maxAgeMs, critical: from + 2 * maxAgeMs, reason }
  }
  if (schedule === undefined) return undefined
  // A snapshot is of the moment at which its run began, which is not before it was due.
  const deadline = scheduledDeadline(schedule, lastGood?.time ?? facts.knownSince, facts.isRunning)
  if (deadline === undefined) return undefined
  return {
    ...deadline,
    reason: `nothing was saved since it was due at ${new Date(deadline.missed).toISOString()}`,
  }
}

export type ScheduledDeadline = {
  /** When it was due. ms */
  readonly missed: number
  /** From when on it is late, and very late. ms */
  readonly stale: number
  readonly critical: number
}

/** The first time at which it is due after `from`, and the second, each with its grace. */
export function scheduledDeadline(
  schedule: Schedule,
  from: number,
  isRunning: boolean,
): ScheduledDeadline | undefined {
  const missed = schedule.after(from)
  const next = missed === undefined ? undefined : schedule.after(missed)
  if (missed === undefined || next === undefined) return undefined
  const grace = Math.max(HOUR_MS, (next - missed) * GRACE_SHARE) + schedule.texts.jitterMs
  const underWay = isRunning ? DAY_MS : 0
  return { missed, stale: missed + grace + underWay, critical: next + grace + underWay }
}

/** Which objectives of categories are not met. Pure. */
import { formatDuration } from '../../base/duration.ts'
import type { Config, Objective } from '../config/config.ts'
import { restores } from '../status/drill-status.ts'
import { scheduledDeadline } from '../status/job-health.ts'
import type { DrillStatus, Measured, StatusReport } from '../status/report.ts'
import type { Condition } from './condition.ts'

export const pointKey = (category: string): string => `objective:${category}`
export const timeKey = (category: string): string => `objective:${category}:recovery-time`

type Objectives = Pick<Config, 'objectives' | 'jobs' | 'drills'>

export function missedObjectives(config: Objectives, report: StatusReport): Condition[] {
  return [...config.objectives.values()].flatMap((objective) => [
    ...missedPoint(config, report, objective),
    ...missedTime(config, report, objective),
  ])
}

/** A category is as new as the newest complete snapshot of any job that saves all of it. */
function missedPoint(
  { jobs }: Objectives,
  report: StatusReport,
  { category, recoveryPointMs }: Objective,
): Condition[] {
  if (recoveryPointMs === undefined) return []
  const times = report.jobs
    .filter(({ job }) => jobs.get(job)?.scope.includes(category) === true)
    .flatMap(({ lastGood }) => lastGood?.time ?? [])
  const age = times.length === 0 ? undefined : report.at - Math.max(...times)
  if (age !== undefined && age <= recoveryPointMs) return []
  const may = formatDuration(recoveryPointMs)
  return [
    {
      key: pointKey(category),
      kind: 'objective',
      severity: 'critical',
      title: `the recovery point of ${category} is missed`,
      text:
        age === undefined
          ? `no job has a complete snapshot of it, and one may be ${may} old`
          : `its last complete snapshot is ${formatDuration(age)} old, and may be ${may}`,
      hint: 'Run a job that saves it, or one more often: `snap status` says how they do.',
    },
  ]
}

/** Of a drill without a schedule. ms */
const MEASURED_AGE_MAX_MS = 40 * 86_400_000

/** What the newest good drill of any that restores all of it has measured. */
function missedTime(
  { drills }: Objectives,
  report: StatusReport,
  { category, recoveryTimeMs }: Objective,
): Condition[] {
  if (recoveryTimeMs === undefined) return []
  const covering = report.drills.flatMap((status) => {
    const config = drills.get(status.drill)
    return config !== undefined && restores(config, category) ? [{ status, config }] : []
  })
  const ofCategory = ({ measured }: DrillStatus): Measured | undefined =>
    measured?.categories.includes(category) === true ? measured : undefined
  const [newest] = covering.flatMap(({ status }) => ofCategory(status) ?? []).sort((a, b) => b.at - a.at)
  const isKnown = covering.some(({ status, config: { schedule } }) => {
    const from = ofCategory(status)?.at ?? status.knownSince
    const due = schedule === undefined ? undefined : scheduledDeadline(schedule, from, status.isRunning)
    return report.at < (due?.stale ?? from + MEASURED_AGE_MAX_MS)
  })
  const may = formatDuration(recoveryTimeMs)
  const text =
    newest !== undefined && newest.recoveryMs > recoveryTimeMs
      ? `its recovery took ${formatDuration(newest.recoveryMs)} in the last good drill, longer than the ${may} that it may take`
      : isKnown
        ? undefined
        : covering.length === 0
          ? `no drill restores it, and that may take ${may}`
          : newest === undefined
            ? `no drill has measured it, and it may take ${may}`
            : `no drill has measured it for ${formatDuration(report.at - newest.at)}`
  if (text === undefined) return []
  return [
    {
      key: timeKey(category),
      kind: 'objective',
      severity: 'critical',
      title: `the recovery time of ${category} is missed`,
      text,
      hint: 'Run a drill that restores it: `snap drill --list` says how they do.',
    },
  ]
}

/** Which objectives of categories are not met. Pure. */
import { formatDuration } from '../../base/duration.ts'
import type { Config } from '../config/config.ts'
import type { StatusReport } from '../status/report.ts'
import type { Condition } from './condition.ts'

/** A category is as new as the newest complete snapshot of any job that saves all of it. */
export function missedObjectives(
  { objectives, jobs }: Pick<Config, 'objectives' | 'jobs'>,
  report: StatusReport,
): Condition[] {
  return [...objectives.values()].flatMap(({ category, recoveryPointMs }) => {
    if (recoveryPointMs === undefined) return []
    const times = report.jobs
      .filter(({ job }) => jobs.get(job)?.scope.includes(category) === true)
      .flatMap(({ lastGood }) => lastGood?.time ?? [])
    const age = times.length === 0 ? undefined : report.at - Math.max(...times)
    if (age !== undefined && age <= recoveryPointMs) return []
    const may = formatDuration(recoveryPointMs)
    return [
      {
        key: `objective:${category}`,
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
  })
}

/** Whether anybody would know of a condition: what was renamed, or is not in the configuration any more, is not looked at. Pure. */
import type { Config } from '../config/config.ts'
import type { Condition } from './condition.ts'
import { drillIn } from './drill-conditions.ts'
import { clusterIn } from './late-archive.ts'
import { pointKey, timeKey } from './missed-objectives.ts'

export type Watched = Pick<Config, 'jobs' | 'drills' | 'repositories' | 'objectives' | 'sources'>

export function isWatched(
  { kind, key, job, repository }: Condition,
  { jobs, drills, repositories, objectives, sources }: Watched,
): boolean {
  const cluster = clusterIn(key)
  if (cluster !== undefined) {
    const source = sources.get(cluster)
    return source?.kind === 'postgres-cluster' && source.walAgeMs !== undefined
  }
  const drill = drillIn(key)
  if (drill !== undefined) return drills.has(drill)
  if (kind === 'objective')
    return [...objectives.values()].some(
      ({ category, recoveryPointMs, recoveryTimeMs }) =>
        (key === pointKey(category) && recoveryPointMs !== undefined) ||
        (key === timeKey(category) && recoveryTimeMs !== undefined),
    )
  if (job !== undefined) return jobs.has(job)
  return repository === undefined || repositories.has(repository)
}

/** Whether archived WAL keeps coming, of clusters whose configuration says how old the newest may be. Pure. */
import { formatDuration } from '../../base/duration.ts'
import type { Config } from '../config/config.ts'
import { jobsOfSource } from '../config/jobs-of-source.ts'
import type { RepositoryFacts } from './facts.ts'
import type { ArchiveStatus } from './report.ts'

/** Of a series of archived WAL, what stands for the name of its job: no job is called so. */
export const walSeriesJob = (job: string, source: string): string => `${job}/@${source}`

export type ArchivesRequest = {
  readonly config: Config
  /** Of this machine. */
  readonly host: string
  /** What was seen of a repository, by its name. */
  readonly factsOf: (repository: string) => RepositoryFacts | undefined
}

/** One for each cluster and repository in which a base backup waits for its WAL. What cannot be opened is told of itself. */
export function archivesOf({ config, host, factsOf }: ArchivesRequest): ArchiveStatus[] {
  return [...config.sources.values()].flatMap((source) => {
    if (source.kind !== 'postgres-cluster' || source.walAgeMs === undefined) return []
    const maxAgeMs = source.walAgeMs
    const jobs = jobsOfSource(config, source.name)
    const repositories = new Set(jobs.map(({ repository }) => repository.name))
    return [...repositories].flatMap((repository): ArchiveStatus[] => {
      const { at = 0, unreachable, series = [] } = factsOf(repository) ?? {}
      const own = jobs.filter((job) => job.repository.name === repository)
      const newest = (nameOf: (job: string) => string): number | undefined => {
        const names = new Set(own.map((job) => `${job.host ?? host} ${nameOf(job.name)}`))
        const times = series.flatMap((each) =>
          names.has(`${each.host} ${each.job}`) ? (each.lastGood?.time ?? []) : [],
        )
        return times.length === 0 ? undefined : Math.max(...times)
      }
      const base = newest((job) => job)
      if (base === undefined || unreachable !== undefined) return []
      const last = newest((job) => walSeriesJob(job, source.name))
      // As of the moment at which somebody looked: more may have come since.
      const age = at - (last ?? base)
      const late =
        age <= maxAgeMs
          ? undefined
          : { since: (last ?? base) + maxAgeMs, reason: reasonOf(last, age, maxAgeMs) }
      return [{ source: source.name, repository, last, maxAgeMs, late }]
    })
  })
}

function reasonOf(last: number | undefined, age: number, maxAgeMs: number): string {
  const may = formatDuration(maxAgeMs)
  return last === undefined
    ? `no WAL was archived in the ${formatDuration(age)} since its base backup, and the newest may be ${may} old`
    : `its newest archived WAL is ${formatDuration(age)} old, and may be ${may}`
}

/** Which jobs of a configuration save a source, by its name or in a category. */
import type { Config, JobConfig } from './config.ts'

export function jobsOfSource(
  { jobs, categories }: Pick<Config, 'jobs' | 'categories'>,
  source: string,
): JobConfig[] {
  return [...jobs.values()].filter((job) => {
    const types = job.scope.flatMap((category) => [...(categories.get(category)?.values() ?? [])])
    return job.sources.includes(source) || types.some(({ sources }) => sources.includes(source))
  })
}

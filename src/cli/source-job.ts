/** Which job of the configuration saves a source: its repository is where the source's snapshots are. */
import type { Config, JobConfig } from '../jobs/config/config.ts'
import { jobsOfSource } from '../jobs/config/jobs-of-source.ts'
import { SnapError } from '../model/errors.ts'
import { jobOf } from './configuration.ts'

/** The job that saves the source. `USAGE` where none does, or several with different repositories. */
export function jobWith(config: Config, source: string, name: string | undefined): JobConfig {
  if (name !== undefined) return jobOf(config, name)
  const jobs = jobsOfSource(config, source)
  const [first, ...others] = jobs
  if (first === undefined)
    throw new SnapError('USAGE', `no job saves ${source}`, { hint: 'Name one with --job.' })
  if (others.every(({ repository }) => repository.name === first.repository.name)) return first
  throw new SnapError('USAGE', `several jobs save ${source}, in different repositories`, {
    hint: `Choose one with --job: ${jobs.map((job) => job.name).join(', ')}.`,
  })
}

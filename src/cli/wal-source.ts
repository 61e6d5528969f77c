/** The archive of a source that is a PostgreSQL cluster: where it is, and under which name its snapshots go. */
import { hostname } from 'node:os'
import type { ClusterSource, Config, JobConfig } from '../jobs/config/config.ts'
import { walSeriesJob } from '../jobs/status/archives.ts'
import { SnapError } from '../model/errors.ts'
import { contextFor, loadConfiguration } from './configuration.ts'
import type { CommandContext } from './context.ts'
import { jobWith } from './source-job.ts'

export type WalSource = {
  readonly config: Config
  readonly source: ClusterSource
  readonly job: JobConfig
  /** For the job's repository. */
  readonly context: CommandContext
}

/** `USAGE` where there is no such source, it is no cluster, or no job saves it. */
export async function walSourceOf(
  outer: CommandContext,
  name: string,
  job: string | undefined,
): Promise<WalSource> {
  const config = await loadConfiguration(outer)
  const source = clusterOf(config, name)
  const chosen = jobWith(config, name, job)
  return { config, source, job: chosen, context: contextFor(outer, chosen.repository) }
}

function clusterOf({ sources, file }: Config, name: string): ClusterSource {
  const source = sources.get(name)
  if (source?.kind === 'postgres-cluster') return source
  const known = [...sources.values()]
    .filter(({ kind }) => kind === 'postgres-cluster')
    .map((each) => each.name)
  throw new SnapError(
    'USAGE',
    source === undefined ? `there is no source "${name}" in ${file}` : `${name} is no postgres-cluster`,
    { hint: known.length === 0 ? 'It has no postgres-cluster.' : `There are ${known.join(', ')}.` },
  )
}

/** Snapshots of WAL are series beside those of their job: no scope of a job can be called so. */
export function walSeries({ job, source }: WalSource): { readonly hostname: string; readonly job: string } {
  return { hostname: job.host ?? hostname(), job: walSeriesJob(job.name, source.name) }
}

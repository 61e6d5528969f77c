/** Where a job's snapshots are copied to, as a configuration has it. */
import type { CopyConfig, RepositoryConfig } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { Known } from './read-job.ts'
import { readRetention } from './read-retention.ts'
import type { RawCopy } from './schema/job.ts'
import type { ConfigPath } from './yaml-text.ts'

/** `own`: the job's repository. */
export function readCopies(
  reader: ConfigReader,
  path: ConfigPath,
  raw: readonly (string | RawCopy)[] = [],
  own: RepositoryConfig | undefined,
  { repositories }: Pick<Known, 'repositories'>,
): CopyConfig[] {
  const seen = new Set<string>()
  return raw.flatMap((item, index) => {
    const { to: name, retention, prune = false } = typeof item === 'string' ? { to: item } : item
    const to = repositories.get(name)
    const policy = reader.optional([...path, index, 'retention'], retention, readRetention)
    const problem =
      to === undefined
        ? `there is no repository "${name}"`
        : to.path === own?.path
          ? `${name} is where the job saves`
          : seen.has(name)
            ? `${name} is named twice`
            : undefined
    seen.add(name)
    if (problem !== undefined) reader.problem([...path, index], problem)
    return to === undefined || problem !== undefined ? [] : [{ to, retention: policy, prune }]
  })
}

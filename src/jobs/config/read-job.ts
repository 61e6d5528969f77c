/** Jobs as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import { parseSize } from '../../base/sizes.ts'
import type { JobConfig, RepositoryConfig } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import { readCopies } from './read-copies.ts'
import { readHooks } from './read-hooks.ts'
import { readPing } from './read-ping.ts'
import { readRetention } from './read-retention.ts'
import { readSchedule } from './read-schedule.ts'
import type { RawJob } from './schema/job.ts'
import type { ConfigPath } from './yaml-text.ts'

/** What the configuration has beside, by name. */
export type Known = {
  readonly repositories: ReadonlyMap<string, RepositoryConfig>
  readonly sources: ReadonlySet<string>
  readonly categories: ReadonlySet<string>
  readonly channels: ReadonlySet<string>
}

/** `undefined` where its repository is unknown. */
export function readJob(
  reader: ConfigReader,
  name: string,
  raw: RawJob,
  known: Known,
): JobConfig | undefined {
  const path: ConfigPath = ['jobs', name]
  const { sources = [], scope = [], retention, after = {} } = raw
  checkNames(reader, path, raw, known)
  const repository = repositoryOf(reader, path, raw, known)
  const largestFile = reader.optional([...path, 'exclude-larger-than'], raw['exclude-larger-than'], (size) =>
    parseSize(String(size)),
  )
  const policy = reader.optional([...path, 'retention'], retention, readRetention)
  const schedule = reader.optional([...path, 'schedule'], raw.schedule, readSchedule)
  const maxAgeMs = reader.optional([...path, 'max-age'], raw['max-age'], parseDuration)
  const timeLimitMs = reader.optional([...path, 'time-limit'], raw['time-limit'], parseDuration)
  const hooks = readHooks(reader, path, raw.hooks)
  const copy = readCopies(reader, [...path, 'after', 'copy'], after.copy, repository, known)
  const ping = raw.ping === undefined ? undefined : readPing(reader, [...path, 'ping'], raw.ping)
  if (repository === undefined) return undefined
  return {
    name,
    repository,
    sources,
    scope,
    exclude: raw.exclude ?? [],
    excludeCaches: raw['exclude-caches'] ?? false,
    largestFile,
    oneFileSystem: raw['one-file-system'] ?? false,
    ignoreFiles: raw['ignore-files'] ?? true,
    full: raw.full ?? false,
    compression: raw.compression ?? 'auto',
    label: raw.label,
    tags: raw.tags ?? [],
    host: raw.host,
    retention: policy,
    schedule,
    maxAgeMs,
    timeLimitMs,
    nice: raw.nice,
    ioClass: raw.ionice,
    hooks,
    notify: raw.notify,
    ping,
    after: { verify: after.verify, copy, prune: after.prune ?? false },
  }
}

function checkNames(
  reader: ConfigReader,
  path: ConfigPath,
  { sources = [], scope = [], notify = [] }: RawJob,
  known: Known,
): void {
  for (const [index, source] of sources.entries())
    if (!known.sources.has(source))
      reader.problem([...path, 'sources', index], `there is no source "${source}"`)
  for (const [index, category] of scope.entries())
    if (!known.categories.has(category))
      reader.problem([...path, 'scope', index], `there is no category "${category}"`)
  for (const [index, channel] of notify.entries())
    if (!known.channels.has(channel))
      reader.problem([...path, 'notify', index], `there is no channel "${channel}" among the notifications`)
  if (sources.length === 0 && scope.length === 0) reader.problem(path, 'expected sources, or a scope')
}

function repositoryOf(
  reader: ConfigReader,
  path: ConfigPath,
  raw: RawJob,
  { repositories }: Known,
): RepositoryConfig | undefined {
  const only = repositories.size === 1 ? [...repositories.keys()][0] : undefined
  const name = raw.repository ?? only
  const repository = name === undefined ? undefined : repositories.get(name)
  if (name === undefined && repositories.size > 1)
    reader.problem([...path, 'repository'], 'is missing, and there are several repositories')
  else if (repository === undefined && name !== undefined)
    reader.problem([...path, 'repository'], `there is no repository "${name}"`)
  return repository
}

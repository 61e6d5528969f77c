/** Drills as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import { parsePostgresAddress } from '../sources/postgres-address.ts'
import type { DataType, JobConfig } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { DrillConfig, DrilledDatabases, Probe } from './drill.ts'
import { COMMAND_TIMEOUT_MS, shellLine } from './read-hooks.ts'
import { readSchedule } from './read-schedule.ts'
import type { RawDrill, RawProbe } from './schema/drill.ts'
import type { ConfigPath } from './yaml-text.ts'

/** What the configuration has beside. */
export type KnownJobs = {
  readonly jobs: ReadonlyMap<string, JobConfig>
  /** Those that could not be understood too. */
  readonly jobNames: ReadonlySet<string>
  readonly categories: ReadonlyMap<string, ReadonlyMap<string, DataType>>
}

const TITLE_CHARS_MAX = 60

/** `undefined` where its job is unknown. */
export function readDrill(
  reader: ConfigReader,
  name: string,
  raw: RawDrill,
  known: KnownJobs,
): DrillConfig | undefined {
  const path: ConfigPath = ['drills', name]
  if (known.jobNames.has(name)) reader.problem(path, `there is a job "${name}": call one of them otherwise`)
  if (!known.jobNames.has(raw.job)) reader.problem([...path, 'job'], `there is no job "${raw.job}"`)
  const { categories = [], types = [], into } = raw
  const schedule = reader.optional([...path, 'schedule'], raw.schedule, readSchedule)
  const timeLimitMs = reader.optional([...path, 'time-limit'], raw['time-limit'], parseDuration)
  const databases = readDatabases(reader, [...path, 'databases'], raw.databases)
  const probes = (raw.probes ?? []).map((probe, index) =>
    readProbe(reader, [...path, 'probes', index], probe),
  )
  const job = known.jobs.get(raw.job)
  if (job === undefined) return undefined
  checkSaved(reader, path, job, { categories, types }, known)
  return {
    name,
    job,
    categories,
    types,
    paths: raw.paths ?? [],
    into: into === undefined ? undefined : reader.absolute(into),
    databases,
    probes,
    schedule,
    timeLimitMs,
    nice: raw.nice,
    ioClass: raw.ionice,
    keep: raw.keep ?? 'never',
  }
}

/** What the job does not save cannot come back. */
function checkSaved(
  reader: ConfigReader,
  path: ConfigPath,
  { name, scope }: JobConfig,
  wanted: { readonly categories: readonly string[]; readonly types: readonly string[] },
  { categories }: KnownJobs,
): void {
  for (const [index, category] of wanted.categories.entries())
    if (!scope.includes(category))
      reader.problem([...path, 'categories', index], `the job ${name} does not save a category "${category}"`)
  const types = new Set(scope.flatMap((category) => [...(categories.get(category)?.keys() ?? [])]))
  for (const [index, type] of wanted.types.entries())
    if (!types.has(type))
      reader.problem([...path, 'types', index], `the job ${name} does not save a data type "${type}"`)
}

function readDatabases(
  reader: ConfigReader,
  path: ConfigPath,
  raw: RawDrill['databases'] = true,
): DrilledDatabases {
  if (typeof raw === 'boolean') return { kind: raw ? 'own server' : 'none' }
  const address = reader.secret([...path, 'to'], raw.to)
  if (address.kind === 'text') reader.parsed([...path, 'to'], () => parsePostgresAddress(address.text))
  return { kind: 'server', address }
}

function readProbe(reader: ConfigReader, path: ConfigPath, raw: RawProbe): Probe {
  const { command, env, timeout } = Array.isArray(raw)
    ? { command: raw }
    : typeof raw === 'string'
      ? { command: shellLine(raw) }
      : raw
  const title = typeof raw === 'string' ? raw : command.join(' ')
  const [program = '', ...args] = reader.argv(command)
  return {
    // It runs in the restored directory, and lies beside the configuration.
    argv: [/^\.\.?\//.test(program) ? reader.absolute(program) : program, ...args],
    env: env ?? {},
    timeoutMs: reader.optional([...path, 'timeout'], timeout, parseDuration) ?? COMMAND_TIMEOUT_MS,
    title: title.length > TITLE_CHARS_MAX ? `${title.slice(0, TITLE_CHARS_MAX)}...` : title,
  }
}

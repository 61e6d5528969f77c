/**
 * From the text of `snap.yaml` to what it says: everything is checked before anything is done, and every problem is told with its line.
 */
import { normalize } from 'node:path'
import { parseDuration } from '../../base/duration.ts'
import { hasWildcards } from '../../base/glob.ts'
import { SnapError } from '../../model/errors.ts'
import type { Config, DataType, HistoryConfig } from './config.ts'
import { ConfigReader } from './config-reader.ts'
import { readAlerts, readObjective } from './read-alerts.ts'
import { readChannel } from './read-channel.ts'
import { readDaemon } from './read-daemon.ts'
import { readDrill } from './read-drill.ts'
import { readJob } from './read-job.ts'
import { readMetrics } from './read-ping.ts'
import { readRepository } from './read-repository.ts'
import { readSource } from './read-source.ts'
import type { RawConfig, RawHistory } from './schema/schema.ts'
import { checkShape } from './shape-problems.ts'
import { type ConfigPath, type ConfigProblem, readYaml } from './yaml-text.ts'

export type ConfigText = {
  /** Absolute: what relative paths in it are relative to is its directory. */
  readonly file: string
  readonly text: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export type ReadConfig = {
  readonly config: Config
  /** Paths of passwords that stand in the file as they are. */
  readonly plainSecrets: readonly string[]
}

/** `USAGE` with every problem: `FILE:LINE:COLUMN: what was expected`. */
export function readConfig({ file, text, env }: ConfigText): ReadConfig {
  const yaml = readYaml(text, env)
  if (yaml.problems.length > 0) throw configError(file, yaml.problems)
  const shaped = checkShape(yaml)
  if ('problems' in shaped) throw configError(file, shaped.problems)
  const reader = new ConfigReader(file, yaml)
  const config = { file, ...namesResolved(reader, shaped.raw) }
  if (reader.problems.length > 0) throw configError(file, reader.problems)
  return { config, plainSecrets: reader.plainSecrets }
}

function configError(file: string, problems: readonly ConfigProblem[]): SnapError {
  const lines = problems
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`)
  const [first = '', ...also] = lines
  return new SnapError('USAGE', first, {
    also,
    hint: 'Nothing was done. `snap config init --print` shows a file with every key explained.',
  })
}

function namesResolved(reader: ConfigReader, raw: RawConfig): Omit<Config, 'file'> {
  const repositories = mapOf(raw.repositories, (each, name) => readRepository(reader, name, each))
  if (repositories.size === 0) reader.problem(['repositories'], 'expected at least one repository')
  const sources = mapOf(raw.sources, (each, name) => readSource(reader, name, each))
  // Those that could not be understood too: what names them is not wrong for that.
  const known = new Set(Object.keys(raw.sources ?? {}))
  const categories = mapOf(raw.categories, (types, category) =>
    mapOf(types, (items, type) => readDataType(reader, ['categories', category, type], items, known)),
  )
  const channels = mapOf(raw.notifications, (each, name) => readChannel(reader, name, each))
  const names = {
    repositories,
    sources: known,
    categories: new Set(categories.keys()),
    channels: new Set(Object.keys(raw.notifications ?? {})),
  }
  const jobs = mapOf(raw.jobs, (each, name) => readJob(reader, name, each, names))
  const knownJobs = { jobs, jobNames: new Set(Object.keys(raw.jobs ?? {})), categories }
  const drills = mapOf(raw.drills, (each, name) => readDrill(reader, name, each, knownJobs))
  return {
    repositories,
    sources,
    categories,
    jobs,
    drills,
    history: readHistory(reader, raw.history),
    daemon: readDaemon(reader, raw.daemon),
    channels,
    metrics: readMetrics(reader, raw.metrics),
    alerts: readAlerts(reader, raw.alerts),
    objectives: mapOf(raw.objectives, (each, name) => readObjective(reader, name, each, names.categories)),
  }
}

const KEEP_RUNS_MS = 400 * 86_400_000
const KEEP_LOGS_MS = 90 * 86_400_000

function readHistory(reader: ConfigReader, raw: RawHistory = {}): HistoryConfig {
  const keep = (key: keyof RawHistory): number | undefined =>
    reader.optional(['history', key], raw[key], parseDuration)
  return { keepRunsMs: keep('keep-runs') ?? KEEP_RUNS_MS, keepLogsMs: keep('keep-logs') ?? KEEP_LOGS_MS }
}

/** Texts that begin like a path are globs, all others names of sources. */
function readDataType(
  reader: ConfigReader,
  path: ConfigPath,
  items: readonly string[],
  known: ReadonlySet<string>,
): DataType {
  const globs: string[] = []
  const sources: string[] = []
  for (const [index, item] of items.entries()) {
    if (item.startsWith('~/')) globs.push(reader.absolute(item))
    else if (item.startsWith('/')) globs.push(normalize(item).replace(/(?<=.)\/$/, ''))
    else if (known.has(item)) sources.push(item)
    else
      reader.problem(
        [...path, index],
        hasWildcards(item) || item.includes('/')
          ? 'expected a whole path, from / or ~/'
          : `there is no source "${item}"`,
      )
  }
  return { globs, sources }
}

/** Without those that `read` cannot make anything of. */
function mapOf<From, To>(
  record: Readonly<Record<string, From>> | undefined,
  read: (value: From, name: string) => To | undefined,
): Map<string, To> {
  const map = new Map<string, To>()
  for (const [name, value] of Object.entries(record ?? {})) {
    const to = read(value, name)
    if (to !== undefined) map.set(name, to)
  }
  return map
}

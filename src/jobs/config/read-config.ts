/**
 * From the text of `snap.yaml` to what it says: everything is checked before anything is done, and every problem is told with its line.
 */
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path'
import { parseDuration } from '../../base/duration.ts'
import { hasWildcards } from '../../base/glob.ts'
import { parseSize } from '../../base/sizes.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import type {
  CommandSource,
  Config,
  DataType,
  Hooks,
  JobConfig,
  PostgresConfig,
  RepositoryConfig,
  SecretConfig,
  SourceConfig,
  SqliteSource,
} from './config.ts'
import { readHooks } from './hooks.ts'
import { readRetention } from './retention.ts'
import type { RawConfig, RawHooks, RawJob, RawPostgres, RawRepository, RawSource } from './schema.ts'
import { checkShape, pathText } from './shape-problems.ts'
import { type ConfigPath, type ConfigProblem, readYaml, type YamlText } from './yaml-text.ts'

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
  const reader = new Reader(file, yaml)
  const config = reader.config(shaped.raw)
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

const KINDS = ['files', 'sqlite', 'postgres', 'command'] as const

/** What else may be said of a source. */
const KEYS_OF: Readonly<Record<(typeof KINDS)[number], readonly (keyof RawSource)[]>> = {
  files: ['exclude', 'hooks'],
  sqlite: ['as', 'hooks'],
  postgres: ['hooks'],
  command: ['as', 'env', 'cwd', 'timeout', 'hooks'],
}

const kindsOf = (key: keyof RawSource): string[] =>
  KINDS.filter((kind) => kind === key || KEYS_OF[kind].includes(key))

const FILE_REFERENCE = /^file:(.+)$/s

class Reader {
  readonly #directory: string
  readonly #file: string
  readonly #yaml: YamlText
  readonly problems: ConfigProblem[] = []
  readonly plainSecrets: string[] = []

  constructor(file: string, yaml: YamlText) {
    this.#file = file
    this.#directory = dirname(file)
    this.#yaml = yaml
  }

  config(raw: RawConfig): Config {
    const repositories = mapOf(raw.repositories, (repository, name) => this.#repository(name, repository))
    if (repositories.size === 0) this.#problem(['repositories'], 'expected at least one repository')
    const sources = new Map<string, SourceConfig>()
    for (const [name, source] of Object.entries(raw.sources ?? {})) {
      const read = this.#source(name, source)
      if (read !== undefined) sources.set(name, read)
    }
    const known = new Set(Object.keys(raw.sources ?? {}))
    const categories = mapOf(raw.categories ?? {}, (types, category) =>
      mapOf(types, (items, type) => this.#dataType(['categories', category, type], items, known)),
    )
    const jobs = new Map<string, JobConfig>()
    for (const [name, job] of Object.entries(raw.jobs ?? {})) {
      const read = this.#job(name, job, { repositories, known, categories: new Set(categories.keys()) })
      if (read !== undefined) jobs.set(name, read)
    }
    return { file: this.#file, repositories, sources, categories, jobs }
  }

  #problem(path: ConfigPath, message: string): void {
    this.problems.push({ ...this.#yaml.placeOf(path), message: `${pathText(path)}: ${message}` })
  }

  /** What `parse` gives, or a problem in its words. */
  #parsed<T>(path: ConfigPath, parse: () => T): T | undefined {
    try {
      return parse()
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      this.#problem(path, error.hint === undefined ? messageOf(error) : `${messageOf(error)}. ${error.hint}`)
      return undefined
    }
  }

  /** `~/` is the home directory; what is not absolute is relative to the file's directory. */
  #path(text: string): string {
    if (text === '~' || text.startsWith('~/')) return resolve(join(homedir(), text.slice(1)))
    return isAbsolute(text) ? resolve(text) : resolve(this.#directory, text)
  }

  #repository(name: string, raw: RawRepository): RepositoryConfig {
    const path: ConfigPath = ['repositories', name]
    const given = ['key-file', 'password', 'password-command'].filter((key) => key in raw)
    if (given.length > 1) this.#problem(path, `expected one of ${given.join(', ')}, not several`)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(raw.path))
      this.#problem([...path, 'path'], 'expected a directory; addresses are not supported')
    return {
      name,
      path: this.#path(raw.path),
      secret: this.#secret(path, raw),
      cacheDirectory: raw['cache-dir'] === undefined ? undefined : this.#path(raw['cache-dir']),
    }
  }

  #secret(path: ConfigPath, raw: RawRepository): SecretConfig | undefined {
    if (raw['key-file'] !== undefined) return { kind: 'key file', path: this.#path(raw['key-file']) }
    if (raw['password-command'] !== undefined)
      return { kind: 'password command', command: raw['password-command'] }
    if (raw.password === undefined) return undefined
    const password = this.#text([...path, 'password'], raw.password)
    return password.kind === 'file'
      ? { kind: 'password file', path: password.path }
      : { kind: 'password', text: password.text }
  }

  /** A secret as the file has it: a text, or where it lies. */
  #text(
    path: ConfigPath,
    text: string,
  ): { readonly kind: 'text'; readonly text: string } | { readonly kind: 'file'; readonly path: string } {
    const reference = FILE_REFERENCE.exec(text)
    if (reference?.[1] !== undefined) return { kind: 'file', path: this.#path(reference[1]) }
    if (this.#yaml.writtenAt(path) === text) this.plainSecrets.push(pathText(path))
    return { kind: 'text', text }
  }

  #source(name: string, raw: RawSource): SourceConfig | undefined {
    const path: ConfigPath = ['sources', name]
    const kinds = KINDS.filter((kind) => raw[kind] !== undefined)
    const [kind] = kinds
    if (kind === undefined || kinds.length > 1) {
      this.#problem(path, `expected one of ${KINDS.join(', ')}`)
      return undefined
    }
    for (const key of Object.keys(raw) as (keyof RawSource)[]) {
      if (raw[key] !== undefined && key !== kind && !KEYS_OF[kind].includes(key))
        this.#problem([...path, key], `goes not with ${kind}, but with ${kindsOf(key).join(', ')}`)
    }
    if (kind === 'files') return this.#filesSource(name, raw)
    if (kind === 'postgres' && raw.postgres !== undefined)
      return { kind, name, postgres: this.#postgres(name, raw.postgres), hooks: this.#hooks(path, raw) }
    return kind === 'sqlite' ? this.#sqliteSource(name, raw) : this.#commandSource(name, raw)
  }

  #filesSource(name: string, raw: RawSource): SourceConfig {
    const paths = (raw.files ?? []).map((path) => this.#path(path))
    return {
      kind: 'files',
      name,
      paths,
      exclude: raw.exclude ?? [],
      hooks: this.#hooks(['sources', name], raw),
    }
  }

  #sqliteSource(name: string, raw: RawSource): SqliteSource {
    const path = this.#path(raw.sqlite ?? '')
    const as = this.#fileName(name, raw, basename(path))
    return { kind: 'sqlite', name, path, as, hooks: this.#hooks(['sources', name], raw) }
  }

  /** Of a source in the snapshot. */
  #fileName(name: string, { as }: RawSource, otherwise: string): string {
    if (as === '.' || as === '..' || as?.includes('/') === true)
      this.#problem(['sources', name, 'as'], 'expected a name without slashes')
    return as ?? otherwise
  }

  #postgres(name: string, raw: RawPostgres): PostgresConfig {
    const { database, host, port, user, format = 'custom', globals = false, options = [] } = raw
    const password =
      raw.password === undefined
        ? undefined
        : this.#text(['sources', name, 'postgres', 'password'], raw.password)
    const forbidden = options.findIndex((option) => /^(-F|-f|-Z|--format|--file|--compress)/.test(option))
    if (forbidden >= 0)
      this.#problem(
        ['sources', name, 'postgres', 'options', forbidden],
        'the format, file and compression are not to be chosen here',
      )
    return {
      database,
      host,
      port,
      user,
      password,
      sslMode: raw['ssl-mode'],
      format,
      globals,
      options,
      programs: raw.programs === undefined ? undefined : this.#path(raw.programs),
    }
  }

  #hooks(path: ConfigPath, { hooks = {} }: { readonly hooks?: RawHooks | undefined }): Hooks {
    return readHooks(hooks, {
      absolute: (text) => this.#path(text),
      parsed: (below, parse) => this.#parsed([...path, 'hooks', ...below], parse),
    })
  }

  #commandSource(name: string, raw: RawSource): CommandSource {
    const path: ConfigPath = ['sources', name]
    const [program = '', ...args] = raw.command ?? []
    const { timeout } = raw
    return {
      kind: 'command',
      name,
      argv: [program.startsWith('~/') ? this.#path(program) : program, ...args],
      as: this.#fileName(name, raw, name),
      env: raw.env ?? {},
      cwd: raw.cwd === undefined ? undefined : this.#path(raw.cwd),
      timeoutMs:
        timeout === undefined ? undefined : this.#parsed([...path, 'timeout'], () => parseDuration(timeout)),
      hooks: this.#hooks(path, raw),
    }
  }

  /** Texts that begin like a path are globs, all others names of sources. */
  #dataType(path: ConfigPath, items: readonly string[], known: ReadonlySet<string>): DataType {
    const globs: string[] = []
    const sources: string[] = []
    for (const [index, item] of items.entries()) {
      if (item.startsWith('~/')) globs.push(this.#path(item))
      else if (item.startsWith('/')) globs.push(normalize(item).replace(/(?<=.)\/$/, ''))
      else if (known.has(item)) sources.push(item)
      else
        this.#problem(
          [...path, index],
          hasWildcards(item) || item.includes('/')
            ? 'expected a whole path, from / or ~/'
            : `there is no source "${item}"`,
        )
    }
    return { globs, sources }
  }

  #job(
    name: string,
    raw: RawJob,
    {
      repositories,
      known,
      categories,
    }: {
      readonly repositories: ReadonlyMap<string, RepositoryConfig>
      readonly known: ReadonlySet<string>
      readonly categories: ReadonlySet<string>
    },
  ): JobConfig | undefined {
    const path: ConfigPath = ['jobs', name]
    const only = repositories.size === 1 ? [...repositories.keys()][0] : undefined
    const repositoryName = raw.repository ?? only
    const repository = repositoryName === undefined ? undefined : repositories.get(repositoryName)
    if (repositoryName === undefined && repositories.size > 1)
      this.#problem([...path, 'repository'], 'is missing, and there are several repositories')
    else if (repository === undefined && repositoryName !== undefined)
      this.#problem([...path, 'repository'], `there is no repository "${repositoryName}"`)
    const { sources = [], scope = [] } = raw
    for (const [index, source] of sources.entries())
      if (!known.has(source)) this.#problem([...path, 'sources', index], `there is no source "${source}"`)
    for (const [index, category] of scope.entries())
      if (!categories.has(category))
        this.#problem([...path, 'scope', index], `there is no category "${category}"`)
    if (sources.length === 0 && scope.length === 0) this.#problem(path, 'expected sources, or a scope')
    const largest = raw['exclude-larger-than']
    const { retention } = raw
    const largestFile =
      largest === undefined
        ? undefined
        : this.#parsed([...path, 'exclude-larger-than'], () => parseSize(String(largest)))
    const policy =
      retention === undefined
        ? undefined
        : this.#parsed([...path, 'retention'], () => readRetention(retention))
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
      hooks: this.#hooks(path, raw),
      after: { verify: raw.after?.verify, prune: raw.after?.prune ?? false },
    }
  }
}

function mapOf<From, To>(
  record: Readonly<Record<string, From>>,
  read: (value: From, name: string) => To,
): Map<string, To> {
  return new Map(Object.entries(record).map(([name, value]) => [name, read(value, name)]))
}

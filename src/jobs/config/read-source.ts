/** Sources as a configuration has them. */
import { basename } from 'node:path'
import { parseDuration } from '../../base/duration.ts'
import type {
  ClusterSource,
  CommandSource,
  FilesSource,
  PostgresConfig,
  PostgresServer,
  SourceConfig,
  SqliteSource,
} from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import { readHooks } from './read-hooks.ts'
import type { RawPostgres, RawPostgresCluster, RawPostgresServer } from './schema/postgres.ts'
import type { RawSource } from './schema/source.ts'
import type { ConfigPath } from './yaml-text.ts'

const KINDS = ['files', 'sqlite', 'postgres', 'postgres-cluster', 'command'] as const

/** What else may be said of a source. */
const KEYS_OF: Readonly<Record<(typeof KINDS)[number], readonly (keyof RawSource)[]>> = {
  files: ['exclude', 'hooks'],
  sqlite: ['as', 'hooks'],
  postgres: ['hooks'],
  'postgres-cluster': ['hooks'],
  command: ['as', 'env', 'cwd', 'timeout', 'hooks'],
}

/** What `pg_dump` is told by us. */
const TAKEN_OPTIONS = /^(-F|-f|-Z|--format|--file|--compress)/
/** And `pg_basebackup`: its output is read as it comes, whole, with the WAL that makes it consistent and the list by which it is checked. */
const TAKEN_BASE_OPTIONS =
  /^(-[DFXzZtTRCS]|--(pgdata|format|wal-method|gzip|compress|target|tablespace-mapping|waldir|write-recovery-conf|create-slot|slot|no-slot|no-manifest))/

/** `undefined` where it cannot be told what it is. */
export function readSource(reader: ConfigReader, name: string, raw: RawSource): SourceConfig | undefined {
  const path: ConfigPath = ['sources', name]
  const kinds = KINDS.filter((kind) => raw[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    reader.problem(path, `expected one of ${KINDS.join(', ')}`)
    return undefined
  }
  for (const key of Object.keys(raw) as (keyof RawSource)[]) {
    if (raw[key] !== undefined && key !== kind && !KEYS_OF[kind].includes(key))
      reader.problem([...path, key], `goes not with ${kind}, but with ${kindsWith(key).join(', ')}`)
  }
  const { files, sqlite, postgres, command } = raw
  if (files !== undefined) return filesSource(reader, name, raw, files)
  if (sqlite !== undefined) return sqliteSource(reader, name, raw, sqlite)
  if (command !== undefined) return commandSource(reader, name, raw, command)
  const cluster = raw['postgres-cluster']
  if (cluster !== undefined) return clusterSource(reader, name, raw, cluster)
  if (postgres === undefined) return undefined
  const hooks = readHooks(reader, path, raw.hooks)
  return { kind: 'postgres', name, postgres: readPostgres(reader, [...path, 'postgres'], postgres), hooks }
}

const kindsWith = (key: keyof RawSource): string[] =>
  KINDS.filter((kind) => kind === key || KEYS_OF[kind].includes(key))

function filesSource(
  reader: ConfigReader,
  name: string,
  { exclude = [], hooks }: RawSource,
  files: readonly string[],
): FilesSource {
  const paths = files.map((path) => reader.absolute(path))
  return { kind: 'files', name, paths, exclude, hooks: readHooks(reader, ['sources', name], hooks) }
}

function sqliteSource(reader: ConfigReader, name: string, raw: RawSource, file: string): SqliteSource {
  const path = reader.absolute(file)
  const as = fileName(reader, name, raw, basename(path))
  return { kind: 'sqlite', name, path, as, hooks: readHooks(reader, ['sources', name], raw.hooks) }
}

function commandSource(
  reader: ConfigReader,
  name: string,
  raw: RawSource,
  command: readonly string[],
): CommandSource {
  const path: ConfigPath = ['sources', name]
  const { env = {}, cwd, timeout, hooks } = raw
  return {
    kind: 'command',
    name,
    argv: reader.argv(command),
    as: fileName(reader, name, raw, name),
    env,
    cwd: cwd === undefined ? undefined : reader.absolute(cwd),
    timeoutMs: reader.optional([...path, 'timeout'], timeout, parseDuration),
    hooks: readHooks(reader, path, hooks),
  }
}

/** Of a source in the snapshot. */
function fileName(reader: ConfigReader, name: string, { as }: RawSource, otherwise: string): string {
  if (as === '.' || as === '..' || as?.includes('/') === true)
    reader.problem(['sources', name, 'as'], 'expected a name without slashes')
  return as ?? otherwise
}

function readPostgres(reader: ConfigReader, path: ConfigPath, raw: RawPostgres): PostgresConfig {
  const { database, format = 'custom', globals = false, options = [] } = raw
  const taken = options.findIndex((option) => TAKEN_OPTIONS.test(option))
  if (taken >= 0)
    reader.problem([...path, 'options', taken], 'the format, file and compression are not to be chosen here')
  return { database, ...readServer(reader, path, raw), format, globals, options }
}

function clusterSource(
  reader: ConfigReader,
  name: string,
  raw: RawSource,
  cluster: RawPostgresCluster,
): ClusterSource {
  const path: ConfigPath = ['sources', name, 'postgres-cluster']
  const { options = [] } = cluster
  const taken = options.findIndex((option) => TAKEN_BASE_OPTIONS.test(option))
  if (taken >= 0)
    reader.problem(
      [...path, 'options', taken],
      'the format, place, WAL and manifest are not to be chosen here',
    )
  const hooks = readHooks(reader, ['sources', name], raw.hooks)
  const walAgeMs = reader.optional([...path, 'wal-age'], cluster['wal-age'], parseDuration)
  return {
    kind: 'postgres-cluster',
    name,
    server: readServer(reader, path, cluster),
    walAgeMs,
    options,
    hooks,
  }
}

function readServer(reader: ConfigReader, path: ConfigPath, raw: RawPostgresServer): PostgresServer {
  const { host, port, user, password, programs } = raw
  return {
    host,
    port,
    user,
    password: password === undefined ? undefined : reader.secret([...path, 'password'], password),
    sslMode: raw['ssl-mode'],
    programs: programs === undefined ? undefined : reader.absolute(programs),
  }
}

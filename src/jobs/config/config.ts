/** What a configuration says, as the rest of the program takes it: names resolved, texts parsed. */
import type { RetentionPolicy } from '../../ops/forget/policy.ts'
import type { CompressionMode } from '../../workers/tasks.ts'
import type { Thresholds } from '../alerts/conditions-of.ts'
import type { IoClass } from '../runs/priority.ts'
import type { Schedule } from '../schedule/schedule.ts'
import type { Channel, Metrics, Ping } from './channel.ts'
import type { DrillConfig } from './drill.ts'

export type Config = {
  /** The file that it was read from, absolute. */
  readonly file: string
  readonly repositories: ReadonlyMap<string, RepositoryConfig>
  readonly sources: ReadonlyMap<string, SourceConfig>
  /** By category, then by data type. */
  readonly categories: ReadonlyMap<string, ReadonlyMap<string, DataType>>
  readonly jobs: ReadonlyMap<string, JobConfig>
  /** None is called as a job is. */
  readonly drills: ReadonlyMap<string, DrillConfig>
  readonly history: HistoryConfig
  readonly daemon: DaemonConfig
  /** Ways to tell people, by their names. */
  readonly channels: ReadonlyMap<string, Channel>
  readonly metrics: Metrics
  readonly alerts: Thresholds
  /** By category. */
  readonly objectives: ReadonlyMap<string, Objective>
}

export type Objective = {
  readonly category: string
  /** Its last complete snapshot is to be no older. ms */
  readonly recoveryPointMs: number | undefined
  /** A drill is to have it back, checked and probed, within. ms */
  readonly recoveryTimeMs: number | undefined
}

/** How long this machine remembers. ms */
export type HistoryConfig = { readonly keepRunsMs: number; readonly keepLogsMs: number }

export type DaemonConfig = {
  /** `undefined`: it has no API. */
  readonly listen: ListenAddress | undefined
  readonly token: SecretText | undefined
  readonly jobsAtOnce: number
  /** ms */
  readonly checkEveryMs: number
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Absolute. */
  | { readonly kind: 'unix'; readonly path: string }

/** A secret as the file has it: a text, or where it lies. */
export type SecretText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

export type SecretConfig =
  | { readonly kind: 'key file'; readonly path: string }
  | { readonly kind: 'password'; readonly text: string }
  | { readonly kind: 'password file'; readonly path: string }
  | { readonly kind: 'password command'; readonly command: string }

/** How an S3 store is asked; what is `undefined` the environment says. */
export type StoreConfig = {
  readonly login: { readonly accessKey: string; readonly secretKey: SecretText } | undefined
  readonly region: string | undefined
}

export type RepositoryConfig = {
  readonly name: string
  /** Absolute, or an address in an S3 store. */
  readonly path: string
  /** `undefined`: what the environment or the terminal gives. */
  readonly secret: SecretConfig | undefined
  readonly store: StoreConfig
  readonly cacheDirectory: string | undefined
}

export const HOOK_MOMENTS = ['before', 'after', 'failed', 'finally'] as const
export type HookMoment = (typeof HOOK_MOMENTS)[number]

export type Hook = {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** ms */
  readonly timeoutMs: number
  readonly onError: 'fail' | 'warn' | 'ignore'
}

/** In the order in which they run. */
export type Hooks = Readonly<Record<HookMoment, readonly Hook[]>>

export type SourceConfig = FilesSource | CommandSource | SqliteSource | PostgresSource | ClusterSource

export type FilesSource = {
  readonly kind: 'files'
  readonly name: string
  /** Absolute. */
  readonly paths: readonly string[]
  /** In the syntax of gitignore, anchored at each path. */
  readonly exclude: readonly string[]
  readonly hooks: Hooks
}

export type CommandSource = {
  readonly kind: 'command'
  readonly name: string
  readonly argv: readonly [string, ...string[]]
  /** Of the file in the snapshot. */
  readonly as: string
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  readonly timeoutMs: number | undefined
  readonly hooks: Hooks
}

export type SqliteSource = {
  readonly kind: 'sqlite'
  readonly name: string
  /** Absolute. */
  readonly path: string
  /** Of the file in the snapshot. */
  readonly as: string
  readonly hooks: Hooks
}

/** What is not said is what the programs of PostgreSQL take for themselves (`PGHOST` ...). */
export type PostgresServer = {
  readonly host: string | undefined
  readonly port: number | undefined
  readonly user: string | undefined
  readonly password: SecretText | undefined
  readonly sslMode: string | undefined
  /** The directory with `pg_dump` and the others; `undefined`: what the search path has. */
  readonly programs: string | undefined
}

export type PostgresConfig = PostgresServer & {
  readonly database: string
  readonly format: 'custom' | 'plain'
  /** Roles and tablespaces of the server too. */
  readonly globals: boolean
  /** For `pg_dump`, as they are. */
  readonly options: readonly string[]
}

export type PostgresSource = {
  readonly kind: 'postgres'
  readonly name: string
  readonly postgres: PostgresConfig
  readonly hooks: Hooks
}

/** A server with all that it has. */
export type ClusterSource = {
  readonly kind: 'postgres-cluster'
  readonly name: string
  readonly server: PostgresServer
  /** How old the newest archived WAL may be, while there is a base backup. ms */
  readonly walAgeMs: number | undefined
  /** For `pg_basebackup`, as they are. */
  readonly options: readonly string[]
  readonly hooks: Hooks
}

export type DataType = {
  /** Of whole paths. */
  readonly globs: readonly string[]
  /** Names of sources that belong to it. */
  readonly sources: readonly string[]
}

export type JobConfig = {
  readonly name: string
  readonly repository: RepositoryConfig
  readonly sources: readonly string[]
  /** Names of categories. */
  readonly scope: readonly string[]
  readonly exclude: readonly string[]
  readonly excludeCaches: boolean
  /** Bytes. */
  readonly largestFile: number | undefined
  readonly oneFileSystem: boolean
  readonly ignoreFiles: boolean
  readonly full: boolean
  readonly compression: CompressionMode
  readonly label: string | undefined
  readonly tags: readonly string[]
  readonly host: string | undefined
  readonly retention: RetentionPolicy | undefined
  readonly schedule: Schedule | undefined
  /** Its newest complete snapshot is to be no older. ms */
  readonly maxAgeMs: number | undefined
  /** ms */
  readonly timeLimitMs: number | undefined
  readonly nice: number | undefined
  readonly ioClass: IoClass | undefined
  readonly hooks: Hooks
  /** Names of channels that hear of it; `undefined`: all. */
  readonly notify: readonly string[] | undefined
  readonly ping: Ping | undefined
  readonly after: AfterJob
}

/** In this order; the job's own retention is before the prune. */
export type AfterJob = {
  readonly verify: 'structure' | 'data' | undefined
  readonly copy: readonly CopyConfig[]
  readonly prune: boolean
}

export type CopyConfig = {
  readonly to: RepositoryConfig
  /** Of the job's snapshots there. */
  readonly retention: RetentionPolicy | undefined
  readonly prune: boolean
}

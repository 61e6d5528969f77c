/** Drills, as a configuration has them. */
import type { IoClass } from '../runs/priority.ts'
import type { Schedule } from '../schedule/schedule.ts'
import type { Hook, JobConfig, SecretText } from './config.ts'

export type DrillConfig = {
  readonly name: string
  /** Whose newest complete snapshot is restored. */
  readonly job: JobConfig
  /** What of it: what any of these names; everything where none does. */
  readonly categories: readonly string[]
  readonly types: readonly string[]
  /** Paths and globs of the snapshot. */
  readonly paths: readonly string[]
  /** Absolute; the directory in which one for each run is made. `undefined`: in the state directory. */
  readonly into: string | undefined
  readonly databases: DrilledDatabases
  readonly probes: readonly Probe[]
  readonly schedule: Schedule | undefined
  /** ms */
  readonly timeLimitMs: number | undefined
  readonly nice: number | undefined
  readonly ioClass: IoClass | undefined
  /** Whether what a drill that failed has restored stays. */
  readonly keep: 'never' | 'failed'
}

export type DrilledDatabases =
  | { readonly kind: 'none' }
  /** PostgreSQL: into the server that the source names. */
  | { readonly kind: 'own server' }
  /** An address as `postgresql://USER:PASSWORD@HOST:PORT`. */
  | { readonly kind: 'server'; readonly address: SecretText }

/** A command that ends with 0 where what was restored is as it should be. */
export type Probe = Pick<Hook, 'argv' | 'env' | 'timeoutMs'> & {
  /** As it is told of: its command in short. */
  readonly title: string
}

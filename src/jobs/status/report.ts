/** How it stands with what a configuration protects: what `snap status` prints, metrics are made of and alerts are raised from. */

import type { Outcome } from '../state/run.ts'

/** From the best to the worst; `unknown` where nothing was ever run. */
export const HEALTHS = ['healthy', 'unknown', 'stale', 'critical'] as const
export type Health = (typeof HEALTHS)[number]

/** Whether somebody has to look: not where nothing was ever run, and nothing was missed yet. */
export const isTrouble = (health: Health): boolean => health === 'stale' || health === 'critical'

export type StatusReport = {
  /** ms */
  readonly at: number
  readonly host: string
  /** The worst of all. */
  readonly health: Health
  readonly jobs: readonly JobStatus[]
  readonly drills: readonly DrillStatus[]
  readonly repositories: readonly RepositoryStatus[]
  /** Archived WAL of clusters, as far as its age is bounded. */
  readonly archives: readonly ArchiveStatus[]
  /** What else lies in the repositories: of other machines, other configurations, and what was saved by hand. */
  readonly series: readonly SeriesStatus[]
}

export type JobStatus = {
  readonly job: string
  readonly repository: string
  readonly health: Health
  /** Why it is not healthy: a clause each, without a full stop. */
  readonly reasons: readonly string[]
  /** The newest complete snapshot of its series. */
  readonly lastGood: SnapshotMoment | undefined
  /** Its newest snapshot, complete or not. */
  readonly last: SnapshotMoment | undefined
  /** How old the last good one may be, where the configuration says so. ms */
  readonly maxAgeMs: number | undefined
  /** Where there should be a newer one, by that or by the schedule. */
  readonly stale: Stale | undefined
  readonly lastRun: RunMoment | undefined
  readonly isRunning: boolean
  /** ms; `undefined` without a schedule. */
  readonly nextRun: number | undefined
  /** Of the last 30 days. */
  readonly runs: { readonly all: number; readonly good: number }
}

export type DrillStatus = {
  readonly drill: string
  /** Whose snapshots are restored. */
  readonly job: string
  readonly repository: string
  readonly health: Health
  /** Why it is not healthy: a clause each, without a full stop. */
  readonly reasons: readonly string[]
  readonly lastRun: RunMoment | undefined
  /** The last drill that was good. */
  readonly measured: Measured | undefined
  /** How long it may take, by the strictest objective of what it restores. ms */
  readonly recoveryTimeMs: number | undefined
  /** Where it was due, and was not run. */
  readonly overdue: Stale | undefined
  /** Since when this machine knows the drill. ms */
  readonly knownSince: number
  readonly isRunning: boolean
  /** ms; `undefined` without a schedule. */
  readonly nextRun: number | undefined
}

/** How long a recovery took. */
export type Measured = {
  /** The id of the run. */
  readonly run: string
  /** When it began. ms */
  readonly at: number
  /** Until all was restored, checked and probed. ms */
  readonly recoveryMs: number
  readonly snapshot: SnapshotMoment
  /** Those of which everything came back. */
  readonly categories: readonly string[]
}

export type Stale = {
  /** ms */
  readonly since: number
  /** A clause. */
  readonly reason: string
}

export type SnapshotMoment = {
  readonly id: string
  /** ms */
  readonly time: number
}

/** Of a run that was begun. */
export type RunOutcome = Exclude<Outcome, 'skipped'>
export const RUN_OUTCOMES: readonly RunOutcome[] = ['ok', 'incomplete', 'failed', 'interrupted', 'died']

export type RunMoment = {
  readonly id: string
  /** ms */
  readonly startedMs: number
  /** ms; `undefined` where it is not known. */
  readonly endedMs: number | undefined
  readonly outcome: RunOutcome
  readonly error: string | undefined
  /** Bytes read, and added to the repository. */
  readonly bytes: { readonly read: number; readonly added: number } | undefined
}

export type RepositoryStatus = {
  readonly repository: string
  readonly path: string
  /** Why it cannot be opened. */
  readonly unreachable: string | undefined
  readonly snapshots: number | undefined
  /** Bytes of all its packs. */
  readonly size: number | undefined
  /** Bytes a day, over the days that are on record. */
  readonly growth: number | undefined
  /** Of the file system that it lies on. Bytes. */
  readonly disk: { readonly free: number; readonly total: number } | undefined
  /** At this growth. */
  readonly daysUntilFull: number | undefined
  readonly lastVerify: { /** ms */ readonly at: number; readonly isGood: boolean } | undefined
}

export type ArchiveStatus = {
  /** Name of the source. */
  readonly source: string
  readonly repository: string
  /** When the newest was archived; `undefined` where none was. ms */
  readonly last: number | undefined
  readonly maxAgeMs: number
  /** Where there should be newer WAL. */
  readonly late: Stale | undefined
}

export type SeriesStatus = {
  readonly repository: string
  readonly host: string
  readonly job: string | undefined
  readonly paths: readonly string[]
  readonly snapshots: number
  readonly lastGood: SnapshotMoment | undefined
  readonly last: SnapshotMoment | undefined
  /** `undefined` where nothing says how old the last good one may be. */
  readonly health: Health | undefined
}

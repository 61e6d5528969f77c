/** What a drill has come to. */
import type { SnapshotMoment } from '../status/report.ts'

export type DrillFailure = {
  readonly kind: 'file' | 'database' | 'probe'
  /** A path of the snapshot, the name of a source, a command. */
  readonly what: string
  /** A clause. */
  readonly reason: string
}

export type DrilledDatabase = {
  readonly source: string
  readonly kind: string
  readonly result: 'good' | 'bad' | 'not restored'
  readonly tables?: number | undefined
  readonly rows?: number | undefined
  /** What is wrong with it, or why it was not restored: a clause each. */
  readonly reasons: readonly string[]
}

export type DrilledProbe = {
  readonly title: string
  /** `undefined` where it ended with 0. */
  readonly failure: string | undefined
  readonly durationMs: number
}

export type DrillReport = {
  readonly snapshot: SnapshotMoment
  /** Those of which everything came back, if nothing failed. */
  readonly categories: readonly string[]
  /** Regular files whose bytes were read back and compared, and those bytes. */
  readonly files: number
  readonly bytes: number
  readonly databases: readonly DrilledDatabase[]
  readonly probes: readonly DrilledProbe[]
  /** Of files the first of them. */
  readonly failures: readonly DrillFailure[]
  readonly failuresTotal: number
  /** From the beginning of the drill until all was restored, checked and probed. ms */
  readonly recoveryMs: number
  /** What this platform or target could not keep, in words. */
  readonly notKept: readonly string[]
  /** Where what was restored is still. */
  readonly kept: string | undefined
}

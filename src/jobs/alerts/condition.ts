/** Something that people should know of, for as long as it is so. It does not know who is told, or how. */
import type { SnapshotMoment } from '../status/report.ts'

export const CONDITION_KINDS = [
  'failed',
  'incomplete',
  'stale',
  'unreachable',
  'low-disk',
  'anomaly',
  'objective',
  'drill',
  'damaged',
  'undelivered',
  'unrecorded',
] as const
export type ConditionKind = (typeof CONDITION_KINDS)[number]

/** From the lesser to the greater. */
export const SEVERITIES = ['warning', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

export type Condition = {
  /** The same for as long as it is the same trouble: `failed:nightly`, `low-disk:local`. */
  readonly key: string
  readonly kind: ConditionKind
  readonly severity: Severity
  /** A clause without the host, as `nightly failed`. */
  readonly title: string
  /** What is known of it, in a clause or several without a full stop. */
  readonly text: string
  /** What to do about it: a sentence. */
  readonly hint?: string | undefined
  /** Names of what it is about. */
  readonly job?: string | undefined
  readonly repository?: string | undefined
  /** The id of the run that it follows from. */
  readonly run?: string | undefined
  readonly lastGood?: SnapshotMoment | undefined
}

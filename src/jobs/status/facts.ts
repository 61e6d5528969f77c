/** What was seen in a repository when it was last looked at. It is remembered, as JSON: a status can be given while it is away. */
import type { SnapshotMoment } from './report.ts'

export type RepositoryFacts = {
  /** ms */
  readonly at: number
  /** Why it could not be opened; then nothing else is known. */
  readonly unreachable?: string | undefined
  readonly snapshots?: number | undefined
  /** Bytes of its packs in force. */
  readonly size?: number | undefined
  /** Of the file system that it lies on. Bytes. */
  readonly disk?: { readonly free: number; readonly total: number } | undefined
  readonly series?: readonly SeriesFacts[] | undefined
}

export type SeriesFacts = {
  readonly host: string
  readonly job?: string | undefined
  readonly paths: readonly string[]
  readonly snapshots: number
  readonly lastGood?: SnapshotMoment | undefined
  readonly last?: SnapshotMoment | undefined
}

/** What a verification found. */
export type VerifyFacts = { /** ms */ readonly at: number; readonly isGood: boolean }

/** As it was remembered; `undefined` for what this program has not written. */
export function factsIn(value: unknown): RepositoryFacts | undefined {
  return isRecord(value) && typeof value['at'] === 'number' && isSeries(value['series'])
    ? (value as RepositoryFacts)
    : undefined
}

export function verifyFactsIn(value: unknown): VerifyFacts | undefined {
  return isRecord(value) && typeof value['at'] === 'number' && typeof value['isGood'] === 'boolean'
    ? { at: value['at'], isGood: value['isGood'] }
    : undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
const isSeries = (value: unknown): boolean =>
  value === undefined ||
  (Array.isArray(value) && value.every((each) => isRecord(each) && Array.isArray(each['paths'])))

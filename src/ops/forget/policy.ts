/**
 * What to keep, as a value, and how people write its parts on a command line or in a file. Knows no snapshots.
 */
import { SnapError } from '../../model/errors.ts'
import { PERIODS, type Period } from './calendar.ts'
import type { Span } from './span.ts'

/** The rules that count: the newest snapshots, and the newest one of each of the last hours, days ... */
export const COUNTED: readonly ['last', ...typeof PERIODS] = ['last', ...PERIODS]
export type Counted = 'last' | Period

/** A snapshot is kept where any rule keeps it. A count or a number of days of 0 is no rule. */
export type RetentionPolicy = {
  /** Whole numbers; `Infinity`: all. */
  readonly counts?: Readonly<Partial<Record<Counted, number>>>
  /** All that are newer than this before the newest. */
  readonly within?: Span | undefined
  /** The newest of each hour, day ... that are newer than this before the newest. */
  readonly withinPeriods?: Readonly<Partial<Record<Period, Span>>>
  /** Those that have all tags of one of the lists; an empty list means those without any tag. */
  readonly tags?: readonly (readonly string[])[]
  /** Days before the newest snapshot for which those with the label are kept. `Infinity`: for ever. */
  readonly labelDays?: ReadonlyMap<string, number>
  /** However few the rules keep, so many stay. */
  readonly minCount?: number | undefined
  /** However many the rules keep, only the newest so many stay. Alone: of all. */
  readonly maxCount?: number | undefined
  /** IANA name of the zone whose hours, days, weeks, months and years count. */
  readonly timeZone: string
}

/** Some rule says what to keep; `maxCount` and `minCount` only bound what rules say. */
export function hasKeepRule(policy: RetentionPolicy): boolean {
  return (
    COUNTED.some((name) => (policy.counts?.[name] ?? 0) > 0) ||
    policy.within !== undefined ||
    PERIODS.some((period) => policy.withinPeriods?.[period] !== undefined) ||
    (policy.tags ?? []).length > 0 ||
    [...(policy.labelDays ?? new Map<string, number>()).values()].some((days) => days > 0)
  )
}

/** It would say of no snapshot that it may go. A plan under it keeps everything; callers refuse it. */
export function isEmptyPolicy(policy: RetentionPolicy): boolean {
  return !hasKeepRule(policy) && maxCountOf(policy) === Number.POSITIVE_INFINITY
}

/** `Infinity` where there is none. */
export function maxCountOf({ maxCount = 0 }: RetentionPolicy): number {
  return maxCount > 0 ? maxCount : Number.POSITIVE_INFINITY
}

/** `7`, or `unlimited` for `Infinity`. `USAGE` otherwise. */
export function parseCount(text: string): number {
  const plain = text.trim().toLowerCase()
  if (plain === 'unlimited') return Number.POSITIVE_INFINITY
  if (/^\d{1,9}$/.test(plain)) return Number(plain)
  throw new SnapError('USAGE', `${JSON.stringify(text)} is not a count`, {
    hint: 'Write a whole number from 0, or unlimited.',
  })
}

export type KeepLabel = { readonly label: string; readonly days: number }

/** `incremental=14d`, `full=30`, `yearly=unlimited`. The label may hold `=`. `USAGE` otherwise. */
export function parseKeepLabel(text: string): KeepLabel {
  const match = /^(.+)=\s*(?:(\d{1,6})d?|(unlimited))\s*$/is.exec(text)
  const label = match?.[1]?.trim()
  const days = match?.[3] === undefined ? Number(match?.[2]) : Number.POSITIVE_INFINITY
  if (label === undefined || label === '' || !(days > 0)) {
    throw new SnapError('USAGE', `${JSON.stringify(text)} does not say how many days a label is kept`, {
      hint: 'Write the label, an equals sign and days from 1, as incremental=14d.',
    })
  }
  return { label, days }
}

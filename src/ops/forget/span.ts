/**
 * Stretches of calendar time as `1y5m7d3h`, and the moment that lies one of them before another. Knows no snapshots.
 */
import { SnapError } from '../../model/errors.ts'
import { instantOf, utcInstant, wallTimeAt } from '../zoned-time.ts'

/** Whole numbers from 0; at least one is not. */
export type Span = {
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
}

const HOUR_MS = 3_600_000
const SPAN = /^(?:(\d{1,6})y)?(?:(\d{1,6})m)?(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?$/
/** Wall times before it cannot be written with four digits; a span that reaches back further reaches everything. */
const EARLIEST_MS = Date.UTC(1000, 0, 2)
const LATEST_MS = Date.UTC(9999, 11, 30)

/** `2y5m7d3h`: years, months, weeks (`w`), days and hours, each at most once and in this order. `USAGE` otherwise, and for nothing. */
export function parseSpan(text: string): Span {
  const match = SPAN.exec(text.trim().toLowerCase())
  const [years, months, weeks, days, hours] = [1, 2, 3, 4, 5].map((group) => Number(match?.[group] ?? 0))
  const span = {
    years: years ?? 0,
    months: months ?? 0,
    days: (weeks ?? 0) * 7 + (days ?? 0),
    hours: hours ?? 0,
  }
  if (match === null || Object.values(span).every((value) => value === 0)) {
    throw new SnapError('USAGE', `${JSON.stringify(text)} is not a span of time`, {
      hint: 'Write it as 30d, 12h or 1y6m: years (y), months (m), weeks (w), days (d) and hours (h), in this order.',
    })
  }
  return span
}

/** As it is parsed; weeks as days. */
export function formatSpan(span: Span): string {
  const { years, months, days, hours } = span
  return [
    [years, 'y'],
    [months, 'm'],
    [days, 'd'],
    [hours, 'h'],
  ]
    .map(([value, unit]) => (value === 0 ? '' : `${value}${unit}`))
    .join('')
}

/**
 * ms since the epoch. Years, months and days go back on the calendar of `timeZone` to the same wall time (the month's
 * last day where the day does not exist, the earlier one of a time that happens twice); hours as they pass.
 */
export function spanBefore(instant: number, span: Span, timeZone: string): number {
  return calendarBefore(instant, span, timeZone) - span.hours * HOUR_MS
}

function calendarBefore(instant: number, span: Span, timeZone: string): number {
  if (span.years === 0 && span.months === 0 && span.days === 0) return instant
  const wall = wallTimeAt(Math.min(Math.max(instant, EARLIEST_MS), LATEST_MS), timeZone)
  const monthIndex = (wall.year - span.years) * 12 + wall.month - 1 - span.months
  const year = Math.floor(monthIndex / 12)
  const month = monthIndex - year * 12 + 1
  if (year < 1000) return Number.NEGATIVE_INFINITY
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const shifted = { ...wall, year, month, day: Math.min(wall.day, lastDay) - span.days }
  // Not true of what is not a date at all, either.
  return utcInstant(shifted) >= EARLIEST_MS
    ? instantOf(shifted, timeZone, 'earlier')
    : Number.NEGATIVE_INFINITY
}

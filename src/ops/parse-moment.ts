/**
 * Reads a moment as people write it: ISO 8601 dates and date-times, `yesterday`, `2 hours ago`, `@1700000000`.
 * It knows nothing of snapshots.
 */
import { SnapError } from '../model/errors.ts'
import { instantOf, localTimeZone, utcInstant, type WallTime, wallTimeAt } from './zoned-time.ts'

export type MomentOptions = {
  /** ms since the epoch. */
  readonly now: number
  /** IANA name; the machine's own zone if absent. */
  readonly timeZone?: string | undefined
  /**
   * Which instant of the day or second that the text names: the `last` one (so that "not after it" includes the
   * whole day, and a time copied from a listing finds its snapshot) or the `first` one. `last` if absent.
   */
  readonly edge?: 'first' | 'last' | undefined
}

const EXAMPLES =
  '2025-11-19T02:00, 2025-11-19T02:00:00Z, 2025-11-19, yesterday, "2 hours ago", "3d ago", @1700000000'
const INSTANT_MS_MAX = 8_640_000_000_000_000
const EARLIEST_MS = Date.UTC(1000, 0, 2)
const SECOND_LAST_MS = 999

const DATE = /^([1-9]\d{3})-(\d\d)-(\d\d)$/
const DATE_TIME = /^([1-9]\d{3}-\d\d-\d\d)(?:t| +)(\S+?) *(z|utc|gmt|[+-]\d\d(?::?\d\d)?)?$/
const CLOCK = /^(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?$/
const DAY_AND_CLOCK =
  /^(today|yesterday|(?:last )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?: +(?:at +)?(\S+))?$/
const AGO_PART = /(\d{1,9}|an?(?= )) *([a-z]+)[ ,]*(?:and +)?/y
const UNIX = /^@(-?\d{1,13})(?:\.(\d{1,9}))?$/

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

type Unit = { readonly ms?: number; readonly days?: number; readonly months?: number }
const UNITS = new Map<string, Unit>(
  (
    [
      ['s sec secs second seconds', { ms: 1000 }],
      ['m min mins minute minutes', { ms: 60_000 }],
      ['h hr hrs hour hours', { ms: 3_600_000 }],
      ['d day days', { days: 1 }],
      ['w week weeks', { days: 7 }],
      ['mo month months', { months: 1 }],
      ['y yr yrs year years', { months: 12 }],
    ] as const
  ).flatMap(([names, unit]) => names.split(' ').map((name): [string, Unit] => [name, unit])),
)

/**
 * ms since the epoch. `TIME_UNPARSABLE` for anything else.
 *
 * Without a zone, times are on the wall clock of `timeZone`. Where clocks are put back, a time that happens twice
 * means the later one (for `edge: 'first'` the earlier); where they are put forward, a time that never happens
 * means the first instant after the gap. A day (`2025-11-19`, `yesterday`, `last monday`) means its last
 * millisecond and a time to the second the last millisecond of that second; a time to the minute, a fraction of
 * a second and `@` are meant exactly. `ago` counts seconds, minutes and hours as they pass, but days, weeks,
 * months and years on the calendar: the same wall time, and the month's last day where the day does not exist.
 */
export function parseMoment(text: string, options: MomentOptions): number {
  const plain = text.trim().replaceAll(/\s+/g, ' ').toLowerCase()
  const zone = options.timeZone ?? localTimeZone()
  const { now, edge = 'last' } = options
  const moment =
    plain === 'now'
      ? now
      : (unixTime(plain) ??
        isoDate(plain, zone, edge) ??
        isoDateTime(plain, zone, edge) ??
        dayAndClock(plain, now, zone, edge) ??
        timeAgo(plain, now, zone))
  if (moment === undefined || !(Math.abs(moment) <= INSTANT_MS_MAX)) {
    const hint = `Examples: ${EXAMPLES}.`
    throw new SnapError('TIME_UNPARSABLE', `${JSON.stringify(text)} is not a time that snap understands`, {
      hint,
    })
  }
  return moment
}

type Edge = 'first' | 'last'
type Day = { readonly year: number; readonly month: number; readonly day: number }
type Clock = { readonly hour: number; readonly minute: number; readonly second: number; readonly ms: number }

const MIDNIGHT: Clock = { hour: 0, minute: 0, second: 0, ms: 0 }

function unixTime(text: string): number | undefined {
  const match = UNIX.exec(text)
  return match === null ? undefined : Number(match[1]) * 1000 + milliseconds(match[2])
}

function milliseconds(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'))
}

function parseDay(text: string): Day | undefined {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const day = { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) }
  const carried = new Date(utcInstant({ ...day, ...MIDNIGHT }))
  const exists = carried.getUTCMonth() === day.month - 1 && carried.getUTCDate() === day.day
  return exists ? day : undefined
}

/** The clock as far as it was written; `edge` fills the rest of a second that was written without a fraction. */
function parseClock(text: string, edge: Edge): Clock | undefined {
  const match = CLOCK.exec(text)
  if (match === null) return undefined
  const [, hours, minutes, seconds, fraction] = match
  const wholeSecond = seconds !== undefined && fraction === undefined
  const ms = wholeSecond && edge === 'last' ? SECOND_LAST_MS : milliseconds(fraction)
  const clock = { hour: Number(hours), minute: Number(minutes), second: Number(seconds ?? 0), ms }
  const midnight =
    clock.hour === 24 && clock.minute === 0 && clock.second === 0 && milliseconds(fraction) === 0
  return midnight || (clock.hour < 24 && clock.minute < 60 && clock.second < 60) ? clock : undefined
}

function isoDate(text: string, zone: string, edge: Edge): number | undefined {
  const day = parseDay(text)
  return day === undefined ? undefined : edgeOfDay(day, zone, edge)
}

function edgeOfDay(day: Day, zone: string, edge: Edge): number {
  const start = (days: number): number =>
    instantOf({ ...day, day: day.day + days, ...MIDNIGHT }, zone, 'earlier')
  return edge === 'first' ? start(0) : start(1) - 1
}

function isoDateTime(text: string, zone: string, edge: Edge): number | undefined {
  const match = DATE_TIME.exec(text)
  if (match === null) return undefined
  const [, date = '', time = '', offset] = match
  const day = parseDay(date)
  const clock = parseClock(time, edge)
  if (day === undefined || clock === undefined) return undefined
  if (offset === undefined) return onWall({ ...day, ...clock }, zone, edge)
  const minutes = offsetMinutes(offset)
  return minutes === undefined ? undefined : utcInstant({ ...day, ...clock }) - minutes * 60_000
}

function onWall(wall: WallTime, zone: string, edge: Edge): number {
  return instantOf(wall, zone, edge === 'last' ? 'later' : 'earlier')
}

function offsetMinutes(text: string): number | undefined {
  if (!/^[+-]/.test(text)) return 0
  const digits = text.slice(1).replace(':', '').padEnd(4, '0')
  const hours = Number(digits.slice(0, 2))
  const minutes = Number(digits.slice(2))
  if (hours > 23 || minutes > 59) return undefined
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

function dayAndClock(text: string, now: number, zone: string, edge: Edge): number | undefined {
  const today = wallTimeAt(now, zone)
  const bare = parseClock(text, edge)
  if (bare !== undefined) return onWall({ ...today, ...bare }, zone, edge)
  const match = DAY_AND_CLOCK.exec(text)
  if (match === null) return undefined
  const [, word = '', time] = match
  const day = { ...today, day: today.day - daysBack(word, today) }
  if (time === undefined) return edgeOfDay(day, zone, edge)
  const clock = parseClock(time, edge)
  return clock === undefined ? undefined : onWall({ ...day, ...clock }, zone, edge)
}

/** `monday` and `last monday` both mean the latest one before today. */
function daysBack(word: string, today: WallTime): number {
  if (word === 'today') return 0
  if (word === 'yesterday') return 1
  const weekday = WEEKDAYS.indexOf(word.replace('last ', ''))
  const todaysWeekday = new Date(utcInstant(today)).getUTCDay()
  return ((todaysWeekday - weekday + 6) % 7) + 1
}

function timeAgo(text: string, now: number, zone: string): number | undefined {
  if (!text.endsWith(' ago')) return undefined
  const parts = text.slice(0, -' ago'.length)
  const total = { ms: 0, days: 0, months: 0 }
  AGO_PART.lastIndex = 0
  while (AGO_PART.lastIndex < parts.length) {
    const [, count = '', name = ''] = AGO_PART.exec(parts) ?? []
    const unit = UNITS.get(name)
    if (unit === undefined) return undefined
    const times = /^a/.test(count) ? 1 : Number(count)
    total.ms += times * (unit.ms ?? 0)
    total.days += times * (unit.days ?? 0)
    total.months += times * (unit.months ?? 0)
  }
  return calendarBack(now, total.days, total.months, zone) - total.ms
}

/** The same wall time so many months and then days earlier. */
function calendarBack(now: number, days: number, months: number, zone: string): number {
  if (days === 0 && months === 0) return now
  const wall = wallTimeAt(now, zone)
  const monthIndex = wall.year * 12 + wall.month - 1 - months
  const year = Math.floor(monthIndex / 12)
  const month = monthIndex - year * 12 + 1
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const shifted = { ...wall, year, month, day: Math.min(wall.day, lastDay) - days }
  return utcInstant(shifted) >= EARLIEST_MS ? instantOf(shifted, zone, 'later') : Number.NaN
}

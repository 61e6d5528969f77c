/**
 * Wall clocks of IANA time zones, on the zone data that the JavaScript engine carries. It knows how wall time and
 * instants map to each other; it knows nothing of how people write times.
 */
import { SnapError } from '../model/errors.ts'

/** A reading of a wall clock. `month` and `day` count from 1. */
export type WallTime = {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly ms: number
}

const DAY_MS = 86_400_000
/** What a JavaScript date can hold: a snapshot or a file may have any 64-bit time. */
const DATE_MS_MAX = 8.64e15

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone)
  if (formatter === undefined) {
    try {
      formatter = new Intl.DateTimeFormat('en-US', {
        timeZone,
        calendar: 'gregory',
        numberingSystem: 'latn',
        hourCycle: 'h23',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
      })
    } catch (cause) {
      const hint = 'Use an IANA name such as Europe/Berlin or UTC.'
      throw new SnapError('USAGE', `the time zone ${JSON.stringify(timeZone)} is unknown`, { hint, cause })
    }
    formatters.set(timeZone, formatter)
  }
  return formatter
}

/** The zone that this machine is set to. */
export function localTimeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** What a clock on the wall shows at `instant` (ms since the epoch). `USAGE` for an unknown zone. */
export function wallTimeAt(instant: number, timeZone: string): WallTime {
  const fields: Record<string, number> = {}
  for (const { type, value } of formatterOf(timeZone).formatToParts(instant)) fields[type] = Number(value)
  const field = (name: string): number => fields[name] ?? Number.NaN
  return {
    year: field('year'),
    month: field('month'),
    day: field('day'),
    hour: field('hour'),
    minute: field('minute'),
    second: field('second'),
    ms: instant - Math.floor(instant / 1000) * 1000,
  }
}

/** The instant at which a clock in UTC shows `wall`; fields beyond their range carry over (day 32, hour 24). */
export function utcInstant(wall: WallTime): number {
  return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second, wall.ms)
}

function offsetAt(instant: number, timeZone: string): number {
  return utcInstant(wallTimeAt(instant, timeZone)) - instant
}

/**
 * The instant at which a clock in `timeZone` shows `wall`. Where clocks are put back a wall time happens twice:
 * `which` chooses. Where they are put forward it never happens: the first instant after the gap.
 */
export function instantOf(wall: WallTime, timeZone: string, which: 'earlier' | 'later'): number {
  const shown = utcInstant(wall)
  const low = shown - DAY_MS
  const high = shown + DAY_MS
  const before = offsetAt(low, timeZone)
  const after = offsetAt(high, timeZone)
  const matching = [shown - before, shown - after].filter(
    (instant) => offsetAt(instant, timeZone) === shown - instant,
  )
  if (matching.length > 0) return which === 'later' ? Math.max(...matching) : Math.min(...matching)
  return changeBetween(low, high, before, timeZone)
}

/** The first instant after `low` whose offset is no longer `before`. */
function changeBetween(low: number, high: number, before: number, timeZone: string): number {
  let unchanged = low
  let changed = high
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2)
    if (offsetAt(middle, timeZone) === before) unchanged = middle
    else changed = middle
  }
  return changed
}

const two = (value: number): string => String(value).padStart(2, '0')

/** Between these the engine's own clock and its formatter agree on every wall time, and the clock is a hundred times faster. */
const PLAIN_FROM_MS = Date.UTC(1972, 0, 2)
const PLAIN_TO_MS = Date.UTC(9999, 0, 1)

/** `2025-11-19 02:00:05` in `timeZone` (the local one if absent), for people. Instants beyond the calendar become the nearest. */
export function formatLocalTime(instant: number, timeZone?: string): string {
  const isPlain = timeZone === undefined && instant >= PLAIN_FROM_MS && instant < PLAIN_TO_MS
  const wall = isPlain
    ? localWall(new Date(instant))
    : wallTimeAt(Math.min(Math.max(instant, -DATE_MS_MAX), DATE_MS_MAX), timeZone ?? localTimeZone())
  const date = `${String(wall.year).padStart(4, '0')}-${two(wall.month)}-${two(wall.day)}`
  return `${date} ${two(wall.hour)}:${two(wall.minute)}:${two(wall.second)}`
}

function localWall(date: Date): Omit<WallTime, 'ms'> {
  return {
    year: date.getFullYear(),
    month: date.getMonth() + 1,
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
  }
}

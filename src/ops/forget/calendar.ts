/**
 * The hour, day, ISO week, month and year that an instant lies in on the wall calendar of a zone, as numbers to compare.
 * Knows no snapshots.
 */
import { zoneOffsets } from './zone-offsets.ts'

export const PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
export type Period = (typeof PERIODS)[number]

/** Two instants have the same number exactly where they lie in the same hour, day ... of the zone. */
export type Calendar = (period: Period, instant: number) => number

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** 1 January 1970 was a Thursday: so many days after a Monday. */
const EPOCH_AFTER_MONDAY_DAYS = 3
/** What a JavaScript date can hold, less a day for the offset. */
const INSTANT_MS_MAX = 8.64e15 - DAY_MS
/** No offset is a day or more; in seconds, since early local times had odd ones. */
const OFFSETS = 2 * 86_400

/**
 * Weeks begin on Monday, as in ISO 8601. An hour that the wall clock shows twice because it was put back is two hours;
 * a day has as many as pass in it. `USAGE` for an unknown zone.
 */
export function calendarOf(timeZone: string): Calendar {
  let calendar = calendars.get(timeZone)
  if (calendar === undefined) {
    calendar = makeCalendar(timeZone)
    calendars.set(timeZone, calendar)
  }
  return calendar
}

/** What was found out about a zone's days serves every later plan. */
const calendars = new Map<string, Calendar>()

function makeCalendar(timeZone: string): Calendar {
  const offsetAt = zoneOffsets(timeZone)
  return (period, instant) => {
    const clamped = Math.min(Math.max(instant, -INSTANT_MS_MAX), INSTANT_MS_MAX)
    const offset = offsetAt(clamped)
    const wall = clamped + offset
    const day = Math.floor(wall / DAY_MS)
    switch (period) {
      case 'hourly':
        return Math.floor(wall / HOUR_MS) * OFFSETS + Math.round(offset / 1000)
      case 'daily':
        return day
      case 'weekly':
        return Math.floor((day + EPOCH_AFTER_MONDAY_DAYS) / 7)
      case 'monthly': {
        const date = new Date(wall)
        return date.getUTCFullYear() * 12 + date.getUTCMonth()
      }
      case 'yearly':
        return new Date(wall).getUTCFullYear()
    }
  }
}

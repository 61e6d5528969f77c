/**
 * How far a time zone's wall clock is from UTC, for very many instants: asks the engine's zone data twice for a day and
 * looks for the moment of the change only in days that have one. Assumes at most one change in a UTC day.
 */
import { utcInstant, wallTimeAt } from '../zoned-time.ts'

const DAY_MS = 86_400_000
/** Beyond these years the offset at the limit is taken: no zone has rules for them. */
const FIRST_MS = Date.UTC(1000, 0, 2)
const LAST_MS = Date.UTC(9999, 11, 30)

type Change = { readonly atMs: number; readonly beforeMs: number; readonly afterMs: number }

/** For one zone: ms to add to an instant to have its wall time in UTC's clothes. `USAGE` for an unknown zone. */
export function zoneOffsets(timeZone: string): (instant: number) => number {
  const starts = new Map<number, number>()
  const changes = new Map<number, Change>()
  const exact = (instant: number): number => utcInstant(wallTimeAt(instant, timeZone)) - instant
  const atStartOf = (day: number): number => {
    let offset = starts.get(day)
    if (offset === undefined) {
      offset = exact(day * DAY_MS)
      starts.set(day, offset)
    }
    return offset
  }
  exact(0)
  return (instant) => {
    const clamped = Math.min(Math.max(instant, FIRST_MS), LAST_MS)
    const day = Math.floor(clamped / DAY_MS)
    const beforeMs = atStartOf(day)
    const afterMs = atStartOf(day + 1)
    if (beforeMs === afterMs) return beforeMs
    let change = changes.get(day)
    if (change === undefined) {
      change = { atMs: changeIn(day, beforeMs, exact), beforeMs, afterMs }
      changes.set(day, change)
    }
    return clamped < change.atMs ? change.beforeMs : change.afterMs
  }
}

/** The first ms of the day at which the offset is no longer the one at its start. */
function changeIn(day: number, beforeMs: number, offsetAt: (instant: number) => number): number {
  let unchanged = day * DAY_MS
  let changed = unchanged + DAY_MS
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2)
    if (offsetAt(middle) === beforeMs) unchanged = middle
    else changed = middle
  }
  return changed
}

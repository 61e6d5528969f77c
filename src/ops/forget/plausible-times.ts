/**
 * When the snapshots of one series were really taken, as far as their log can tell: the order of log numbers is certain,
 * clocks are not. Knows no rules of retention.
 *
 * A commit's clock is right where it lies between the trusted readings around it and belongs to the longest sequence of
 * the series' clocks that never goes back. One that is off gets the time that its number has between the nearest right
 * readings. Without a right one after it nothing is known yet, and the snapshot has no place.
 */
import { RisingClock } from './rising-clock.ts'

/** Clocks of different machines may differ by so much and count as equal. */
export const CLOCK_SLACK_MS = 300_000
/** A snapshot that says it was taken longer before its commit than any run lasts was imported. */
const RUN_MS_MAX = 31 * 86_400_000
/** The same for the first snapshot of a series, for which no earlier commit tells. Taken for an import it loses next to nothing: it is the oldest. */
const FIRST_RUN_MS_MAX = 3 * 86_400_000

export type TimedSnapshot = {
  /** Of its log entry. */
  readonly number: number
  /** When it was taken, as it says. */
  readonly timeMs: number
  /** Its log entry's clock. */
  readonly committedMs: number
}

export type Place =
  /**
   * `takenMs` ascends with the numbers of the snapshots that are not backdated. `backdated`: it claims a time before an
   * earlier commit, as imports do.
   */
  | { readonly kind: 'placed'; readonly takenMs: number; readonly backdated: boolean }
  /** `ahead`: it is dated in the future. `unsure`: its clock contradicts others, and no right reading follows yet. */
  | { readonly kind: 'ahead' | 'unsure' }

type Bound = { readonly number: number; readonly ms: number }

/**
 * One place for each of `snapshots`, which are in the order of their numbers. `trusted`: readings that the writer of the
 * series cannot make.
 */
export function placesOf(
  snapshots: readonly TimedSnapshot[],
  nowMs: number,
  trusted: RisingClock = new RisingClock(),
): Place[] {
  const commits = commitTimes(snapshots, nowMs, trusted)
  let floorMs = Number.NEGATIVE_INFINITY
  return snapshots.map((snapshot, index): Place => {
    const commit = commits[index]
    if (snapshot.timeMs > nowMs + CLOCK_SLACK_MS && commit?.wasOff !== true) return { kind: 'ahead' }
    if (commit === undefined) {
      return { kind: snapshot.committedMs > nowMs + CLOCK_SLACK_MS ? 'ahead' : 'unsure' }
    }
    const place = takenAt(snapshot, commit, floorMs)
    floorMs = commit.ms
    return place
  })
}

type CommitTime = { readonly ms: number; readonly wasOff: boolean }

function takenAt(snapshot: TimedSnapshot, commit: CommitTime, floorMs: number): Place {
  const ranMs = Math.max(snapshot.committedMs - snapshot.timeMs, 0)
  // The clock of a run counts its time right, even where it is off.
  const measured = commit.wasOff && ranMs <= RUN_MS_MAX
  const takenMs = measured ? commit.ms - ranMs : Math.min(snapshot.timeMs, commit.ms)
  const follows =
    floorMs === Number.NEGATIVE_INFINITY
      ? commit.ms - takenMs <= FIRST_RUN_MS_MAX
      : measured || takenMs >= floorMs - CLOCK_SLACK_MS
  return { kind: 'placed', takenMs: follows ? Math.max(takenMs, floorMs) : takenMs, backdated: !follows }
}

/** When each was really committed; `undefined` where nothing bounds it from above. They ascend. */
function commitTimes(
  snapshots: readonly TimedSnapshot[],
  nowMs: number,
  trusted: RisingClock,
): (CommitTime | undefined)[] {
  const right = rightClocks(snapshots, nowMs, trusted)
  const times: (CommitTime | undefined)[] = new Array(snapshots.length)
  const above = boundsAbove(snapshots, right, nowMs, trusted)
  let below: Bound | undefined
  snapshots.forEach(({ number }, index) => {
    const ms = right[index]
    if (ms !== undefined) {
      times[index] = { ms, wasOff: false }
      below = { number, ms }
      return
    }
    const high = above[index]
    if (high === undefined) return
    const low = later(below, trusted.before(number))
    if (low !== undefined) times[index] = { ms: between(low, high, number), wasOff: true }
  })
  backFromFirst(snapshots, times, above)
  return times
}

/** Clocks that are believed, each moved into its bounds where the slack let it out; `undefined` for the others. */
function rightClocks(
  snapshots: readonly TimedSnapshot[],
  nowMs: number,
  trusted: RisingClock,
): (number | undefined)[] {
  const candidates = new RisingClock()
  const bounded = snapshots.map(({ number, committedMs }) => {
    const low = trusted.before(number)?.ms ?? Number.NEGATIVE_INFINITY
    const high = Math.min(trusted.after(number)?.ms ?? nowMs, nowMs)
    const fits = committedMs >= low - CLOCK_SLACK_MS && committedMs <= high + CLOCK_SLACK_MS && low <= high
    const ms = fits ? Math.min(Math.max(committedMs, low), high) : undefined
    if (ms !== undefined) candidates.add(number, ms)
    return ms
  })
  return snapshots.map(({ number }, index) =>
    candidates.before(number)?.number === number ? bounded[index] : undefined,
  )
}

/** For each snapshot the nearest believed reading at or after its number. */
function boundsAbove(
  snapshots: readonly TimedSnapshot[],
  right: readonly (number | undefined)[],
  nowMs: number,
  trusted: RisingClock,
): (Bound | undefined)[] {
  const bounds: (Bound | undefined)[] = new Array(snapshots.length)
  let next: Bound | undefined
  for (let index = snapshots.length - 1; index >= 0; index -= 1) {
    const number = snapshots[index]?.number ?? 0
    const ms = right[index]
    if (ms !== undefined) next = { number, ms }
    const anchor = trusted.after(number)
    const usable = anchor !== undefined && anchor.ms <= nowMs ? anchor : undefined
    bounds[index] =
      next === undefined || (usable !== undefined && usable.number < next.number) ? usable : next
  }
  return bounds
}

/** Those before the first that is known: as far apart as their own clocks say, up to that one. */
function backFromFirst(
  snapshots: readonly TimedSnapshot[],
  times: (CommitTime | undefined)[],
  above: readonly (Bound | undefined)[],
): void {
  const known = times.findIndex((time) => time !== undefined)
  let next: { readonly ms: number; readonly clockMs: number } | undefined
  for (let index = (known === -1 ? times.length : known) - 1; index >= 0; index -= 1) {
    const clockMs = snapshots[index]?.committedMs ?? 0
    const bound = above[index]
    if (bound === undefined) continue
    const ms: number =
      next === undefined ? bound.ms : Math.min(next.ms - Math.max(next.clockMs - clockMs, 0), bound.ms)
    times[index] = { ms, wasOff: true }
    next = { ms, clockMs }
  }
}

function later(left: Bound | undefined, right: Bound | undefined): Bound | undefined {
  if (left === undefined || right === undefined) return left ?? right
  return left.number > right.number ? left : right
}

function between(low: Bound, high: Bound, number: number): number {
  const share = high.number === low.number ? 0 : (number - low.number) / (high.number - low.number)
  return low.ms + Math.round((high.ms - low.ms) * share)
}

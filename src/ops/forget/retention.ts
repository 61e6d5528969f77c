/**
 * Which snapshots of one series a policy keeps, and why: a pure plan that commands print and carry out. It knows nothing
 * of repositories and forgets nothing itself.
 *
 * The rules are restic's: a snapshot stays where any rule keeps it; counting rules take the newest of each of the last
 * hours, days ... that have snapshots (where that is incomplete, the newest complete one of the hour, day ... too, which restic's
 * do not know), and the oldest snapshot too while they have places left; spans reach back from the
 * newest snapshot, never from now, and end before a snapshot that is exactly as old.
 *
 * Guaranteed, whatever clocks say and whoever writes to the series:
 * - What is held, and the newest complete snapshot (the newest, where none is complete), stay.
 * - A snapshot dated in the future stays, takes no other's place, and moves no span. So does one whose clock contradicts
 *   others, until a right reading follows it; then it counts at the time that its log number has between its neighbours.
 * - A backdated snapshot (an import, or a forgery: it claims a time before an earlier commit of the series) never takes
 *   the place of one that is not: those are ruled first, as if it were absent. It fills what they leave empty.
 * - So between two trusted readings nobody can make more hours, days ... than pass between them, nor enter older ones.
 *   What is pushed out is what as many honest snapshots at those times push out: with `last` and `maxCount` as many
 *   as are added, with periods one for each that passes.
 *
 * Not guaranteed:
 * - Without trusted readings, somebody who adds more snapshots with forged clocks, in ascending order, than there are
 *   others can make the others' clocks look wrong, and so crowd them together; and once most snapshots that followed a
 *   clock that was ahead are gone, it looks right. Trusted readings after a snapshot was committed prevent both.
 * - The newest snapshot of an hour, day ... counts, even if it is a forged one that was really made then; and whoever writes
 *   to a series decides what is its newest complete snapshot.
 * - A clock that is ahead by less than the time for which it is ahead contradicts nothing until a right reading follows. Until
 *   then its snapshots count at times that are late by that much.
 * - Imports compete with each other by the times that they claim.
 * - Where this machine's clock is ahead in the same way as the writer's, nothing shows it: spans then reach less far back.
 */
import { placesOf, type TimedSnapshot } from './plausible-times.ts'
import { hasKeepRule, isEmptyPolicy, maxCountOf, type RetentionPolicy } from './policy.ts'
import type { RisingClock } from './rising-clock.ts'
import { type Counters, type RuledSnapshot, rulesOf } from './rules.ts'

/** Of one series; each number once. */
export type RetainedSnapshot = TimedSnapshot & {
  readonly id: string
  readonly tags: readonly string[]
  readonly label: string | null
  /** Something was unreadable when it was made. */
  readonly incomplete: boolean
  readonly held: boolean
}

export type Verdict<S> = {
  readonly snapshot: S
  readonly kept: boolean
  /** What keeps it, in words; empty where it is removed. */
  readonly reasons: readonly string[]
  /** How many more the counting rules would keep after this one. Empty for what is dated in the future. */
  readonly counters: Counters
  /** When it was really taken, ms, as far as can be known; `undefined`: not at all, as yet. */
  readonly takenMs: number | undefined
}

/** Newest first; those whose time is not known come before. */
export type RetentionPlan<S> = { readonly verdicts: readonly Verdict<S>[] }

type Ruled<S> = RuledSnapshot & {
  readonly snapshot: S
  readonly reasons: string[]
  /** `maxCount` does not bound it. */
  spared: boolean
  counters: Counters
}

/**
 * The order of `snapshots` does not matter. `trusted`: clock readings of log entries that the series' writer cannot make,
 * as those that only an admin may write (FORGET, GC ...); the more, the better. O(n log n). `USAGE` for an unknown zone.
 */
export function planRetention<S extends RetainedSnapshot>(
  snapshots: readonly S[],
  policy: RetentionPolicy,
  nowMs: number,
  trusted?: RisingClock,
): RetentionPlan<S> {
  const byNumber = [...snapshots].sort((left, right) => left.number - right.number)
  const places = placesOf(byNumber, nowMs, trusted)
  const ruled: Ruled<S>[] = []
  const unplaced: Verdict<S>[] = []
  for (const [index, snapshot] of byNumber.entries()) {
    const place = places[index]
    if (place?.kind === 'placed') {
      const { takenMs, backdated } = place
      const { tags, label, incomplete } = snapshot
      const said = { snapshot, takenMs, backdated, tags, label, incomplete }
      ruled.push({ ...said, reasons: [], spared: false, counters: {} })
    } else {
      const reasons = [place?.kind === 'ahead' ? 'clock ahead' : 'clock unsure']
      if (snapshot.held) reasons.unshift('held')
      unplaced.push({ snapshot, kept: true, reasons, counters: {}, takenMs: undefined })
    }
  }
  ruled.sort((left, right) => right.takenMs - left.takenMs || right.snapshot.number - left.snapshot.number)
  if (isEmptyPolicy(policy)) for (const each of ruled) each.reasons.push('empty policy')
  else decide(ruled, policy)
  const verdicts = ruled.map(({ snapshot, reasons, counters, takenMs }) => {
    return { snapshot, kept: reasons.length > 0, reasons, counters, takenMs }
  })
  return { verdicts: [...unplaced.reverse(), ...verdicts] }
}

/** Backdated ones are judged after the others and among them, so that they change nothing for those. */
function decide<S extends RetainedSnapshot>(ruled: readonly Ruled<S>[], policy: RetentionPolicy): void {
  const own = ruled.filter(({ backdated }) => !backdated)
  const rest = ruled.filter(({ backdated }) => backdated)
  if (hasKeepRule(policy)) {
    applyRules(own, own, policy)
    if (rest.length > 0) applyRules(ruled, rest, policy)
  } else for (const { reasons } of ruled) reasons.push('maximum count')
  spare(own, rest)
  bound([own, rest], maxCountOf(policy))
  fill([own, rest], policy.minCount ?? 0)
}

/** Walks over `walked` and writes the reasons that the rules have for each of `judged`, some or all of them. */
function applyRules<S extends RetainedSnapshot>(
  walked: readonly Ruled<S>[],
  judged: readonly Ruled<S>[],
  policy: RetentionPolicy,
): void {
  const newestMs = (walked.find(({ backdated }) => !backdated) ?? walked[0])?.takenMs ?? 0
  const { rules, counters } = rulesOf(policy, walked, newestMs)
  const concerned = new Set(judged)
  const oldest = walked.length - 1
  for (const [index, each] of walked.entries()) {
    for (const { judge, spares } of rules) {
      const reason = judge(each, index === oldest)
      if (reason === undefined || !concerned.has(each)) continue
      each.reasons.push(reason)
      each.spared ||= spares
    }
    if (concerned.has(each) && each.reasons.length > 0) each.counters = counters()
  }
}

/** What stays whatever the rules and `maxCount` say. */
function spare<S extends RetainedSnapshot>(own: readonly Ruled<S>[], rest: readonly Ruled<S>[]): void {
  const all = [...own, ...rest]
  for (const each of all) if (each.snapshot.held) keep(each, 'held')
  const complete = all.find(({ snapshot }) => !snapshot.incomplete)
  if (complete !== undefined) keep(complete, 'newest complete snapshot')
  const newest = own[0] ?? rest[0]
  if (newest !== undefined && (complete === undefined || complete.backdated)) keep(newest, 'newest snapshot')
}

function keep<S>(each: Ruled<S>, reason: string): void {
  each.reasons.push(reason)
  each.spared = true
}

/** Takes the reasons from all but the newest `maxCount`, of which those that are spared come first. */
function bound<S>(groups: readonly (readonly Ruled<S>[])[], maxCount: number): void {
  let left = maxCount
  for (const group of groups) {
    left -= group.filter(({ spared }) => spared).length
    for (const each of group) {
      if (each.spared || each.reasons.length === 0) continue
      if (left > 0) left -= 1
      else each.reasons.length = 0
    }
  }
}

function fill<S>(groups: readonly (readonly Ruled<S>[])[], minCount: number): void {
  let kept = 0
  for (const group of groups) {
    kept += group.filter(({ reasons }) => reasons.length > 0).length
    for (const { reasons } of group) {
      if (kept >= minCount) return
      if (reasons.length > 0) continue
      reasons.push('minimum count')
      kept += 1
    }
  }
}

/**
 * Which snapshots a policy run forgets: groups, each ruled by itself, and what stays whatever the groups say. Pure; it
 * does not know how anything is forgotten.
 */
import type { SeriesId } from '../../model/ids.ts'
import type { CurrentSnapshot } from '../current-snapshots.ts'
import { isWal } from '../wal/facts.ts'
import { planWal } from '../wal/needed.ts'
import { type Group, type GroupKey, groupsOf } from './groups.ts'
import { Moments } from './moments.ts'
import type { RetentionPolicy } from './policy.ts'
import { planRetention, type Verdict } from './retention.ts'
import type { RisingClock } from './rising-clock.ts'

export type ForgetRequest = {
  readonly policy: RetentionPolicy
  readonly groupBy: readonly GroupKey[]
  /** Whether it is ruled at all. */
  readonly concerns: (snapshot: CurrentSnapshot) => boolean
}

/** What it is now, and what clocks can be trusted. */
export type PlanTime = { readonly nowMs: number; readonly trusted: RisingClock }

export type RuledGroup = Group & {
  /** Newest first. */
  readonly verdicts: readonly Verdict<CurrentSnapshot>[]
}

export type ForgetPlan = {
  readonly groups: readonly RuledGroup[]
  /**
   * The newest snapshots of series that were left alone, since their details do not open: nobody can say whether they
   * are complete, and so which one must stay.
   */
  readonly leftAlone: readonly CurrentSnapshot[]
  /** Archived WAL of the clusters whose base backups were ruled: the base backups that stay decide. Newest first. */
  readonly wal: readonly Verdict<CurrentSnapshot>[]
}

type Rule = (
  snapshots: readonly CurrentSnapshot[],
  policy: RetentionPolicy,
) => readonly Verdict<CurrentSnapshot>[]

type Verdicts = ReadonlyMap<string, Verdict<CurrentSnapshot>>

/** `snapshots`: all that there are, in the order of the log; forgotten ones are passed over. */
export function planForget(
  snapshots: readonly CurrentSnapshot[],
  { policy, groupBy, concerns }: ForgetRequest,
  { nowMs, trusted }: PlanTime,
): ForgetPlan {
  const live = snapshots.filter(({ forgotten }) => !forgotten)
  const series = bySeries(live)
  const archived = new Set(live.filter(({ sources }) => isWal(sources)).map((each) => each.series))
  const concerned = live.filter((each) => concerns(each) && !archived.has(each.series))
  const unreadable = new Map(
    [...bySeries(concerned).keys()].flatMap((id) => {
      const newest = series.get(id)?.at(-1)
      return newest === undefined || newest.isReadable ? [] : [[id, newest] as const]
    }),
  )
  const ruled = concerned.filter((snapshot) => !unreadable.has(snapshot.series))
  const moments = new Moments(live)
  const verdictsOf: Rule = (members, by) =>
    moments.ruleAsOne(members, (each) => planRetention(each, by, nowMs, trusted).verdicts)
  const stay = staying([...series.values()], verdictsOf)
  const groups = groupsOf(ruled, groupBy).map((group) => {
    const verdicts = verdictsOf(group.snapshots, policy)
    return { ...group, verdicts: verdicts.map((verdict) => keptBySeries(verdict, stay)) }
  })
  const removed = new Set(removedOf(groups.flatMap(({ verdicts }) => verdicts)).map(({ id }) => id))
  const wal = planWal(live, removed, concerns).map(
    ({ snapshot, reason }): Verdict<CurrentSnapshot> => ({
      snapshot,
      kept: reason !== undefined,
      reasons: reason === undefined ? [] : [reason],
      counters: {},
      takenMs: snapshot.timeMs,
    }),
  )
  return { groups, leftAlone: [...unreadable.values()], wal: wal.reverse() }
}

export function removedBy({ groups, wal }: ForgetPlan): CurrentSnapshot[] {
  return removedOf([...groups.flatMap(({ verdicts }) => verdicts), ...wal])
}

const removedOf = (verdicts: readonly Verdict<CurrentSnapshot>[]): CurrentSnapshot[] =>
  verdicts.filter(({ kept }) => !kept).map(({ snapshot }) => snapshot)

/** What the strictest policy would leave of each whole series, whatever filters and groups take it to pieces. */
function staying(series: readonly (readonly CurrentSnapshot[])[], verdictsOf: Rule): Verdicts {
  const strictest: RetentionPolicy = { maxCount: 1, timeZone: 'UTC' }
  const kept = series
    .flatMap((snapshots) => verdictsOf(snapshots, strictest))
    .filter((verdict) => verdict.kept)
  return new Map(kept.map((verdict) => [verdict.snapshot.id, verdict]))
}

function keptBySeries(verdict: Verdict<CurrentSnapshot>, stay: Verdicts): Verdict<CurrentSnapshot> {
  const floor = verdict.kept ? undefined : stay.get(verdict.snapshot.id)
  if (floor === undefined) return verdict
  // The last is what even the strictest policy could not take away.
  return { ...verdict, kept: true, reasons: floor.reasons.slice(-1) }
}

function bySeries(snapshots: readonly CurrentSnapshot[]): Map<SeriesId, CurrentSnapshot[]> {
  const series = new Map<SeriesId, CurrentSnapshot[]>()
  for (const snapshot of snapshots) {
    const members = series.get(snapshot.series)
    if (members === undefined) series.set(snapshot.series, [snapshot])
    else members.push(snapshot)
  }
  return series
}

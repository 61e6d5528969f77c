/**
 * The single rules of a retention policy: each looks at snapshots from the newest to the oldest and says in words why it
 * keeps one. A rule knows neither clocks nor the other rules.
 */
import { type Calendar, calendarOf, PERIODS, type Period } from './calendar.ts'
import { COUNTED, type Counted, type RetentionPolicy } from './policy.ts'
import { formatSpan, type Span, spanBefore } from './span.ts'

export type RuledSnapshot = {
  readonly takenMs: number
  /** It takes no hour, day ... in which there is one that is not. */
  readonly backdated: boolean
  readonly tags: readonly string[]
  readonly label: string | null
  /** Something was unreadable when it was made. */
  readonly incomplete: boolean
}

/** How many more each counting rule of the policy would keep. */
export type Counters = Partial<Record<Counted, number>>

/** Asked once for each snapshot, newest first; `isOldest` with the last one. The reason to keep it, if any. */
type Judge = (snapshot: RuledSnapshot, isOldest: boolean) => string | undefined

/** `spares`: what it keeps stays whatever the maximum count. */
type Rule = { readonly judge: Judge; readonly spares: boolean }

/** Fresh rules for one walk, and what the counting ones have left at any time of it. */
export type Rules = { readonly rules: readonly Rule[]; counters(): Counters }

/** `walked`: the snapshots that will be asked for; spans reach back from `newestMs`. `USAGE` for an unknown zone. */
export function rulesOf(policy: RetentionPolicy, walked: readonly RuledSnapshot[], newestMs: number): Rules {
  const calendar = calendarOf(policy.timeZone)
  const start = (span: Span): number => spanBefore(newestMs, span, policy.timeZone)
  const remaining = new Map<Counted, () => number>()
  const judges: Judge[] = []
  for (const name of COUNTED) {
    const count = policy.counts?.[name] ?? 0
    if (count <= 0) continue
    const { judge, left } = counted(
      name,
      count,
      name === 'last' ? EACH_FIRST : standings(name, calendar, walked),
    )
    judges.push(judge)
    remaining.set(name, left)
  }
  if (policy.within !== undefined) judges.push(within(start(policy.within), formatSpan(policy.within)))
  for (const period of PERIODS) {
    const span = policy.withinPeriods?.[period]
    if (span === undefined) continue
    judges.push(
      periodWithin(start(span), `${period} within ${formatSpan(span)}`, standings(period, calendar, walked)),
    )
  }
  for (const [label, days] of policy.labelDays ?? []) {
    if (days > 0) judges.push(labelled(label, days, start))
  }
  return {
    rules: [
      ...judges.map((judge) => ({ judge, spares: false })),
      ...(policy.tags ?? []).map((tags) => ({ judge: tagged(tags), spares: true })),
    ],
    counters: () => {
      const counters: Counters = {}
      for (const [name, left] of remaining) counters[name] = left()
      return counters
    },
  }
}

/**
 * What a snapshot is to its hour, day ...: its newest; `complete`: the newest complete one behind incomplete ones, for half of
 * what there was is not to push out the whole; or neither.
 */
type Standing = 'first' | 'complete' | 'other'
type StandingOf = (snapshot: RuledSnapshot) => { readonly standing: Standing; readonly bucket: number }

/** In the rule `last` every snapshot is the first. */
const EACH_FIRST: StandingOf = () => ({ standing: 'first', bucket: 0 })

function counted(name: Counted, count: number, standingOf: StandingOf): { judge: Judge; left: () => number } {
  let left = count
  const buckets = new Set<number>()
  const judge: Judge = (snapshot, isOldest) => {
    const { standing, bucket } = standingOf(snapshot)
    // It takes no place of its own.
    if (standing === 'complete' && buckets.has(bucket)) return `complete ${name} snapshot`
    if (left === 0) return undefined
    const first = standing === 'first'
    if (!first && !isOldest) return undefined
    left -= 1
    buckets.add(bucket)
    return first ? `${name} snapshot` : `oldest ${name} snapshot`
  }
  return { judge, left: () => left }
}

function within(startMs: number, span: string): Judge {
  return ({ takenMs }) => (takenMs > startMs ? `within ${span}` : undefined)
}

function periodWithin(startMs: number, reason: string, standingOf: StandingOf): Judge {
  return (snapshot, isOldest) => {
    if (snapshot.takenMs <= startMs) return undefined
    const { standing } = standingOf(snapshot)
    if (standing === 'first') return reason
    if (standing === 'complete') return `complete ${reason}`
    return isOldest ? `oldest ${reason}` : undefined
  }
}

/** Wall clocks that are put back after midnight return to a day that was over: all that were seen are remembered. */
function standings(period: Period, calendar: Calendar, walked: readonly RuledSnapshot[]): StandingOf {
  const seen = new Set<number>()
  const withComplete = new Set<number>()
  const occupied = walked.some(({ backdated }) => backdated)
    ? new Set(walked.filter(({ backdated }) => !backdated).map(({ takenMs }) => calendar(period, takenMs)))
    : seen
  return ({ takenMs, backdated, incomplete }) => {
    const bucket = calendar(period, takenMs)
    const isFirst = !seen.has(bucket) && !(backdated && occupied.has(bucket))
    const isComplete = !incomplete && !backdated && !withComplete.has(bucket)
    if (isComplete) withComplete.add(bucket)
    if (!isFirst) return { standing: isComplete ? 'complete' : 'other', bucket }
    seen.add(bucket)
    return { standing: 'first', bucket }
  }
}

function tagged(wanted: readonly string[]): Judge {
  if (wanted.length === 0) return ({ tags }) => (tags.length === 0 ? 'no tags' : undefined)
  const reason = `tag ${wanted.join(',')}`
  return ({ tags }) => (wanted.every((tag) => tags.includes(tag)) ? reason : undefined)
}

function labelled(wanted: string, days: number, start: (span: Span) => number): Judge {
  const startMs = days === Infinity ? -Infinity : start({ years: 0, months: 0, days, hours: 0 })
  const reason = `label ${wanted}: ${days === Infinity ? 'unlimited' : `${days}d`}`
  return ({ label, takenMs }) => (label === wanted && takenMs > startMs ? reason : undefined)
}

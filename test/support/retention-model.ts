/**
 * What a retention policy keeps, said as slowly and plainly as its documentation says it, of snapshots whose true times are known.
 * It shares no code with what it judges: names of hours, days and weeks come from the engine's own formatting.
 */
export type ModelSnapshot = {
  readonly id: string
  readonly number: number
  readonly trueMs: number
  readonly tags: readonly string[]
  readonly label: string | null
  readonly incomplete: boolean
  readonly held: boolean
  /** Its clock is wrong, and nothing that came later tells by how much: it stays and counts for nothing. */
  readonly unjudged: boolean
}

export type ModelName = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'
const NAMES: readonly ModelName[] = ['hourly', 'daily', 'weekly', 'monthly', 'yearly']

export type ModelPolicy = {
  readonly last?: number
  readonly counts?: Partial<Record<ModelName, number>>
  readonly withinDays?: number
  readonly withinDaysEach?: Partial<Record<ModelName, number>>
  readonly tags?: readonly (readonly string[])[]
  readonly labelDays?: Readonly<Record<string, number>>
  readonly minCount?: number
  readonly maxCount?: number
  readonly timeZone: string
}

/** The ids of what stays. */
export function modelKeeps(snapshots: readonly ModelSnapshot[], policy: ModelPolicy): Set<string> {
  const judged = snapshots.filter((one) => !one.unjudged)
  judged.sort((a, b) => (a.trueMs === b.trueMs ? b.number - a.number : b.trueMs - a.trueMs))
  const rules = keptByRules(judged, policy)
  const untouchable = new Set<ModelSnapshot>()
  for (const one of judged) {
    if (one.held) untouchable.add(one)
    for (const list of policy.tags ?? []) {
      if (list.length === 0 ? one.tags.length === 0 : list.every((tag) => one.tags.includes(tag)))
        untouchable.add(one)
    }
  }
  const newest = judged.find((one) => !one.incomplete) ?? judged[0]
  if (newest !== undefined) untouchable.add(newest)
  const kept = new Set<ModelSnapshot>(untouchable)
  for (const one of judged) {
    if (rules.has(one) && (policy.maxCount === undefined || kept.size < policy.maxCount)) kept.add(one)
  }
  for (const one of judged) if (kept.size < (policy.minCount ?? 0)) kept.add(one)
  return new Set([...kept, ...snapshots.filter((one) => one.unjudged)].map((one) => one.id))
}

function keptByRules(newestFirst: readonly ModelSnapshot[], policy: ModelPolicy): Set<ModelSnapshot> {
  const kept = new Set<ModelSnapshot>()
  const keepAll = (found: readonly ModelSnapshot[]): void => {
    for (const one of found) kept.add(one)
  }
  const newest = newestFirst[0]
  const oldest = newestFirst.at(-1)
  if (newest === undefined || oldest === undefined) return kept
  keepAll(newestFirst.slice(0, policy.last ?? 0))
  if ((policy.last ?? 0) > newestFirst.length) kept.add(oldest)
  for (const name of NAMES) {
    const count = policy.counts?.[name] ?? 0
    const firsts = newestOfEach(newestFirst, name, policy.timeZone)
    /** Beside an incomplete one, the newest of the same day, week ... that is not. */
    const wholeBeside = (one: ModelSnapshot): ModelSnapshot[] => {
      if (!one.incomplete) return []
      const own = nameOf(one.trueMs, name, policy.timeZone)
      return newestFirst
        .filter((other) => !other.incomplete && nameOf(other.trueMs, name, policy.timeZone) === own)
        .slice(0, 1)
    }
    keepAll(firsts.slice(0, count))
    keepAll(firsts.slice(0, count).flatMap(wholeBeside))
    if (firsts.length < count) kept.add(oldest)
    const days = policy.withinDaysEach?.[name]
    if (days === undefined) continue
    const start = daysBefore(newest.trueMs, days, policy.timeZone)
    keepAll(firsts.filter((one) => one.trueMs > start))
    keepAll(firsts.flatMap(wholeBeside).filter((one) => one.trueMs > start))
    if (oldest.trueMs > start) kept.add(oldest)
  }
  if (policy.withinDays !== undefined) {
    const start = daysBefore(newest.trueMs, policy.withinDays, policy.timeZone)
    keepAll(newestFirst.filter((one) => one.trueMs > start))
  }
  for (const [label, days] of Object.entries(policy.labelDays ?? {})) {
    const start = daysBefore(newest.trueMs, days, policy.timeZone)
    keepAll(newestFirst.filter((one) => one.label === label && one.trueMs > start))
  }
  return kept
}

function newestOfEach(newestFirst: readonly ModelSnapshot[], name: ModelName, zone: string): ModelSnapshot[] {
  const names = newestFirst.map((one) => nameOf(one.trueMs, name, zone))
  return newestFirst.filter((_, index) => names.indexOf(names[index]!) === index)
}

type Shown = Record<ModelName, string>
const shown = new Map<string, Map<number, Shown>>()

function nameOf(ms: number, name: ModelName, zone: string): string {
  const known = shown.get(zone) ?? new Map<number, Shown>()
  shown.set(zone, known)
  let names = known.get(ms)
  if (names === undefined) {
    names = namesOf(ms, zone)
    known.set(ms, names)
  }
  return names[name]
}

/** Forgets the names of times before `ms`. */
export function forgetNames(ms: number): void {
  for (const known of shown.values()) for (const time of known.keys()) if (time < ms) known.delete(time)
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** `2025-10-26 02 GMT+02:00`, in the zone. */
function wallClock(ms: number, zone: string): { date: string; hour: string } {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      timeZoneName: 'longOffset',
    })
    formats.set(zone, format)
  }
  const text = format.format(ms)
  return { date: text.slice(0, 10), hour: text }
}

function namesOf(ms: number, zone: string): Shown {
  const { date, hour } = wallClock(ms, zone)
  return {
    hourly: hour,
    daily: date,
    weekly: weekOf(date),
    monthly: date.slice(0, 7),
    yearly: date.slice(0, 4),
  }
}

const weeks = new Map<string, string>()

function weekOf(date: string): string {
  const week = weeks.get(date) ?? isoWeek(date)
  weeks.set(date, week)
  return week
}

/** `2026-W53`: the week belongs to the year that its Thursday is in, and the first one holds the first Thursday. */
function isoWeek(date: string): string {
  const thursday = new Date(`${date}T12:00:00Z`)
  while (thursday.getUTCDay() !== 4) {
    thursday.setUTCDate(
      thursday.getUTCDate() + (thursday.getUTCDay() === 0 || thursday.getUTCDay() > 4 ? -1 : 1),
    )
  }
  const year = thursday.getUTCFullYear()
  let week = 0
  for (
    const day = new Date(Date.UTC(year, 0, 1, 12));
    day <= thursday;
    day.setUTCDate(day.getUTCDate() + 1)
  ) {
    if (day.getUTCDay() === 4) week += 1
  }
  return `${year}-W${String(week).padStart(2, '0')}`
}

/** The same time on the wall so many days earlier, in a zone without a change at that hour. */
function daysBefore(ms: number, days: number, zone: string): number {
  const roughly = ms - days * 86_400_000
  const offset = (at: number): number => {
    const match = /GMT(?:([+\u2212-])(\d\d):(\d\d))?/.exec(wallClock(at, zone).hour)
    const minutes = Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0)
    return (match?.[1] === '+' ? 1 : -1) * minutes * 60_000
  }
  return roughly + offset(ms) - offset(roughly)
}

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PERIODS } from '../../../../src/ops/forget/calendar.ts'
import { COUNTED, type RetentionPolicy } from '../../../../src/ops/forget/policy.ts'
import { planRetention, type RetainedSnapshot } from '../../../../src/ops/forget/retention.ts'
import { type ModelPolicy, modelKeeps } from '../../../support/retention-model.ts'

const HOUR_MS = 3_600_000
const START = Date.UTC(2024, 1, 20)
const ZONES = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kolkata'] as const
const RUNS = { numRuns: 300 }

/** Gaps from none to months, so that equal times, one day and many years all occur. */
const gap = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 3 * HOUR_MS }),
  fc.integer({ min: 0, max: 60 * 24 * HOUR_MS }),
)
const one = fc.record({
  gap,
  tags: fc.subarray(['a', 'b']),
  label: fc.constantFrom(null, 'full', 'incremental'),
  incomplete: fc.boolean(),
  held: fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0),
})
const rightSeries = fc.array(one, { maxLength: 40 }).map((parts) => {
  let timeMs = START
  return parts.map(({ gap: step, ...rest }, index): RetainedSnapshot => {
    timeMs += step
    return { id: `s${index}`, number: index * 3, timeMs, committedMs: timeMs, ...rest }
  })
})
const wildSeries = fc
  .tuple(rightSeries, fc.array(fc.tuple(fc.nat(39), fc.maxSafeInteger(), fc.boolean()), { maxLength: 8 }))
  .map(([series, changes]) => {
    const wild = [...series]
    for (const [at, ms, both] of changes) {
      const changed = wild[at]
      if (changed !== undefined) wild[at] = { ...changed, timeMs: ms, ...(both ? { committedMs: ms } : {}) }
    }
    return wild
  })

const count = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(Number.POSITIVE_INFINITY))
const counts = fc.record(Object.fromEntries(COUNTED.map((name) => [name, count])), { requiredKeys: [] })
const days = fc.integer({ min: 1, max: 90 })
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    counts,
    within: fc.option(days, { nil: undefined }),
    each: fc.record(Object.fromEntries(PERIODS.map((name) => [name, days])), { requiredKeys: [] }),
    tags: fc.array(fc.subarray(['a', 'b']), { maxLength: 2 }),
    labels: fc.record({ full: days, incremental: days }, { requiredKeys: [] }),
    timeZone: fc.constantFrom(...ZONES),
  })
  .map(
    ({ counts: numbers, within, each, tags, labels, timeZone }): RetentionPolicy => ({
      counts: numbers,
      within: within === undefined ? undefined : span(within),
      withinPeriods: Object.fromEntries(
        Object.entries(each).map(([name, value]) => [name, span(value ?? 0)]),
      ),
      tags,
      labelDays: new Map(Object.entries(labels).map(([label, value]) => [label, value ?? 0])),
      timeZone,
    }),
  )

const span = (value: number) => ({ years: 0, months: 0, days: value, hours: 0 })
const lateEnough = (series: readonly RetainedSnapshot[]): number =>
  Math.max(START, ...series.map(({ committedMs }) => Math.min(committedMs, START * 2))) + HOUR_MS

function kept(
  series: readonly RetainedSnapshot[],
  policy: RetentionPolicy,
  now = lateEnough(series),
): Set<string> {
  const { verdicts } = planRetention(series, policy, now)
  return new Set(verdicts.filter((verdict) => verdict.kept).map(({ snapshot }) => snapshot.id))
}

const holdsAll = (larger: ReadonlySet<string>, smaller: Iterable<string>): boolean =>
  [...smaller].every((id) => larger.has(id))

function modelPolicy(policy: RetentionPolicy): ModelPolicy {
  const { last = 0, ...rest } = policy.counts ?? {}
  return {
    last,
    counts: rest,
    ...(policy.within === undefined ? {} : { withinDays: policy.within.days }),
    withinDaysEach: Object.fromEntries(
      Object.entries(policy.withinPeriods ?? {}).map(([name, value]) => [name, value.days]),
    ),
    tags: policy.tags ?? [],
    labelDays: Object.fromEntries(policy.labelDays ?? []),
    ...(policy.maxCount === undefined ? {} : { maxCount: policy.maxCount }),
    ...(policy.minCount === undefined ? {} : { minCount: policy.minCount }),
    timeZone: policy.timeZone,
  }
}

/** One policy for each rule of `policy`. */
function singles(policy: RetentionPolicy): RetentionPolicy[] {
  const { timeZone } = policy
  return [
    ...Object.entries(policy.counts ?? {}).map(([name, value]) => ({ timeZone, counts: { [name]: value } })),
    ...(policy.within === undefined ? [] : [{ timeZone, within: policy.within }]),
    ...Object.entries(policy.withinPeriods ?? {}).map(([name, value]) => ({
      timeZone,
      withinPeriods: { [name]: value },
    })),
    ...(policy.tags ?? []).map((list) => ({ timeZone, tags: [list] })),
    ...[...(policy.labelDays ?? [])].map((entry) => ({ timeZone, labelDays: new Map([entry]) })),
  ].filter((single) => !Object.values((single as RetentionPolicy).counts ?? {}).includes(0))
}

describe('a retention plan', () => {
  const bounds = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined })

  it('keeps what the documentation, taken word for word, keeps', () => {
    fc.assert(
      fc.property(rightSeries, policies, bounds, bounds, (series, rules, maxCount, minCount) => {
        fc.pre(singles(rules).length > 0)
        const policy = { ...rules, maxCount, minCount }
        const known = series.map((snapshot) => ({ ...snapshot, trueMs: snapshot.timeMs, unjudged: false }))
        expect([...kept(series, policy)].sort()).toEqual([...modelKeeps(known, modelPolicy(policy))].sort())
      }),
      RUNS,
    )
  })

  it('is the union of the plans of its rules', () => {
    fc.assert(
      fc.property(wildSeries, policies, (series, policy) => {
        fc.pre(singles(policy).length > 0)
        const union = new Set(singles(policy).flatMap((single) => [...kept(series, single)]))
        expect([...kept(series, policy)].sort()).toEqual([...union].sort())
      }),
      RUNS,
    )
  })

  // Not with a maximum or minimum count; and not for a rule that changes from none at all to one.
  it('keeps more, never others, for higher counts: but for the oldest, which a rule keeps only while it has places left', () => {
    fc.assert(
      fc.property(wildSeries, counts, fc.constantFrom(...COUNTED), (series, numbers, name) => {
        const more = { ...numbers, [name]: ((numbers as Record<string, number>)[name] ?? 0) + 1 }
        fc.pre(Object.values(numbers).some((value) => (value ?? 0) > 0))
        const [few, many] = [numbers, more].map((each) => kept(series, { counts: each, timeZone: 'UTC' }))
        expect(holdsAll(many!, few!)).toBe(true)
      }),
      RUNS,
    )
  })

  // With right clocks. A wrong one is judged by its neighbours, of which some are gone the second time.
  it('removes nothing more when it is made again without what it removed', () => {
    fc.assert(
      fc.property(rightSeries, policies, bounds, (series, policy, maxCount) => {
        fc.pre(singles(policy).length > 0)
        const first = kept(series, { ...policy, maxCount })
        const left = series.filter(({ id }) => first.has(id))
        expect(kept(left, { ...policy, maxCount }, lateEnough(series)).size).toBe(left.length)
      }),
      RUNS,
    )
  })

  it('does not depend on the order of its input, and gives each snapshot one verdict', () => {
    fc.assert(
      fc.property(
        wildSeries.chain((series) =>
          fc.tuple(fc.constant(series), fc.shuffledSubarray(series, { minLength: series.length })),
        ),
        policies,
        ([series, shuffled], policy) => {
          const now = lateEnough(series)
          expect(planRetention(shuffled, policy, now)).toEqual(planRetention(series, policy, now))
          expect(planRetention(series, policy, now).verdicts).toHaveLength(series.length)
        },
      ),
      RUNS,
    )
  })

  it('keeps what is held and, of what has a time, the newest complete one', () => {
    fc.assert(
      fc.property(wildSeries, policies, bounds, (series, policy, maxCount) => {
        const { verdicts } = planRetention(series, { ...policy, maxCount }, lateEnough(series))
        expect(verdicts.filter(({ snapshot, kept: stays }) => snapshot.held && !stays)).toEqual([])
        const complete = verdicts.filter(({ snapshot }) => !snapshot.incomplete)
        if (complete.length > 0) expect(complete.some((verdict) => verdict.kept)).toBe(true)
        if (series.length > 0) expect(verdicts.some((verdict) => verdict.kept)).toBe(true)
      }),
      RUNS,
    )
  })

  it('removes no other because of a new snapshot from the future', () => {
    fc.assert(
      fc.property(
        wildSeries,
        policies,
        bounds,
        bounds,
        fc.nat(),
        (series, rules, maxCount, minCount, ahead) => {
          const policy = { ...rules, maxCount, minCount }
          const now = lateEnough(series)
          const timeMs = now + HOUR_MS + ahead
          const future = {
            timeMs,
            committedMs: timeMs,
            tags: ['a'],
            label: 'full',
            incomplete: false,
            held: true,
          }
          const added = kept([...series, { id: 'new', number: 1000, ...future }], policy, now)
          expect([...added].sort()).toEqual([...kept(series, policy, now), 'new'].sort())
        },
      ),
      RUNS,
    )
  })

  it('removes nothing that is not backdated because of a new one that is', () => {
    fc.assert(
      fc.property(rightSeries, policies, bounds, fc.nat(), (series, rules, maxCount, back) => {
        fc.pre(series.length > 0)
        const policy = { ...rules, maxCount }
        const now = lateEnough(series)
        const said = { tags: ['a', 'b'], label: 'full', incomplete: false, held: false }
        const newest = series.at(-1)!.committedMs
        const forged = {
          id: 'new',
          number: 1000,
          timeMs: newest - HOUR_MS - back,
          committedMs: newest,
          ...said,
        }
        expect(holdsAll(kept([...series, forged], policy, now), kept(series, policy, now))).toBe(true)
      }),
      RUNS,
    )
  })
})

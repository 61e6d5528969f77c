import { describe, expect, it } from 'vitest'
import { calendarOf, type Period } from '../../../../src/ops/forget/calendar.ts'
import { isEmptyPolicy, parseCount, parseKeepLabel } from '../../../../src/ops/forget/policy.ts'
import { planRetention, type RetainedSnapshot } from '../../../../src/ops/forget/retention.ts'
import { RisingClock } from '../../../../src/ops/forget/rising-clock.ts'
import { formatSpan, parseSpan, spanBefore } from '../../../../src/ops/forget/span.ts'
import { codeOf } from '../../../support/builders.ts'

const HOUR_MS = 3_600_000
const NOW = Date.parse('2039-01-01T00:00:00Z')

function made(times: readonly string[], parts: Partial<RetainedSnapshot>[] = []): RetainedSnapshot[] {
  return times.map((time, number) => {
    const timeMs = Date.parse(time)
    const plain = { tags: [], label: null, incomplete: false, held: false }
    return { id: `s${number}`, number, timeMs, committedMs: timeMs, ...plain, ...parts[number] }
  })
}

function kept(...input: Parameters<typeof planRetention>): number[] {
  return planRetention(...input)
    .verdicts.filter((verdict) => verdict.kept)
    .map(({ snapshot }) => snapshot.number)
    .sort((left, right) => left - right)
}

const reasons = (...input: Parameters<typeof planRetention>): (readonly string[])[] =>
  planRetention(...input).verdicts.map((verdict) => verdict.reasons)

describe('a calendar', () => {
  // [what, zone, period, one instant, another, whether they lie in the same]
  const CASES: readonly [string, string, Period, string, string, boolean][] = [
    [
      'the hour that comes twice is two hours',
      'Europe/Berlin',
      'hourly',
      '2025-10-26T00:30Z',
      '2025-10-26T01:30Z',
      false,
    ],
    [
      'a day of 25 hours is one day',
      'Europe/Berlin',
      'daily',
      '2025-10-25T22:00Z',
      '2025-10-26T22:59Z',
      true,
    ],
    ['and ends after them', 'Europe/Berlin', 'daily', '2025-10-26T22:59Z', '2025-10-26T23:00Z', false],
    [
      'a day of 23 hours ends after them',
      'Europe/Berlin',
      'daily',
      '2025-03-30T21:59Z',
      '2025-03-30T22:00Z',
      false,
    ],
    [
      'a half hour that comes twice is of two hours',
      'Australia/Lord_Howe',
      'hourly',
      '2025-04-05T14:45Z',
      '2025-04-05T15:15Z',
      false,
    ],
    [
      'half-hour forward: the short hour',
      'Australia/Lord_Howe',
      'hourly',
      '2025-10-04T15:29Z',
      '2025-10-04T15:30Z',
      false,
    ],
    [
      'half-hour forward: the same day',
      'Australia/Lord_Howe',
      'daily',
      '2025-10-04T13:30Z',
      '2025-10-05T12:59Z',
      true,
    ],
    [
      'half-hour offset: hours begin at :30 of UTC',
      'Asia/Kolkata',
      'hourly',
      '2025-01-01T00:29Z',
      '2025-01-01T00:30Z',
      false,
    ],
    [
      'a minute after midnight put back: the day before again',
      'America/St_Johns',
      'daily',
      '2005-10-30T02:00Z',
      '2005-10-30T03:00Z',
      true,
    ],
    ['week 53 reaches into January', 'UTC', 'weekly', '2020-12-28T00:00Z', '2021-01-03T23:59Z', true],
    ['week 1 begins after it', 'UTC', 'weekly', '2021-01-03T23:59Z', '2021-01-04T00:00Z', false],
    ['week 1 begins in December', 'UTC', 'weekly', '2024-12-30T00:00Z', '2025-01-05T23:59Z', true],
    ['29 February is of February', 'UTC', 'monthly', '2024-02-29T23:59Z', '2024-02-01T00:00Z', true],
    ['and not of March', 'UTC', 'monthly', '2024-02-29T23:59Z', '2024-03-01T00:00Z', false],
    [
      'the same month of another year is another',
      'UTC',
      'monthly',
      '2024-02-01T00:00Z',
      '2025-02-01T00:00Z',
      false,
    ],
    [
      'New Year in Auckland is earlier',
      'Pacific/Auckland',
      'yearly',
      '2024-12-31T10:59Z',
      '2024-12-31T11:00Z',
      false,
    ],
    ['than in UTC', 'UTC', 'yearly', '2024-12-31T10:59Z', '2024-12-31T11:00Z', true],
    ['before 1970', 'UTC', 'daily', '1969-12-31T23:59Z', '1970-01-01T00:00Z', false],
    ['weeks before 1970', 'UTC', 'weekly', '1969-12-28T23:59Z', '1969-12-29T00:00Z', false],
    ['after 2038', 'UTC', 'hourly', '2038-01-19T03:14Z', '2038-01-19T03:15Z', true],
  ]
  it.each(CASES)('%s (%s, %s)', (_, zone, period, one, other, same) => {
    const calendar = calendarOf(zone)
    expect(calendar(period, Date.parse(one)) === calendar(period, Date.parse(other))).toBe(same)
  })

  it('takes any 64-bit time', () => {
    for (const time of [-9.3e18, 9.3e18]) expect(calendarOf('UTC')('hourly', time)).not.toBeNaN()
  })

  it('refuses an unknown zone', () => {
    expect(codeOf(() => calendarOf('Mars/Base'))).toBe('USAGE')
  })
})

describe('a plan', () => {
  const UTC = { timeZone: 'UTC' }
  it('keeps the newest of each of the last days that have snapshots', () => {
    const times = [
      '2025-01-01T01:00Z',
      '2025-01-01T23:00Z',
      '2025-01-05T01:00Z',
      '2025-01-09T01:00Z',
      '2025-01-09T05:00Z',
    ]
    expect(kept(made(times), { ...UTC, counts: { daily: 2 } }, NOW)).toEqual([2, 4])
    expect(kept(made(times), { ...UTC, counts: { daily: 3 } }, NOW)).toEqual([1, 2, 4])
  })

  it('keeps the oldest too while a rule has places left, and says so', () => {
    const times = ['2025-01-01T01:00Z', '2025-01-01T02:00Z', '2025-01-01T03:00Z']
    expect(reasons(made(times), { ...UTC, counts: { daily: 2 } }, NOW)).toEqual([
      ['daily snapshot', 'newest complete snapshot'],
      [],
      ['oldest daily snapshot'],
    ])
  })

  it('counts down in the counters', () => {
    const plan = planRetention(
      made(['2025-01-01T01:00Z', '2025-01-02T02:00Z']),
      { ...UTC, counts: { daily: 2, last: 9 } },
      NOW,
    )
    expect(plan.verdicts.map(({ counters }) => counters)).toEqual([
      { last: 8, daily: 1 },
      { last: 7, daily: 0 },
    ])
  })

  it('cuts days in the zone that the policy names', () => {
    const times = ['2025-06-01T21:30Z', '2025-06-01T22:30Z']
    expect(kept(made(times), { timeZone: 'Europe/Berlin', counts: { daily: 2 } }, NOW)).toEqual([0, 1])
    expect(kept(made(times), { timeZone: 'UTC', counts: { daily: 1 } }, NOW)).toEqual([1])
  })

  it('has 25 hours in an autumn day and 23 in a spring one', () => {
    const day = (from: string): RetainedSnapshot[] =>
      made(
        Array.from({ length: 25 }, (_, hour) =>
          new Date(Date.parse(from) + hour * HOUR_MS + 1).toISOString(),
        ),
      )
    const policy = { timeZone: 'Europe/Berlin', counts: { daily: 1, hourly: 24 } }
    expect(kept(day('2025-10-25T22:00Z'), policy, NOW)).toHaveLength(24)
    expect(kept(day('2025-10-25T22:00Z'), { timeZone: 'Europe/Berlin', counts: { daily: 1 } }, NOW)).toEqual([
      24,
    ])
    expect(kept(day('2025-03-29T23:00Z'), { timeZone: 'Europe/Berlin', counts: { daily: 2 } }, NOW)).toEqual([
      22, 24,
    ])
  })

  it('takes the newest number of equal times', () => {
    const times = ['2025-01-01T01:00Z', '2025-01-01T01:00Z', '2025-01-01T01:00Z', '2024-01-01T01:00Z']
    expect(kept(made(times.slice(0, 3)), { ...UTC, counts: { last: 1 } }, NOW)).toEqual([2])
    expect(kept(made(times.slice(0, 3)), { ...UTC, counts: { hourly: 1 } }, NOW)).toEqual([2])
  })

  it('measures spans from the newest snapshot, without what is exactly as old', () => {
    const times = ['2001-01-01T00:00Z', '2001-01-02T00:00Z', '2001-01-03T00:00Z']
    const plan = reasons(made(times), { ...UTC, within: parseSpan('2d') }, NOW)
    expect(plan).toEqual([['within 2d', 'newest complete snapshot'], ['within 2d'], []])
  })

  it('keeps the newest of each day within a span', () => {
    const times = ['2001-01-01T00:00Z', '2001-01-07T01:00Z', '2001-01-07T02:00Z', '2001-01-08T02:00Z']
    expect(kept(made(times), { ...UTC, withinPeriods: { daily: parseSpan('3d') } }, NOW)).toEqual([2, 3])
  })

  it('keeps tags, their absence, holds and labels', () => {
    const times = ['2025-01-01T01:00Z', '2025-01-02T01:00Z', '2025-01-03T01:00Z', '2025-01-20T01:00Z']
    const parts = [{ tags: ['a', 'b'] }, { tags: ['a'], held: true }, { label: 'full' }, {}]
    const all = made(times, parts)
    expect(kept(all, { ...UTC, tags: [['a', 'b']] }, NOW)).toEqual([0, 1, 3])
    expect(kept(all, { ...UTC, tags: [[]] }, NOW)).toEqual([1, 2, 3])
    expect(kept(all, { ...UTC, labelDays: new Map([['full', 17]]) }, NOW)).toEqual([1, 3])
    expect(reasons(all, { ...UTC, labelDays: new Map([['full', 18]]) }, NOW)[1]).toEqual(['label full: 18d'])
    expect(kept(all, { ...UTC, labelDays: new Map([['full', Infinity]]) }, NOW)).toEqual([1, 2, 3])
  })

  it('never removes the newest complete one, nor the newest where none is complete', () => {
    const times = ['2025-01-01T01:00Z', '2025-01-02T01:00Z', '2025-01-03T01:00Z']
    const broken = { incomplete: true }
    expect(
      kept(made(times, [{}, broken, broken]), { ...UTC, counts: { last: 1 }, maxCount: 1 }, NOW),
    ).toEqual([0])
    expect(kept(made(times, [broken, broken, broken]), { ...UTC, tags: [['x']] }, NOW)).toEqual([2])
  })

  it('keeps, beside an incomplete snapshot of a day, the newest complete one of it, which takes no place', () => {
    const times = [
      '2025-01-01T10:00Z',
      '2025-01-01T12:00Z',
      '2025-01-01T20:00Z',
      '2025-01-01T23:00Z',
      '2025-01-02T12:00Z',
      '2025-01-03T12:00Z',
    ]
    const broken = { incomplete: true }
    const all = made(times, [{}, {}, broken, broken])
    expect(kept(all, { ...UTC, counts: { daily: 3 } }, NOW)).toEqual([1, 3, 4, 5])
    expect(reasons(all, { ...UTC, counts: { daily: 3 } }, NOW)[4]).toEqual(['complete daily snapshot'])
    expect(kept(all, { ...UTC, counts: { daily: 2 } }, NOW)).toEqual([4, 5])
    expect(kept(all, { ...UTC, counts: { daily: 4 } }, NOW)).toEqual([0, 1, 3, 4, 5])
    expect(kept(all, { ...UTC, withinPeriods: { daily: parseSpan('3d') } }, NOW)).toEqual([0, 1, 3, 4, 5])
    expect(kept(made(times, [{}, {}, {}, {}]), { ...UTC, counts: { daily: 3 } }, NOW)).toEqual([3, 4, 5])
  })

  it('bounds the rules by the maximum count, but not what is spared, and then fills up to the minimum', () => {
    const times = [
      '2025-01-01T01:00Z',
      '2025-01-02T01:00Z',
      '2025-01-03T01:00Z',
      '2025-01-04T01:00Z',
      '2025-01-05T01:00Z',
    ]
    const all = made(times, [{ held: true }, { tags: ['x'] }])
    expect(kept(all, { ...UTC, counts: { last: 5 }, maxCount: 3 }, NOW)).toEqual([0, 3, 4])
    expect(kept(all, { ...UTC, tags: [['x']], counts: { last: 5 }, maxCount: 1 }, NOW)).toEqual([0, 1, 4])
    expect(kept(all, { ...UTC, maxCount: 2 }, NOW)).toEqual([0, 4])
    expect(kept(all, { ...UTC, maxCount: 2, minCount: 4 }, NOW)).toEqual([0, 2, 3, 4])
    expect(kept(all, { ...UTC, counts: { last: 3 }, minCount: 3 }, NOW)).toEqual([0, 2, 3, 4])
  })

  it('keeps everything under an empty policy', () => {
    const all = made(['2025-01-01T01:00Z', '2025-01-01T02:00Z'])
    for (const policy of [
      UTC,
      { ...UTC, counts: { last: 0 } },
      { ...UTC, minCount: 1 },
      { ...UTC, maxCount: Infinity },
    ]) {
      expect(isEmptyPolicy(policy)).toBe(true)
      expect(kept(all, policy, NOW)).toEqual([0, 1])
    }
    expect(isEmptyPolicy({ ...UTC, maxCount: 1 })).toBe(false)
    expect(planRetention([], { ...UTC, counts: { last: 1 } }, NOW).verdicts).toEqual([])
  })
})

describe('clocks that are wrong', () => {
  const UTC = { timeZone: 'UTC' }
  const days = (count: number): string[] =>
    Array.from({ length: count }, (_, day) => new Date(Date.UTC(2025, 0, 1 + day, 12)).toISOString())
  const now = Date.UTC(2025, 1, 1)

  it('keep a snapshot from the future, which takes no place and moves no span', () => {
    const all = made([...days(5), '2035-01-01T00:00Z'])
    expect(kept(all, { ...UTC, counts: { daily: 2 } }, now)).toEqual([3, 4, 5])
    expect(kept(all, { ...UTC, within: parseSpan('1d1h') }, now)).toEqual([3, 4, 5])
    expect(reasons(all, { ...UTC, counts: { last: 1 } }, now)[0]).toEqual(['clock ahead'])
  })

  it.each(['1970-01-01T00:00Z', '2038-01-19T03:14Z', '2015-01-04T12:00Z', '2035-01-04T12:00Z'])(
    'at %s count at the time that the log gives once a right one follows',
    (wrong) => {
      const times = days(7)
      times[3] = wrong
      const plan = planRetention(made(times), { ...UTC, counts: { daily: 5 } }, now)
      expect(plan.verdicts.filter((one) => one.kept).map(({ snapshot }) => snapshot.number)).toEqual([
        6, 5, 4, 3, 2,
      ])
      expect(plan.verdicts[3]?.takenMs).toBe(Date.UTC(2025, 0, 4, 12))
    },
  )

  it('keep a newest one that went back aside until then', () => {
    const all = made([...days(4), '1970-01-01T00:00Z'])
    expect(kept(all, { ...UTC, counts: { daily: 2 } }, now)).toEqual([2, 3, 4])
    expect(reasons(all, { ...UTC, counts: { daily: 2 } }, now)[0]).toEqual(['clock unsure'])
  })

  it('believe small differences between machines', () => {
    const all = made(days(3))
    expect(kept(all, { ...UTC, counts: { daily: 1 } }, Date.parse(days(3)[2] ?? '') - 60_000)).toEqual([2])
  })

  it('do not let a flood of forged ascending clocks push out what trusted readings vouch for', () => {
    const good = made(days(10)).map((one) => ({ ...one, number: one.number * 2 }))
    const trusted = new RisingClock()
    for (const one of good) trusted.add(one.number + 1, one.committedMs + 1000)
    const forged = Array.from({ length: 200 }, (_, index) => {
      const timeMs = Date.UTC(2025, 0, 1, 13) + index * HOUR_MS
      return { ...good[0]!, id: `f${index}`, number: 100 + index, timeMs, committedMs: timeMs }
    })
    const policy = { ...UTC, counts: { daily: 10 } }
    expect(kept([...good, ...forged], policy, now, trusted)).toEqual(
      expect.arrayContaining(good.slice(1).map(({ number }) => number)),
    )
  })

  it('do not let backdated snapshots take the places of others', () => {
    const good = made(days(10))
    const forged = good.map((one, index) => ({
      ...one,
      id: `f${index}`,
      number: 100 + index,
      timeMs: one.timeMs + 1000,
      committedMs: Date.UTC(2025, 0, 20),
    }))
    const policy = { ...UTC, counts: { daily: 5, weekly: 2 }, maxCount: 9 }
    const alone = kept(good, policy, now)
    const plan = kept([...good, ...forged.slice(0, -1)], policy, now)
    expect(plan).toEqual(expect.arrayContaining(alone))
  })

  it('judge a history that was imported in one go by the times that it claims, its first snapshot too', () => {
    const now = Date.parse('2025-11-21T12:00:00Z')
    const days = Array.from(
      { length: 10 },
      (_, day) => `2025-11-${String(day + 1).padStart(2, '0')}T02:00:00Z`,
    )
    const parts = days.map((_, day) => ({ committedMs: now - 60_000 + day }))
    expect(kept(made(days, parts), { ...UTC, counts: { daily: 3 } }, now)).toEqual([7, 8, 9])
  })

  it('leave imports their own times', () => {
    const committedMs = Date.UTC(2025, 0, 20)
    const imports = made([
      '2020-05-01T00:00Z',
      '2021-05-01T00:00Z',
      '2021-06-01T00:00Z',
      '2022-05-01T00:00Z',
    ]).map((one) => ({ ...one, committedMs: committedMs + one.number }))
    expect(kept(imports, { ...UTC, counts: { yearly: 2 } }, now)).toEqual([2, 3])
    const later = [...imports, { ...imports[0]!, id: 'n', number: 9, timeMs: now - 5, committedMs: now - 4 }]
    expect(kept(later, { ...UTC, counts: { yearly: 3 } }, now)).toEqual([2, 3, 9])
  })
})

describe('spans, counts and labels', () => {
  it.each([
    ['1y5m7d3h', '1y5m7d3h'],
    ['30d', '30d'],
    [' 2W ', '14d'],
  ])('%s is %s', (text, formatted) => {
    expect(formatSpan(parseSpan(text))).toBe(formatted)
  })

  it.each(['', '0d', '3', 'd', '3h2d', '-1d', '1.5d', '1d 2d', '9999999y'])('%j is no span', (text) => {
    expect(codeOf(() => parseSpan(text))).toBe('USAGE')
  })

  it.each([
    ['2025-03-31T12:00Z', '1m', 'UTC', '2025-02-28T12:00Z'],
    ['2024-03-31T12:00Z', '1m', 'UTC', '2024-02-29T12:00Z'],
    ['2024-02-29T12:00Z', '1y', 'UTC', '2023-02-28T12:00Z'],
    ['2025-10-26T11:00Z', '1d', 'Europe/Berlin', '2025-10-25T10:00Z'],
    ['2025-10-26T11:00Z', '24h', 'Europe/Berlin', '2025-10-25T11:00Z'],
    ['2025-01-15T12:00Z', '13m', 'UTC', '2023-12-15T12:00Z'],
  ])('before %s, %s in %s is %s', (from, span, zone, expected) => {
    expect(spanBefore(Date.parse(from), parseSpan(span), zone)).toBe(Date.parse(expected))
  })

  it('reaches everything with a span beyond the calendar', () => {
    expect(spanBefore(NOW, parseSpan('999999y'), 'UTC')).toBe(-Infinity)
    expect(spanBefore(NOW, parseSpan('999999d'), 'UTC')).toBe(-Infinity)
  })

  it('reads counts and labels, and refuses what is neither', () => {
    expect([parseCount('7'), parseCount('unlimited')]).toEqual([7, Infinity])
    expect(parseKeepLabel('incremental=14d')).toEqual({ label: 'incremental', days: 14 })
    expect(parseKeepLabel('a=b=30')).toEqual({ label: 'a=b', days: 30 })
    expect(parseKeepLabel('yearly=unlimited')).toEqual({ label: 'yearly', days: Infinity })
    for (const text of ['', '-1', '1.5', 'x']) expect(codeOf(() => parseCount(text))).toBe('USAGE')
    for (const text of ['full', '=3', 'full=', 'full=0', 'full=x'])
      expect(codeOf(() => parseKeepLabel(text))).toBe('USAGE')
  })
})

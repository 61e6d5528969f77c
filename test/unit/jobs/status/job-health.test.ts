import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Schedule } from '../../../../src/jobs/schedule/schedule.ts'
import { type JobFacts, jobHealth } from '../../../../src/jobs/status/job-health.ts'
import { type Health, RUN_OUTCOMES, type RunMoment } from '../../../../src/jobs/status/report.ts'

const NOW = Date.UTC(2025, 10, 19, 12)
const HOUR = 3_600_000
const DAY = 24 * HOUR

const schedule = (at: string): Schedule =>
  new Schedule({ at: [at], timeZone: 'UTC', jitterMs: 0, catchUp: true })
const NIGHTLY = schedule('0 2 * * *')
const ran = (outcome: RunMoment['outcome'], error?: string): RunMoment => ({
  id: 'r',
  startedMs: NOW - HOUR,
  endedMs: NOW,
  outcome,
  error,
  bytes: undefined,
})
const saved = (ago: number) => ({ id: 's', time: NOW - ago })
const facts = (more: Partial<JobFacts>): JobFacts => ({
  nowMs: NOW,
  schedule: undefined,
  maxAgeMs: undefined,
  lastGood: saved(HOUR),
  lastRun: ran('ok'),
  isRunning: false,
  knownSince: NOW - 30 * DAY,
  unreachable: undefined,
  isDamaged: false,
  ...more,
})

describe('a job', () => {
  it.each<[what: string, Partial<JobFacts>, Health, reason: string | RegExp | undefined]>([
    ['that went well', {}, 'healthy', undefined],
    ['that was never run', { lastGood: undefined, lastRun: undefined }, 'unknown', 'it was never run'],
    ['that failed', { lastRun: ran('failed', 'no disk') }, 'critical', 'the last run failed: no disk'],
    ['that died', { lastRun: ran('died') }, 'critical', 'the last run died'],
    [
      'that was interrupted',
      { lastRun: ran('interrupted', 'by hand') },
      'stale',
      'the last run was interrupted: by hand',
    ],
    ['that left something out', { lastRun: ran('incomplete') }, 'stale', 'the last run is incomplete'],
    [
      'that never saved all',
      { lastGood: undefined, lastRun: ran('incomplete') },
      'critical',
      'it has no complete snapshot',
    ],
    [
      'whose repository is away',
      { unreachable: 'no such directory' },
      'critical',
      'its repository cannot be opened: no such directory',
    ],
    ['whose repository is damaged', { isDamaged: true }, 'critical', /found damage$/],
    [
      'whose snapshot is of next year',
      { lastGood: saved(-365 * DAY) },
      'stale',
      /2026-11-19T12:00:00.000Z: is a clock wrong\?$/,
    ],
    ['whose snapshot is some hours ahead', { lastGood: saved(-5 * HOUR) }, 'healthy', undefined],
    ['just within max-age', { maxAgeMs: 26 * HOUR, lastGood: saved(26 * HOUR - 1) }, 'healthy', undefined],
    [
      'just beyond it',
      { maxAgeMs: 26 * HOUR, lastGood: saved(26 * HOUR) },
      'stale',
      'its last complete snapshot is 1d 2h old, and may be 1d 2h',
    ],
    ['twice beyond it', { maxAgeMs: 26 * HOUR, lastGood: saved(52 * HOUR) }, 'critical', /is 2d 4h old/],
    [
      'with a max-age that nobody ever ran',
      { maxAgeMs: 26 * HOUR, lastGood: undefined, lastRun: undefined, knownSince: NOW - 30 * HOUR },
      'stale',
      'nothing was saved in the 1d 6h since it was first asked for, and its last complete snapshot may be 1d 2h old',
    ],
    [
      'with a max-age that is new',
      { maxAgeMs: 26 * HOUR, lastGood: undefined, lastRun: undefined, knownSince: NOW - HOUR },
      'unknown',
      'it was never run',
    ],
    ['that ran when it was due', { schedule: NIGHTLY, lastGood: saved(10 * HOUR) }, 'healthy', undefined],
    [
      'that missed a night, in its grace',
      { schedule: NIGHTLY, nowMs: NOW - 8 * HOUR - 1, lastGood: saved(34 * HOUR) },
      'healthy',
      undefined,
    ],
    [
      'that missed a night',
      { schedule: NIGHTLY, nowMs: NOW - 8 * HOUR, lastGood: saved(34 * HOUR) },
      'stale',
      'nothing was saved since it was due at 2025-11-19T02:00:00.000Z',
    ],
    [
      'that runs late',
      { schedule: NIGHTLY, isRunning: true, lastGood: saved(34 * HOUR) },
      'healthy',
      undefined,
    ],
    [
      'that runs for more than a day',
      { schedule: NIGHTLY, isRunning: true, lastGood: saved(58 * HOUR) },
      'stale',
      /since it was due at 2025-11-18/,
    ],
    [
      'that missed two nights',
      { schedule: NIGHTLY, lastGood: saved(58 * HOUR) },
      'critical',
      /since it was due at 2025-11-18T02/,
    ],
    [
      'with a schedule that nobody keeps',
      { schedule: NIGHTLY, lastGood: undefined, lastRun: undefined },
      'critical',
      /since it was due at 2025-10-21T02/,
    ],
    [
      'whose max-age counts, not its schedule',
      { schedule: NIGHTLY, maxAgeMs: 90 * HOUR, lastGood: saved(58 * HOUR) },
      'healthy',
      undefined,
    ],
  ])('%s', (_, more, health, reason) => {
    const found = jobHealth(facts(more))
    expect(found.health).toBe(health)
    if (reason === undefined) expect(found.reasons).toEqual([])
    else
      expect(found.reasons).toContainEqual(
        typeof reason === 'string' ? reason : expect.stringMatching(reason),
      )
    expect(found.stale !== undefined).toBe(
      found.reasons.some((text) => text.includes('was saved') || text.includes('may be')),
    )
  })
})

const time = fc.integer({ min: NOW - 400 * DAY, max: NOW })
const anyFacts = fc.record({
  nowMs: fc.constant(NOW),
  schedule: fc.constantFrom(undefined, NIGHTLY, schedule('0 * * * *'), schedule('0 3 1 * *')),
  maxAgeMs: fc.option(fc.integer({ min: 1_000, max: 60 * DAY }), { nil: undefined }),
  lastGood: fc.option(
    time.map((at) => ({ id: 's', time: at })),
    { nil: undefined },
  ),
  lastRun: fc.option(
    fc.constantFrom(...RUN_OUTCOMES).map((outcome) => ran(outcome)),
    { nil: undefined },
  ),
  isRunning: fc.boolean(),
  knownSince: time,
  unreachable: fc.option(fc.constant('away'), { nil: undefined }),
  isDamaged: fc.boolean(),
})
/** Of a job that was never run, it cannot be said that it is worse. */
const RANK: Readonly<Record<Health, number>> = { healthy: 0, unknown: 0, stale: 1, critical: 2 }

describe('health', () => {
  it('is never good where the last run was not, or the repository is not, or nothing was ever saved', () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        const { health, reasons } = jobHealth(given)
        const isBad = given.lastRun !== undefined && given.lastRun.outcome !== 'ok'
        if (isBad || given.unreachable !== undefined || given.isDamaged)
          expect(RANK[health]).toBeGreaterThan(0)
        if (given.lastRun?.outcome === 'failed' || given.lastRun?.outcome === 'died')
          expect(health).toBe('critical')
        if (given.lastGood === undefined) expect(health).not.toBe('healthy')
        expect(reasons.length > 0).toBe(health !== 'healthy')
      }),
      { numRuns: 2_000 },
    )
  })

  it('does not get better by waiting', () => {
    fc.assert(
      fc.property(
        anyFacts,
        fc.array(fc.integer({ min: 1, max: 40 * DAY }), { minLength: 1, maxLength: 5 }),
        (given, waits) => {
          let nowMs = given.nowMs
          let before = RANK[jobHealth(given).health]
          for (const wait of waits) {
            nowMs += wait
            const rank = RANK[jobHealth({ ...given, nowMs }).health]
            expect(rank).toBeGreaterThanOrEqual(before)
            before = rank
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('is not worse for a newer snapshot', () => {
    fc.assert(
      fc.property(anyFacts, time, time, (given, a, b) => {
        const of = (at: number): number =>
          RANK[jobHealth({ ...given, lastGood: { id: 's', time: at } }).health]
        expect(of(Math.max(a, b))).toBeLessThanOrEqual(of(Math.min(a, b)))
      }),
      { numRuns: 1_000 },
    )
  })
})

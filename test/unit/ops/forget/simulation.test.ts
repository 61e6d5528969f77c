import { describe, expect, it } from 'vitest'
import { planRetention, type RetainedSnapshot } from '../../../../src/ops/forget/retention.ts'
import { RisingClock } from '../../../../src/ops/forget/rising-clock.ts'
import { forgetNames, modelKeeps } from '../../../support/retention-model.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const YEAR_MS = 365.25 * DAY_MS
const MINUTE_MS = 60_000
const ZONE = 'Europe/Berlin'
const COUNTS = { daily: 7, weekly: 5, monthly: 12, yearly: 40 } as const
const FULL = process.env['SNAP_RELIABILITY'] === 'full'
const YEARS = FULL ? 30 : 1

type Simulated = RetainedSnapshot & { readonly trueMs: number; readonly wrong: boolean; unjudged: boolean }

/** How a run of hours with a wrong clock is chosen: its clock is `trueMs + offset`. */
type Jumps = { readonly shortestMs: number; readonly hoursMax: number; readonly everyHours: number }

/** A clock that is ahead by less than the time for which it is ahead contradicts nothing at first. */
const LONG_JUMPS: Jumps = { shortestMs: 74 * HOUR_MS, hoursMax: 72, everyHours: 150 }

type Figures = { steps: number; jumps: number; wrong: number; kept: number; setsThatDiffer: string[] }

/** mulberry32. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Hourly backups; `forget` by a machine with a right clock every `forgetEvery` of them. */
function simulate(hours: number, forgetEvery: number, jumps: Jumps, seed: number): Figures {
  const random = chance(seed)
  const between = (low: number, high: number): number => low + random() * (high - low)
  const offsetAt = (trueMs: number): number => {
    const kind = random()
    if (kind < 0.1) return -trueMs
    if (kind < 0.2) return Date.UTC(2038, 0, 19) - trueMs
    const size = Math.exp(between(Math.log(jumps.shortestMs), Math.log(20 * YEAR_MS)))
    return Math.round(kind < 0.6 ? -size : size)
  }
  const figures: Figures = { steps: 0, jumps: 0, wrong: 0, kept: 0, setsThatDiffer: [] }
  const start = Date.UTC(1996, 0, 1)
  const trusted = new RisingClock()
  let snapshots: Simulated[] = []
  let next = 0
  let rightUntil = -1
  let jump = { offset: 0, left: 0 }
  for (let hour = 0; hour < hours; hour += 1) {
    const trueMs = Math.round(start + hour * HOUR_MS + 45 * MINUTE_MS + between(-10, 10) * MINUTE_MS)
    if (jump.left > 0) jump.left -= 1
    else if (hour > 24 && random() < 1 / jumps.everyHours) {
      jump = { offset: offsetAt(trueMs), left: Math.floor(between(0, jumps.hoursMax)) }
      figures.jumps += 1
    } else jump = { offset: 0, left: 0 }
    const wrong = jump.offset !== 0
    const committedMs = trueMs + jump.offset
    const timeMs = committedMs - Math.round(between(1, 5) * MINUTE_MS)
    const number = next++
    if (wrong) figures.wrong += 1
    else rightUntil = number
    const said = { timeMs, committedMs, tags: [], label: null, incomplete: false, held: false }
    snapshots.push({
      id: String(number),
      number,
      ...said,
      trueMs: trueMs - (committedMs - timeMs),
      wrong,
      unjudged: wrong,
    })
    if (hour % forgetEvery !== Math.floor(forgetEvery / 2)) continue
    const nowMs = trueMs + Math.round(between(1, 2) * MINUTE_MS)
    const plan = planRetention(snapshots, { counts: COUNTS, timeZone: ZONE }, nowMs, trusted)
    for (const one of snapshots) one.unjudged = one.wrong && one.number > rightUntil
    const model = modelKeeps(snapshots, { counts: COUNTS, timeZone: ZONE })
    figures.steps += 1
    const kept = plan.verdicts.filter((verdict) => verdict.kept).map(({ snapshot }) => snapshot)
    if (kept.length !== model.size || !kept.every(({ id }) => model.has(id))) {
      const mine = kept.filter(({ id }) => !model.has(id)).map(({ id }) => `+${id}`)
      const theirs = [...model].filter((id) => !kept.some((one) => one.id === id)).map((id) => `-${id}`)
      figures.setsThatDiffer.push(`hour ${hour}: ${[...mine, ...theirs].join(' ')}`)
      if (figures.setsThatDiffer.length === 5) return figures
    }
    if (kept.length < snapshots.length) {
      rightUntil = next
      trusted.add(next++, nowMs)
    }
    snapshots = kept.sort((left, right) => left.number - right.number)
    if (hour % 5000 < forgetEvery) forgetNames(snapshots[3]?.trueMs ?? 0)
  }
  figures.kept = snapshots.length
  return figures
}

describe(`${YEARS} years of hourly backups with random clock jumps`, () => {
  const hours = Math.floor((YEARS * YEAR_MS) / HOUR_MS)

  it('keep what a model that knows the true times keeps, forgetting after each', { timeout: 120_000 }, () => {
    const figures = simulate(hours, 1, LONG_JUMPS, 1)
    expect(figures.setsThatDiffer).toEqual([])
    expect(figures.steps).toBe(hours)
    expect(figures.wrong).toBeGreaterThan(hours / 20)
  })

  it('keep what the model keeps, forgetting once a day', { timeout: 120_000 }, () => {
    const figures = simulate(hours, 24, LONG_JUMPS, 2)
    expect(figures.setsThatDiffer).toEqual([])
    expect(figures.steps).toBeGreaterThanOrEqual(Math.floor(hours / 24))
  })
})

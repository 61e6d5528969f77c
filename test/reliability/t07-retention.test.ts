import { expect, it } from 'vitest'
import type { RetentionPolicy } from '../../src/ops/forget/policy.ts'
import { keptWith, type Neighbour } from '../support/collector/neighbours.ts'
import { Figures, sized } from '../support/figures.ts'

const NEIGHBOURS = sized(3, 300)
const HOUR_MS = 3_600_000
const YEAR_MS = 365.25 * 24 * HOUR_MS
const NOW = Date.UTC(2025, 10, 19, 12)

/** What is added to the true time. */
const OFFSETS_MS = [
  HOUR_MS,
  -HOUR_MS,
  10 * YEAR_MS,
  -10 * YEAR_MS,
  -NOW,
  Date.UTC(2038, 0, 19, 3, 14, 7) - NOW,
]
const POLICIES: readonly RetentionPolicy[] = [
  { counts: { daily: 5 }, timeZone: 'UTC' },
  { counts: { last: 3, weekly: 2 }, timeZone: 'UTC' },
  { within: { years: 0, months: 0, days: 6, hours: 0 }, timeZone: 'UTC' },
]

const figures = new Figures('T7', import.meta.url)

it("a client's wrong clock does not decide what is kept of another's snapshots", async () => {
  const differ: string[] = []
  let tried = 0
  for (let seed = 0; seed < NEIGHBOURS; seed++) {
    const policy = POLICIES[seed % POLICIES.length] as RetentionPolicy
    const right: Neighbour = { seed, offsetsMs: [0] }
    const wanted = await keptWith(right, policy)
    for (const offset of OFFSETS_MS) {
      const found = await keptWith({ seed, offsetsMs: [offset, offset, 0, offset] }, policy)
      tried += 1
      if (found !== wanted) differ.push(`seed ${seed}, clock off by ${offset}: ${found}, not ${wanted}`)
    }
    figures.progress('neighbours', seed, NEIGHBOURS)
  }
  figures.record({
    tried: 'retentions of one client beside another whose clock is wrong or jumps',
    count: tried,
    wrongly: 'that keep something else than beside a right one',
    wrong: differ.length,
    target: { count: NEIGHBOURS * OFFSETS_MS.length, wrong: 0 },
  })
  expect(differ).toEqual([])
})

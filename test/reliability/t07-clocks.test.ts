import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { RetentionPolicy } from '../../src/ops/forget/policy.ts'
import { Act, type Command, commands } from '../support/collector/commands.ts'
import { newTally, runSequences } from '../support/collector/sequences.ts'
import { makeSmallRepository } from '../support/collector/small-repository.ts'
import { Figures, sized } from '../support/figures.ts'
import { fastScratch } from '../support/snap.ts'

vi.mock('../../src/model/limits.ts', async (original) =>
  (await import('../support/collector/small-buffers.ts')).smallLimits(original),
)
vi.mock('../../src/workers/seen-table.ts', async (original) =>
  (await import('../support/collector/small-buffers.ts')).smallSeenTable(original),
)

const SEQUENCES = sized(60, 3_000)
const HOUR_MS = 3_600_000
const YEAR_MS = 365.25 * 24 * HOUR_MS
const MIB = 1_048_576
const NOW = Date.UTC(2025, 10, 19, 12)

/** What is added to the true time. */
const OFFSETS_MS = [
  0,
  HOUR_MS,
  -HOUR_MS,
  10 * YEAR_MS,
  -10 * YEAR_MS,
  -NOW,
  Date.UTC(2038, 0, 19, 3, 14, 7) - NOW,
]
const POLICIES: readonly RetentionPolicy[] = [
  { counts: { last: 1 }, timeZone: 'UTC' },
  { counts: { hourly: 2, daily: 2 }, timeZone: 'Europe/Berlin' },
  { within: { years: 0, months: 0, days: 0, hours: 1 }, timeZone: 'UTC' },
  { maxCount: 2, timeZone: 'UTC' },
]

const figures = new Figures('T7', import.meta.url)

const setClock: fc.Arbitrary<Command> = fc.tuple(fc.nat({ max: 2 }), fc.constantFrom(...OFFSETS_MS)).map(
  ([at, offsetMs]) =>
    new Act(`setClock(${at}, ${offsetMs})`, (world) => {
      const machine = world.machines[at % world.machines.length]
      if (machine !== undefined) machine.clock.offsetMs = offsetMs
    }),
)

describe('clocks that are wrong, and jump', () => {
  it('lose nothing, however backups, policies and prunes are interleaved', async () => {
    const tally = newTally()
    const policy = fc.constantFrom(...POLICIES).map((one) => ({ kind: 'policy' as const, policy: one }))
    try {
      await runSequences(
        {
          repository: await makeSmallRepository(NOW),
          scratch: fastScratch(256 * MIB),
          count: SEQUENCES,
          evenLast: false,
          commands: commands(
            { commandsMax: 40, evenLast: false },
            { work: [policy, policy], acts: [setClock, setClock] },
          ),
          progress: (done) => figures.progress('sequences', done, SEQUENCES),
        },
        tally,
      )
    } finally {
      figures.record({
        tried: 'sequences of several clients with clocks off by an hour, ten years, in 1970 and in 2038',
        count: tally.sequences,
        wrongly: 'after which something was lost, disagreed or failed',
        wrong: tally.wrong,
        target: { count: SEQUENCES, wrong: 0 },
      })
      figures.measure({
        name: 'policies applied in them',
        value: tally.ended.get('policy done') ?? 0,
        unit: '',
      })
    }
    expect(tally.reasons).toEqual([])
    expect(tally.ended.get('policy done') ?? 0).toBeGreaterThan(SEQUENCES / 10)
  }, 7_200_000)
})

import { expect, it, vi } from 'vitest'
import { commands } from '../support/collector/commands.ts'
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

const SEQUENCES = sized(120, 10_000)
const MIB = 1_048_576
const figures = new Figures('T10', import.meta.url)

it('nothing is lost, all agree, and a prune keeps what is reachable, however processes are interleaved, stopped and killed', async () => {
  const tally = newTally()
  const size = { commandsMax: 40, evenLast: true }
  try {
    await runSequences(
      {
        repository: await makeSmallRepository(Date.UTC(2025, 10, 19)),
        scratch: fastScratch(256 * MIB),
        count: SEQUENCES,
        evenLast: true,
        commands: commands(size),
        progress: (done) => figures.progress('sequences', done, SEQUENCES),
      },
      tally,
    )
  } finally {
    figures.record({
      tried:
        'sequences of backups, prunes, forgets, holds, tags and reads of several clients, interleaved at every storage call',
      count: tally.sequences,
      wrongly: 'after which something was lost, disagreed or failed',
      wrong: tally.wrong,
      target: { count: SEQUENCES, wrong: 0 },
    })
    figures.measure({ name: 'snapshots saved in them', value: tally.saved, unit: '' })
    figures.measure({ name: 'prunes', value: tally.ended.get('prune done') ?? 0, unit: '' })
    figures.measure({ name: 'storage calls interleaved', value: tally.storageCalls, unit: '' })
  }
  expect(tally.reasons).toEqual([])
  expect(tally.saved).toBeGreaterThan(SEQUENCES / 2)
}, 7_200_000)

import { expect, it, vi } from 'vitest'
import { Figures, sized } from '../support/figures.ts'
import { type Outcome, runWorld } from '../support/interleaving/run-world.ts'
import { Tally } from '../support/interleaving/tally.ts'

vi.mock('../../src/model/limits.ts', async (original) =>
  (await import('../support/interleaving/small-packs.ts')).smallPacks(original),
)
vi.mock('../../src/workers/seen-table.ts', async (original) =>
  (await import('../support/collector/small-buffers.ts')).smallSeenTable(original),
)

/** Each mode is in some of them, and some have found something. */
const SAMPLE = [4, 7, 27, 44, 62, 155]
const COMMAND = 'npx vitest run --config test/vitest.config.ts test/reliability/t05-interleavings.test.ts'
const STEPS_SHOWN = 60
const WORLDS = sized(SAMPLE.length, 300)
const figures = new Figures('T5', import.meta.url)

it('nothing is lost, and everybody goes on, whoever comes between at whichever storage call', async () => {
  const tally = new Tally()
  const wrong: string[] = []
  const seeds = seedsAsked() ?? sized(SAMPLE, range(1, WORLDS))
  try {
    for (const seed of seeds) {
      const outcome = await runWorld(seed, tally)
      if (outcome.wrong.length > 0) wrong.push(report(outcome))
      else if (seeds.length === 1) console.log(outcome.steps.join('\n'))
      figures.progress('worlds', tally.worlds, seeds.length)
    }
  } finally {
    record(tally)
  }
  expect(wrong).toEqual([])
})

it('does the same for the same seed', async () => {
  const [one, other] = [await runWorld(1, new Tally(), 4), await runWorld(1, new Tally(), 4)]
  expect(other.steps).toEqual(one.steps)
})

/** `SNAP_WORLDS=7` or `SNAP_WORLDS=301-900`: these instead. */
function seedsAsked(): number[] | undefined {
  const asked = process.env['SNAP_WORLDS']
  if (asked === undefined) return undefined
  const [first = 1, last = first] = asked.split('-').map(Number)
  return range(first, last)
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function report({ seed, modes, wrong, steps }: Outcome): string {
  const text = [
    `world ${seed} (${modes.join(', ')}): ${wrong.join('\n')}`,
    ...steps.slice(-STEPS_SHOWN),
    `again: SNAP_WORLDS=${seed} ${COMMAND}`,
  ].join('\n')
  console.log(text)
  return text
}

function record(tally: Tally): void {
  figures.record({
    tried:
      'worlds of four clients who come between each other at every storage call and are killed there, with full disks, lost index objects, caches that go or become older ones, purges and repairs',
    count: tally.worlds,
    wrongly: 'in which something was lost, or in which somebody could not go on',
    wrong: tally.lost,
    target: { count: WORLDS, wrong: 0 },
  })
  figures.measure({ name: 'operations in them', value: tally.operations, unit: '' })
  figures.measure({ name: 'kills', value: tally.kills, unit: '' })
  figures.measure({ name: 'refused', value: tally.refusalsTotal, unit: '' })
  figures.measure({ name: 'storage calls, each let through twice', value: tally.calls, unit: '' })
  figures.measure({ name: 'verifications of all data', value: tally.verifications, unit: '' })
  figures.measure({ name: 'snapshots restored', value: tally.restored, unit: '' })
}

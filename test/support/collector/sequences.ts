/** Runs sequences of commands, each in a world of its own, and counts what happened in them. */
import fc from 'fast-check'
import { wrongWith } from './checks.ts'
import type { Command } from './commands.ts'
import type { SmallRepository } from './small-repository.ts'
import { World } from './world.ts'

export type Tally = {
  sequences: number
  /** Sequences after which something was not as it must be, with the first reasons. */
  wrong: number
  readonly reasons: string[]
  /** By kind of work and how it ended. */
  readonly ended: Map<string, number>
  saved: number
  storageCalls: number
}

export type SequencesPlan = {
  readonly repository: SmallRepository
  readonly scratch: string
  readonly count: number
  readonly evenLast: boolean
  readonly commands: fc.Arbitrary<Iterable<Command>>
  readonly progress: (done: number) => void
}

const REASONS_MAX = 5

/** The property fails at the first sequence that goes wrong, which is made shorter then; `tally` knows all that ran. */
export async function runSequences(plan: SequencesPlan, tally: Tally): Promise<void> {
  const property = fc.asyncProperty(fc.integer(), plan.commands, async (seed, commands) => {
    using world = new World(plan.scratch, plan.repository, seed)
    await fc.asyncModelRun(() => ({ model: { machines: 2 }, real: world }), commands)
    // Whoever stood still goes on, after all that happened meanwhile.
    for (const process of world.processes) process.isFrozen = false
    await world.scheduler.finish()
    const wrong = await wrongWith(world, plan)
    tally.sequences += 1
    tally.saved += world.saved.size
    tally.storageCalls += world.scheduler.steps
    for (const [name, times] of world.ended) tally.ended.set(name, (tally.ended.get(name) ?? 0) + times)
    plan.progress(tally.sequences)
    if (wrong.length === 0) return
    tally.wrong += 1
    if (tally.reasons.length < REASONS_MAX) tally.reasons.push(...wrong.slice(0, REASONS_MAX))
    throw new Error(wrong.join('\n'))
  })
  await fc.assert(property, { numRuns: plan.count })
}

export function newTally(): Tally {
  return { sequences: 0, wrong: 0, reasons: [], ended: new Map(), saved: 0, storageCalls: 0 }
}

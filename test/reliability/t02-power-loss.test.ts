/**
 * T2: the power goes after each operation of each command, and the disk keeps what was synced and any part of the rest. What
 * had been reported as saved restores, nothing live is damaged, and the next backup and prune need no help.
 */
import { describe, expect, it } from 'vitest'
import { COMMANDS, type Command, command } from '../support/crash/commands.ts'
import { afterwards, type Recording, record, removedWithoutWord, states } from '../support/crash/power.ts'
import { problemsOf } from '../support/crash/survival.ts'
import { World } from '../support/crash/world.ts'
import { Figures, sized } from '../support/figures.ts'

const figures = new Figures('T2', import.meta.url)

/** Different states of each session that are looked at; in full all. */
const LOOKED_AT = sized(8, Number.POSITIVE_INFINITY)
const STATES = sized(500, 5_000)

type Session = {
  readonly name: string
  readonly start: () => Promise<World>
  readonly commands: readonly Command[]
}

const alone = COMMANDS.filter(({ name, slow }) => slow !== true && name !== 'restore' && name !== 'repair')
const SESSIONS: readonly Session[] = [
  ...alone.map((one) => ({ name: one.name, start: one.prepare, commands: [one] })),
  {
    name: 'everything from init on, by one process after the other',
    start: async () => {
      const world = World.create()
      for (let file = 0; file < 4; file++) world.write(`file ${file}`, `content ${file}`.repeat(2_000))
      return world
    },
    commands: [
      'init',
      'the first backup',
      'a backup after others',
      'hold',
      'key add',
      'unhold',
      'forget',
      'prune with repacking',
      'key passwd',
    ].map(command),
  },
]

/** A disk that is in a state that was looked at already is not looked at again, but counted. */
async function lookAt(
  recording: Recording,
  session: Session,
  told: Map<string, string>,
): Promise<{ count: number; looked: number }> {
  const all = [...states(recording)].map(({ ops, how, same }) => ({ ops, how, same }))
  const different = [...new Set(all.map(({ same }) => same))]
  const step = Math.max(1, different.length / LOOKED_AT)
  const wanted = new Set(
    Array.from({ length: Math.ceil(different.length / step) }, (_, n) => different[Math.floor(n * step)]),
  )
  const whole = recording.promises.at(-1)?.from ?? 0
  let looked = 0
  for (const state of states(recording)) {
    if (!wanted.delete(state.same)) continue
    figures.progress(session.name, looked, different.length)
    using world = afterwards(recording, state, looked % 2 === 0)
    looked += 1
    // Before `init` has said that it is done, there may be nothing to look at.
    const isMade = session.commands[0]?.name !== 'init' || state.ops >= (recording.promises[2]?.from ?? whole)
    const again = isMade ? undefined : command('init')
    const problems = [
      ...removedWithoutWord(recording, state.disk).map(
        (path) => `${path} was removed and no log entry says so`,
      ),
      ...(await problemsOf(world, world.process(), { again, mayBeMissing: !isMade })),
    ]
    if (problems.length > 0) told.set(`after ${state.ops} operations, ${state.how}`, problems.join('; '))
  }
  return { count: all.length, looked }
}

describe('a power cut', () => {
  let total = 0

  it.each(SESSIONS)('at any moment of $name loses nothing that was reported as saved', async (session) => {
    using start = await session.start()
    const recording = await record(start, session.commands)
    using _ = recording.world
    const told = new Map<string, string>()
    const { count, looked } = await lookAt(recording, session, told)
    total += count
    figures.record({
      tried: `states after a power cut in ${session.name} (${recording.journal.length} operations; ${looked} different ones looked at)`,
      count,
      wrongly: 'in which something was lost or the next command could not go on',
      wrong: told.size,
      target: { count: 1, wrong: 0 },
    })
    expect([...told]).toEqual([])
  })

  it(`leaves ${STATES} states and more in all`, () => {
    figures.record({
      tried: 'states in all',
      count: total,
      wrongly: 'not counted above',
      wrong: 0,
      target: { count: STATES, wrong: 0 },
    })
    expect(total).toBeGreaterThanOrEqual(STATES)
  })
})

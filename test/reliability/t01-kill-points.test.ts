/**
 * T1: every command is killed before and after each operation that changes the disk and each commit to the manifest. Whoever
 * comes next, with the manifest that was left and without one, finds every snapshot that was reported as saved, and needs no
 * help.
 */
import { describe, expect, it } from 'vitest'
import { Chance } from '../support/builders.ts'
import { COMMANDS, type Command } from '../support/crash/commands.ts'
import { type Kill, runKilled } from '../support/crash/kill.ts'
import { problemsOf, storedBytes } from '../support/crash/survival.ts'
import type { World } from '../support/crash/world.ts'
import { Figures, sized } from '../support/figures.ts'

const figures = new Figures('T1', import.meta.url)

/** Of the kills of each command so many are tried; in full all. */
const KILLS_EACH = sized(4, Number.POSITIVE_INFINITY)
const SLOW_KILLS = sized(1, Number.POSITIVE_INFINITY)
const DOUBLE_KILLS = sized(6, 200)
/** Of the process after the killed one. */
const SECOND_SEED = 4_712
/** Log entries that were not there without a kill, and what packs are padded with. */
const GROWTH_BYTES = 65_536

const isDamaged = (command: Command): boolean => command.name === 'repair'

/** What the command leaves that is not killed, after all that is done after a kill. */
async function bytesWithout(world: World, command: Command): Promise<number> {
  const { left } = await runKilled(world, command, { point: 0, when: 'before' })
  using _ = left
  expect(await problemsOf(left, left.process(), { isDamaged: isDamaged(command) })).toEqual([])
  return storedBytes(left)
}

/** What is wrong after the kill, for both kinds of client. */
async function problemsAfter(left: World, command: Command, bytesMax: number): Promise<string[]> {
  const problems: string[] = []
  for (const cache of [undefined, null] as const) {
    using world = left.fork(cache === null ? { cache } : {})
    const trial = {
      again: command,
      bytesMax,
      // What a lost index object named, who has never seen it finds only when the repair is through.
      mayBeMissing: command.name === 'init' || (isDamaged(command) && cache === null),
      isDamaged: isDamaged(command),
    }
    const found = await problemsOf(world, world.process(), trial)
    problems.push(
      ...found.map((problem) => `${cache === null ? 'a new manifest' : 'the old manifest'}: ${problem}`),
    )
  }
  return problems
}

/** Spread evenly. */
function chosen(kills: readonly Kill[], most: number): readonly Kill[] {
  if (kills.length <= most) return kills
  return Array.from({ length: most }, (_, n) => kills[Math.floor(((n + 0.5) * kills.length) / most)]!)
}

describe('a process that is killed', () => {
  it.each(COMMANDS)('at any point of $name loses nothing, and the next one just works', async (command) => {
    using world = await command.prepare()
    const bytesMax = (await bytesWithout(world, command)) + GROWTH_BYTES
    const { points, kinds, left } = await runKilled(world, command, { point: 0, when: 'before' })
    left[Symbol.dispose]()
    const all = Array.from({ length: points }, (_, n) => n + 1).flatMap((point) => [
      { point, when: 'before' } as const,
      { point, when: 'after' } as const,
    ])
    const wrong: string[] = []
    let killed = 0
    const kills = chosen(all, command.slow === true ? SLOW_KILLS : KILLS_EACH)
    for (const [n, kill] of kills.entries()) {
      figures.progress(`kills of ${command.name}`, n, kills.length)
      const run = await runKilled(world, command, kill)
      using _ = run.left
      if (!run.killed) continue
      killed += 1
      const problems = await problemsAfter(run.left, command, bytesMax)
      if (problems.length > 0) wrong.push(`${kill.when} ${kill.point} of ${points}: ${problems.join('; ')}`)
    }
    const commits = kinds.get('commit') ?? 0
    figures.record({
      tried: `kills of ${command.name}, before and after ${points - commits} operations on the disk and ${commits} commits to the manifest`,
      count: killed,
      wrongly: 'that lost something, or that the next command could not go on from',
      wrong: wrong.length,
      target: { count: kills.length, wrong: 0 },
    })
    expect(wrong).toEqual([])
    expect(killed).toBe(kills.length)
  })

  it('and killed again while it recovers loses nothing', async () => {
    const chance = new Chance(2_026)
    const wrong: string[] = []
    let killed = 0
    const prepared = new Map<Command, { world: World; points: number; bytesMax: number }>()
    const commands = COMMANDS.filter(({ slow }) => slow !== true)
    for (let n = 0; killed < DOUBLE_KILLS; n++) {
      figures.progress('double kills', killed, DOUBLE_KILLS)
      const command = commands[n % commands.length]!
      const known = prepared.get(command) ?? (await prepare(command))
      prepared.set(command, known)
      const first = await runKilled(known.world, command, {
        point: 1 + chance.int(known.points),
        when: 'after',
      })
      using _first = first.left
      const counted = await countAgain(first.left, command)
      if (counted === 0) continue
      const second = await runKilled(
        first.left,
        tolerant(command),
        { point: 1 + chance.int(counted), when: 'before' },
        SECOND_SEED,
      )
      using _second = second.left
      if (!second.killed) continue
      killed += 1
      const problems = await problemsAfter(second.left, command, known.bytesMax)
      if (problems.length > 0) wrong.push(`${command.name}, run ${n}: ${problems.join('; ')}`)
    }
    for (const { world } of prepared.values()) world[Symbol.dispose]()
    figures.record({
      tried: 'kills of the command that followed a killed one',
      count: killed,
      wrongly: 'that lost something, or that the next command could not go on from',
      wrong: wrong.length,
      target: { count: DOUBLE_KILLS, wrong: 0 },
    })
    expect(wrong).toEqual([])
  })
})

async function prepare(command: Command): Promise<{ world: World; points: number; bytesMax: number }> {
  const world = await command.prepare()
  const { points, left } = await runKilled(world, command, { point: 0, when: 'before' })
  left[Symbol.dispose]()
  return { world, points, bytesMax: (await bytesWithout(world, command)) + GROWTH_BYTES }
}

/** Ends where there is nothing left to do. */
function tolerant(command: Command): Command {
  return {
    ...command,
    run: async (client) => {
      try {
        await command.run(client)
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && command.again?.includes(error.code as never)))
          throw error
      }
    },
  }
}

async function countAgain(world: World, command: Command): Promise<number> {
  const { points, left } = await runKilled(
    world,
    tolerant(command),
    { point: 0, when: 'before' },
    SECOND_SEED,
  )
  left[Symbol.dispose]()
  return points
}

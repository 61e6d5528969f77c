/**
 * T3: every call of every command fails once, in each way that it can, and the disk fills up at each moment. A command that
 * says that it is done is done; one that says otherwise names the storage; and when the fault is gone everything works.
 */
import { describe, expect, it } from 'vitest'
import { SnapError } from '../../src/model/errors.ts'
import { COMMANDS, type Command } from '../support/crash/commands.ts'
import { type FaultPoint, faultPoints, runWithFault } from '../support/crash/fault.ts'
import { problemsOf } from '../support/crash/survival.ts'
import type { World } from '../support/crash/world.ts'
import { Figures, sized } from '../support/figures.ts'

const figures = new Figures('T3', import.meta.url)

/** Of the faults of each command; in full all. */
const FAULTS_EACH = sized(4, Number.POSITIVE_INFINITY)

const commands = COMMANDS.filter(({ slow }) => slow !== true)

const nameOf = ({ call, number, fault: { errno, how } }: FaultPoint): string =>
  `${how === 'short' ? 'a short' : errno} ${how} call ${number} (${call})`

/** The code says what is wrong with the storage, and nothing is blamed on the user's files. */
function isExpected(error: unknown, { fault: { errno, how } }: FaultPoint, command: Command): boolean {
  if (!(error instanceof SnapError)) return false
  if (how === 'short') return false
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return error.code === 'REPOSITORY_FULL'
  return error.code === 'STORAGE_FAILED' || (command.name === 'restore' && error.code === 'INCOMPLETE')
}

/** What a command that says that it is done has not done. */
async function undone(world: World, command: Command): Promise<string[]> {
  await using repository = await world.stranger().open()
  return command.isDone?.(repository) === false ? ['it said that it was done, and it was not'] : []
}

async function problemsWith(
  world: World,
  command: Command,
  point: FaultPoint,
): Promise<{ happened: boolean; done: boolean; problems: string[] }> {
  const { happened, error, left } = await runWithFault(world, command, point)
  using _ = left
  const problems: string[] = []
  if (error === undefined) problems.push(...(await undone(left, command)))
  else if (!isExpected(error, point, command)) problems.push(`ended as ${String(error)}`)
  const isDamaged = command.name === 'repair'
  const mayBeMissing = error !== undefined && command.name === 'init'
  problems.push(...(await problemsOf(left, left.process(), { again: command, mayBeMissing, isDamaged })))
  return { happened, done: error === undefined, problems }
}

describe('a storage that fails', () => {
  it.each(commands)('at any call of $name is named, and nothing is lost', async (command) => {
    using world = await command.prepare()
    const all = await faultPoints(world, command)
    const count = Math.min(all.length, FAULTS_EACH)
    const chosen = Array.from({ length: count }, (_, n) => all[Math.floor(((n + 0.5) * all.length) / count)]!)
    const wrong: string[] = []
    let happened = 0
    let done = 0
    for (const [n, point] of chosen.entries()) {
      figures.progress(`faults of ${command.name}`, n, chosen.length)
      const outcome = await problemsWith(world, command, point)
      if (outcome.happened) happened += 1
      if (outcome.done) done += 1
      if (outcome.problems.length > 0) wrong.push(`${nameOf(point)}: ${outcome.problems.join('; ')}`)
    }
    figures.record({
      tried: `faults at every call of ${command.name} (${done} of them it got over by itself)`,
      count: happened,
      wrongly: 'that lost something, were not told, or were told wrongly',
      wrong: wrong.length,
      target: { count: chosen.length, wrong: 0 },
    })
    expect(wrong).toEqual([])
    expect(happened).toBe(chosen.length)
  })
})

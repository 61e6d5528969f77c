/** Runs commands that are killed before or after one of their points: operations on the disk, and commits to the manifest. */
import { join } from 'node:path'
import { interceptingFs, isMutating } from '../storage/intercepting-fs.ts'
import { Killed } from '../storage/recording-fs.ts'
import type { Command } from './commands.ts'
import { watchManifests } from './manifest-commits.ts'
import { copyCache, type World } from './world.ts'

export type Kill = {
  /** From 1; 0 for none, to count. */
  readonly point: number
  readonly when: 'before' | 'after'
}

export type KilledRun = {
  readonly points: number
  /** By what they are: calls, and `commit`. */
  readonly kinds: ReadonlyMap<string, number>
  readonly killed: boolean
  /** What the process left, or, where it ended by itself, what there is. */
  readonly left: World
}

/**
 * The process dies in a fork of `world`: nothing that it does after that reaches the disk or the manifest that is left. `seed`: of
 * its random numbers, the same for all that are to do the same; no two processes after each other have the same, or the ids of
 * what the second stores would be those of the first.
 */
export async function runKilled(
  world: World,
  command: Command,
  { point, when }: Kill,
  seed = 4_711,
): Promise<KilledRun> {
  const own = world.fork()
  const cacheLeft = join(own.directory, 'cache left')
  const kinds = new Map<string, number>()
  let points = 0
  let killed = false
  const die = (): never => {
    if (!killed) {
      killed = true
      copyCache(own.cache, cacheLeft)
    }
    throw new Killed()
  }
  /** Returns the number of what begins; several may be under way at once. */
  const begin = (what: string): number => {
    if (killed) die()
    points += 1
    kinds.set(what, (kinds.get(what) ?? 0) + 1)
    if (points === point && when === 'before') die()
    return points
  }
  const end = (number: number): void => {
    if (killed || (number === point && when === 'after')) die()
  }
  const plain = own.machine.process()
  const fs = interceptingFs(plain, async (call, run) => {
    if (killed) die()
    if (!isMutating(call)) return await run()
    const number = begin(call)
    try {
      return await run()
    } finally {
      end(number) // also where the disk refuses: another way on begins there
    }
  })
  let commit = 0
  {
    using _ = watchManifests(own.cache, (at) => {
      if (at === 'before') commit = begin('commit')
      else end(commit)
    })
    try {
      await command.run(own.process({ fs, seed }))
    } catch (error) {
      if (!killed) throw error
    }
  }
  const left = own.fork(killed ? { cache: cacheLeft } : {})
  left.secrets = own.secrets
  own[Symbol.dispose]()
  return { points, kinds, killed, left }
}

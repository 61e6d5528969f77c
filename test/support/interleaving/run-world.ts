/** One world from its beginning to its last round, or to the first after which something is wrong. */
import type { SnapshotId } from '../../../src/model/ids.ts'
import { happens, oneOf } from './modes.ts'
import { backUp, repairAll } from './operations.ts'
import { wrongWith } from './oracle.ts'
import { DIRECTORIES } from './sources.ts'
import type { Tally } from './tally.ts'
import { World } from './world.ts'

const ROUNDS = 12
const CLOSING_SHARE = 0.3

export type Outcome = {
  readonly seed: number
  /** Those that the seed chose. */
  readonly modes: readonly string[]
  /** Empty: nothing. */
  readonly wrong: readonly string[]
  readonly steps: readonly string[]
}

export async function runWorld(seed: number, tally: Tally, rounds: number = ROUNDS): Promise<Outcome> {
  await using world = await World.create(seed, tally)
  const modes = Object.entries(world.modes).flatMap(([mode, isChosen]) => (isChosen ? [mode] : []))
  const wrong: string[] = []
  tally.worlds += 1
  try {
    for (let round = 0; round < rounds && wrong.length === 0; round++) {
      world.say(0, `-- round ${round}`)
      wrong.push(...(await runRound(world)))
    }
  } catch (error) {
    wrong.push(error instanceof Error ? String(error.stack) : String(error))
  }
  if (wrong.length > 0) tally.lost += 1
  return { seed, modes, wrong, steps: world.steps }
}

async function runRound(world: World): Promise<string[]> {
  world.sources.edit()
  await loseCaches(world)
  await loseIndex(world)
  await world.round()
  for (const client of world.clients) await client.open()
  const closing = happens(world.chance, CLOSING_SHARE) ? await closingBackups(world) : []
  if (world.modes.losesIndexes) {
    const client = world.anyClient()
    const { lostIndexes, packsNamed } = await repairAll(client)
    world.say(0, `${client.name} repairs ${lostIndexes.length} index objects, ${packsNamed.length} packs`)
  }
  return [...world.wrong, ...(await wrongWith(world, closing))]
}

/** Of the machines of one client each: the last loses its cache, the one before gets an older one back. */
async function loseCaches(world: World): Promise<void> {
  const { chance, modes, clients } = world
  const [, , older, forgetful] = clients
  if (happens(chance, 0.15) && forgetful !== undefined) {
    await forgetful.loseCache()
    world.say(0, `${forgetful.name} lost its cache`)
  }
  if (modes.oldCaches && happens(chance, 0.4) && older !== undefined) {
    const how = await older.exchangeCache(happens(chance, 0.3))
    world.say(0, `the cache of ${older.name} is ${how}`)
  }
}

async function loseIndex(world: World): Promise<void> {
  const { chance, modes, test } = world
  const client = world.clients.at(-1)
  if (!modes.losesIndexes || !happens(chance, 0.5) || client === undefined) return
  await client.open()
  await client.test.repository.log.follow()
  const id = oneOf(chance, [...client.test.repository.log.state.indexes.keys()])
  if (id === undefined) return
  test.storage.objects.delete(`index/${id}`)
  world.say(0, `index/${id} is gone`)
}

/** One of each client, which must succeed. */
async function closingBackups(world: World): Promise<SnapshotId[]> {
  const saved: SnapshotId[] = []
  for (const client of world.clients) {
    world.say(0, `${client.name} closing backup`)
    saved.push(await backUp(client, world, oneOf(world.chance, DIRECTORIES) ?? ''))
  }
  return saved
}

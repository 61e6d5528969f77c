/**
 * One repository in memory and four clients of it, two of them on one manifest. Whenever one comes to the storage, others may
 * come between with something else, and others between these; or it is killed there. All is decided by the seed.
 */
import { messageOf, SnapError } from '../../../src/model/errors.ts'
import { Chance } from '../builders.ts'
import { TestRepository } from '../repository.ts'
import { Act, acts, type FullDisk } from './act.ts'
import { admitting } from './admitting-storage.ts'
import { Client, Marks } from './client.ts'
import { chooseModes, happens, type Modes, oneOf } from './modes.ts'
import {
  mayBeRefused,
  OPERATIONS,
  type OperationName,
  operationsOf,
  type Surroundings,
} from './operations.ts'
import { Promises } from './promises.ts'
import { Sources } from './sources.ts'
import type { Tally } from './tally.ts'

/** Operations one after the other in a round; those that may come between them at once, and in all. */
const OPERATIONS_IN_ROUND = 3
const DEPTH_MAX = 3
const VISITS_MAX = 6
const VISIT_SHARE = 0.05
const KILL_SHARE = 0.2
/** Times that a client comes to the storage before it is killed, at most. */
const LIVES_MAX = 60
const FULL_SHARE = 0.3

const HAS_ROOM: FullDisk = { after: Number.POSITIVE_INFINITY, times: 0 }
const FILLING: readonly OperationName[] = ['backup', 'prune', 'purge']

export class World implements Surroundings, AsyncDisposable {
  readonly chance: Chance
  readonly modes: Modes
  readonly sources: Sources
  readonly promises = new Promises()
  readonly clients: Client[] = []
  /** What happened, in words, the innermost indented most. */
  readonly steps: string[] = []
  readonly tally: Tally
  /** What nobody may be told. */
  readonly wrong: string[] = []
  readonly #random: Chance
  readonly #marks: Marks
  readonly #operations: readonly OperationName[]
  #test: TestRepository | undefined
  #visits = 0

  static async create(seed: number, tally: Tally): Promise<World> {
    const world = new World(seed, tally)
    const first = await world.#addClient('A1', (ports) => TestRepository.create(ports))
    world.#test = first
    await world.#addClient('A2', (ports) => first.another({ ...ports, sharesManifest: true }))
    await world.#addClient('B', (ports) => first.another(ports))
    await world.#addClient('C', (ports) => first.another(ports))
    return world
  }

  private constructor(seed: number, tally: Tally) {
    this.chance = new Chance(seed)
    // Another one for ids: how many of them are taken is no part of what is decided.
    this.#random = new Chance(seed ^ 0x1d5)
    this.modes = chooseModes(this.chance)
    this.sources = new Sources(this.chance, seed)
    this.#marks = new Marks(this.modes.unknownRuns)
    this.#operations = operationsOf(this.modes)
    this.tally = tally
  }

  async #addClient(
    name: string,
    open: (ports: Parameters<typeof TestRepository.create>[0]) => Promise<TestRepository>,
  ): Promise<TestRepository> {
    let client: Client | undefined
    const mark = this.#marks.begin()
    const test = await open({
      random: this.#random,
      processes: this.#marks.processes(() => client?.mark ?? mark),
      through: (storage) =>
        admitting(
          storage,
          () => this.#atDoor(),
          (what) => this.#said(what),
        ),
    })
    client = new Client(name, test, this.#marks, mark)
    this.clients.push(client)
    return test
  }

  get test(): TestRepository {
    if (this.#test === undefined) throw new Error('the world is not there yet')
    return this.#test
  }

  say(depth: number, what: string): void {
    this.steps.push(`${'  '.repeat(depth)}${what}`)
  }

  #said(what: string): void {
    const act = acts.getStore()
    if (act !== undefined) this.say(act.depth + 2, `${act.client.name} ${act.what} ${shortened(what)}`)
  }

  anyClient(among: readonly Client[] = this.clients): Client {
    const client = oneOf(this.chance, among)
    if (client === undefined) throw new Error('there is no client')
    return client
  }

  /** What clients do in a row, with others between. */
  async round(): Promise<void> {
    this.#visits = VISITS_MAX
    for (let count = 0; count < OPERATIONS_IN_ROUND; count++) await this.#begin(this.anyClient(), 0)
  }

  /** Whoever calls the storage waits here while others are let in, and comes no further where it was killed. */
  async #atDoor(): Promise<void> {
    const act = acts.getStore()
    if (act === undefined) return
    while (act.visit !== undefined) await act.visit
    this.tally.calls += 1
    const wasKilled = act.isKilled
    if (!act.live()) {
      // Nothing that it does on its way out takes effect.
      if (!wasKilled) act.client.die()
      throw new Error('killed')
    }
    if (act.depth === DEPTH_MAX || this.#visits === 0 || !happens(this.chance, VISIT_SHARE)) return
    const idle = this.clients.filter((client) => client.act === undefined)
    if (idle.length === 0) return
    this.#visits -= 1
    act.visit = this.#begin(this.anyClient(idle), act.depth + 1)
    await act.visit
    act.visit = undefined
  }

  async #begin(client: Client, depth: number): Promise<void> {
    const { chance } = this
    const what = oneOf(chance, this.#operations) ?? 'follow'
    const lives = happens(chance, KILL_SHARE) ? chance.between(1, LIVES_MAX) : 0
    await this.#carryOut(new Act({ client, what, depth, lives, full: this.#fullDisk(what) }))
  }

  #fullDisk(what: OperationName): FullDisk {
    const { chance, modes } = this
    if (!modes.fullDisk || !FILLING.includes(what) || !happens(chance, FULL_SHARE)) return HAS_ROOM
    return { after: chance.int(4), times: chance.between(1, 3) }
  }

  async #carryOut(act: Act): Promise<void> {
    const { client, what, depth } = act
    const name = `${client.name} ${what}`
    client.act = act
    this.say(depth, name)
    this.tally.operations += 1
    try {
      await client.open()
      await acts.run(act, () => OPERATIONS[what](client, this))
      this.say(depth, `${name}: done`)
    } catch (error) {
      if (!act.isKilled) this.#refused(act, error)
    } finally {
      client.act = undefined
    }
    if (!act.isKilled) return
    this.tally.kills += 1
    this.say(depth, `${name}: killed`)
  }

  #refused({ client, what, depth }: Act, error: unknown): void {
    const code = error instanceof SnapError ? error.code : 'broken'
    this.say(depth, `${client.name} ${what}: ${code}: ${messageOf(error)}`)
    if (error instanceof SnapError) this.tally.refused(what, error)
    if (code !== 'broken' && mayBeRefused(what, code, this.modes)) return
    this.wrong.push(`${client.name} ${what}: ${error instanceof Error ? error.stack : String(error)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [first, ...others] = this.clients
    for (const client of others) await client[Symbol.asyncDispose]()
    await first?.[Symbol.asyncDispose]()
    await this.#test?.[Symbol.asyncDispose]()
  }
}

/** The ids of packs, as they are told apart at a glance. */
function shortened(what: string): string {
  return what.replace(/[0-9a-f]{32}$/, (id) => id.slice(0, 8))
}

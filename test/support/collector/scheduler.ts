/**
 * Decides which process goes on and when: every storage call waits, before it takes effect and again before its answer is
 * known, until it is picked. A process that is never picked again was killed. Knows nothing of repositories.
 */
import { setImmediate } from 'node:timers/promises'
import { SnapError } from '../../../src/model/errors.ts'
import type { ObjectStat, Storage } from '../../../src/model/storage.ts'
import type { Chance } from '../builders.ts'

/** Keys of a listing that come with one answer. */
const LIST_PAGE_KEYS = 4
/** Turns of the event loop that a process may take between two storage calls. */
const TURNS_MAX = 10_000

/** What a process is told whose answer was lost. */
export const LOST_ANSWER = 'the answer was lost'

/** One that asks a storage for something. */
export class ScheduledProcess {
  readonly waiting: { readonly go: () => void; readonly fail: (error: Error) => void }[] = []
  isRunning = false
  isFrozen = false
  isKilled = false
  /** Every storage call of it fails, before it takes effect. */
  isDoomed = false
  /** The answer to its next storage call that changes something is lost: it took effect, and seems to have failed. */
  losesAnswer = false

  get canGoOn(): boolean {
    return this.isRunning && !this.isFrozen && !this.isKilled && this.waiting.length > 0
  }

  async gate(): Promise<void> {
    if (this.isDoomed) throw new Error('killed')
    await new Promise<void>((go, fail) => this.waiting.push({ go, fail }))
  }

  /** Ends one that has files open which nobody else could close. */
  doom(): void {
    this.isDoomed = true
    for (const { fail } of this.waiting.splice(0)) fail(new Error('killed'))
  }

  /** The storage as this process sees it. Outlives it: closing is the owner's. */
  through(storage: Storage): Storage {
    const around = async <T>(call: () => Promise<T>): Promise<T> => {
      await this.gate()
      // Its answer may come after others have done much; a failure is an answer too.
      const result = await Promise.allSettled([call()])
      await this.gate()
      if (result[0].status === 'rejected') throw result[0].reason
      return result[0].value
    }
    const changing = async <T>(call: () => Promise<T>): Promise<T> => {
      const result = await around(call)
      if (!this.losesAnswer) return result
      this.losesAnswer = false
      throw new SnapError('STORAGE_FAILED', LOST_ANSWER)
    }
    return {
      description: storage.description,
      put: (key, parts) => changing(() => storage.put(key, parts)),
      create: (key, bytes) => changing(() => storage.create(key, bytes)),
      read: (key, range) => around(() => storage.read(key, range)),
      stat: (key) => around(() => storage.stat(key)),
      list: (prefix) => this.#list(storage, prefix),
      remove: (key) => changing(() => storage.remove(key)),
      sweep: () => storage.sweep(),
      secureReserve: () => storage.secureReserve(),
      releaseReserve: () => storage.releaseReserve(),
      [Symbol.asyncDispose]: async () => undefined,
    }
  }

  /** Page by page in the order of keys: what comes and goes meanwhile is listed or not. */
  async *#list(storage: Storage, prefix: string): AsyncGenerator<ObjectStat> {
    let last = ''
    for (;;) {
      await this.gate()
      const all: ObjectStat[] = []
      for await (const stat of storage.list(prefix)) if (stat.key > last) all.push(stat)
      const page = all.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, LIST_PAGE_KEYS)
      yield* page
      if (page.length < LIST_PAGE_KEYS) break
      last = page.at(-1)?.key ?? ''
    }
    await this.gate()
  }
}

export class Scheduler {
  readonly #chance: Chance
  readonly processes: ScheduledProcess[] = []
  /** Storage calls that were let through. */
  steps = 0
  #favourite: ScheduledProcess | undefined

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** Starts `work`, and lets it come to its first storage call. What becomes of it is the caller's to look at. */
  async start(process: ScheduledProcess, work: () => Promise<void>): Promise<void> {
    process.isRunning = true
    void work().finally(() => {
      process.isRunning = false
    })
    await settled(process)
  }

  /** Lets one call of some process through; false where none can go on. One process often makes several steps in a row. */
  async step(): Promise<boolean> {
    const able = this.processes.filter(({ canGoOn }) => canGoOn)
    if (able.length === 0) return false
    if (this.#favourite === undefined || !this.#favourite.canGoOn || this.#chance.int(6) === 0) {
      this.#favourite = able[this.#chance.int(able.length)]
    }
    const process = this.#favourite ?? able[0]
    if (process === undefined) return false
    const [next] = process.waiting.splice(this.#chance.int(process.waiting.length), 1)
    next?.go()
    this.steps += 1
    await settled(process)
    return true
  }

  async finish(): Promise<void> {
    while (await this.step());
  }
}

async function settled(process: ScheduledProcess): Promise<void> {
  await setImmediate()
  for (let turns = 0; process.isRunning && process.waiting.length === 0; turns++) {
    if (turns > TURNS_MAX) throw new Error('a process neither ends nor asks the storage for anything')
    await setImmediate()
  }
}

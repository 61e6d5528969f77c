/** One operation of one client while it is under way, which may be killed at any of its storage calls. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Client } from './client.ts'
import type { OperationName } from './operations.ts'

/** What the storage is told, where somebody asks who calls. */
export const acts: AsyncLocalStorage<Act | undefined> = new AsyncLocalStorage()

/** Objects that still fit, and how many do not then; after these there is room again. */
export type FullDisk = { readonly after: number; readonly times: number }

export type ActPlan = {
  readonly client: Client
  readonly what: OperationName
  /** How many other operations it came between. */
  readonly depth: number
  /** Times that it comes to the storage before it is killed; 0: never. */
  readonly lives: number
  readonly full: FullDisk
}

export class Act {
  readonly client: Client
  readonly what: OperationName
  readonly depth: number
  #lives: number
  readonly #full: FullDisk
  #stored = 0
  isKilled = false
  /** While others are let in at one of its calls, its other calls wait. */
  visit: Promise<void> | undefined
  constructor({ client, what, depth, lives, full }: ActPlan) {
    this.client = client
    this.what = what
    this.depth = depth
    this.#lives = lives
    this.#full = full
  }

  /** False where it is killed right there, or was before. */
  live(): boolean {
    if (this.#lives > 0) this.isKilled = --this.#lives === 0
    return !this.isKilled
  }

  /** Whether the disk takes one more object. */
  hasRoom(): boolean {
    const { after, times } = this.#full
    const at = this.#stored++
    return at < after || at >= after + times
  }
}

/**
 * A bounded amount of memory that threads share, handed out in slots: taken, given back and taken again. It knows no threads, and
 * nothing of when one is done with a slot.
 */

import { addTo } from './lists.ts'

/** A slot is larger than asked for by at most a fourth, so that one that was given back fits the next. */
const STEPS_LOG2 = 2
const STEP_BYTES_MIN = 64

export class SharedSlots {
  /** The system gives its pages when they are written to. */
  readonly #memory: SharedArrayBuffer
  #filled = 0
  /** Where slots begin that were given back, by their size. */
  readonly #spare = new Map<number, number[]>()

  constructor(bytes: number) {
    this.#memory = new SharedArrayBuffer(bytes)
  }

  /** Its content is whatever was there before. `undefined` where there is no room. */
  take(bytes: number): Uint8Array<SharedArrayBuffer> | undefined {
    const size = sizeFor(bytes)
    const spare = this.#spare.get(size)?.pop()
    if (spare !== undefined) return new Uint8Array(this.#memory, spare, bytes)
    if (this.#filled + size > this.#memory.byteLength) return undefined
    const at = this.#filled
    this.#filled += size
    return new Uint8Array(this.#memory, at, bytes)
  }

  /** One that `take` returned, once. */
  giveBack({ byteOffset, length }: Uint8Array): void {
    addTo(this.#spare, sizeFor(length), byteOffset)
  }

  /** Gives back all. */
  clear(): void {
    this.#filled = 0
    this.#spare.clear()
  }
}

function sizeFor(bytes: number): number {
  const step = Math.max(STEP_BYTES_MIN, 2 ** (Math.floor(Math.log2(bytes + 1)) - STEPS_LOG2))
  return Math.max(1, Math.ceil(bytes / step)) * step
}

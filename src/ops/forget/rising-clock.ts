/**
 * Which of many clock readings, in the order in which they were certainly made, go together: the longest sequence of
 * them that never goes back (patience sorting, Fredman 1975). Knows neither snapshots nor what time it is.
 */
import { assert } from '../../base/assert.ts'

/** What the clock of its writer said (ms since the epoch) when log entry `number` was made. */
export type ClockReading = { readonly number: number; readonly ms: number }

/**
 * Readings are added one by one, O(log n) each. Where two sequences are equally long the one that was complete first
 * counts: readings that contradict others unseat them only once they are more.
 */
export class RisingClock {
  readonly #readings: ClockReading[] = []
  readonly #previous: number[] = []
  /** By length less one: the reading at the end of the sequence of that length which ends lowest. */
  readonly #ends: number[] = []
  /** The longest sequence. */
  readonly #chain: number[] = []

  /** Numbers must ascend. */
  add(number: number, ms: number): void {
    const last = this.#readings.at(-1)
    assert(last === undefined || last.number < number, 'clock readings are added in the order of the log')
    const index = this.#readings.push({ number, ms }) - 1
    const length = countUpTo(this.#ends.length, (at) => this.#msOf(this.#ends, at) <= ms)
    this.#previous.push(this.#ends[length - 1] ?? -1)
    this.#ends[length] = index
    if (length === this.#chain.length) this.#follow(index, length)
  }

  /** The last reading of the sequence at or before entry `number`. */
  before(number: number): ClockReading | undefined {
    return this.#at(this.#upTo(number) - 1)
  }

  /** The first reading of the sequence at or after entry `number`. */
  after(number: number): ClockReading | undefined {
    return this.#at(this.#upTo(number - 1))
  }

  /** The chain from its new end back to where it is what it was. */
  #follow(end: number, at: number): void {
    let [index, position] = [end, at]
    while (position >= 0 && this.#chain[position] !== index) {
      this.#chain[position] = index
      index = this.#previous[index] ?? -1
      position -= 1
    }
  }

  #upTo(number: number): number {
    return countUpTo(this.#chain.length, (at) => (this.#at(at)?.number ?? number) <= number)
  }

  #at(position: number): ClockReading | undefined {
    const index = this.#chain[position]
    return index === undefined ? undefined : this.#readings[index]
  }

  #msOf(indexes: readonly number[], at: number): number {
    return this.#readings[indexes[at] ?? -1]?.ms ?? Number.POSITIVE_INFINITY
  }
}

/** How many of 0 .. length - 1 hold, where all that hold come first. */
function countUpTo(length: number, holds: (at: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The chunks that this run has already taken, over all threads: open addressing in shared memory, claimed with
 * compare-and-swap. It forgets nothing and deletes nothing; when it is full it says "new", and the price is a
 * chunk stored twice.
 *
 * A row is five 32-bit words: 31 bits of the id (made odd, so that it is never 0 or BUSY), then 128 more. Comparing
 * 159 bits of a keyed hash, two different chunks are never taken for one.
 */
import { assert } from '../base/assert.ts'

const ROW_WORDS = 5
const EMPTY = 0
const BUSY = 2
/**
 * Rows of each tier. Small first, and each twice the one before: random rows touch every page, so a large table costs its whole size at once. With
 * tiers of four times the size a first backup of a million small files took 110 MB for it, with these 40.
 */
const TIER_ROWS: readonly number[] = [2 ** 17, 2 ** 18, 2 ** 19, 2 ** 20, 2 ** 21, 2 ** 22]
const LOAD_MAX = 0.75

/** What is sent to other threads. */
export type SeenMemory = {
  readonly tiers: readonly SharedArrayBuffer[]
  /** Claimed rows of each tier. */
  readonly used: SharedArrayBuffer
}

export function createSeenMemory(tierRows: readonly number[] = TIER_ROWS): SeenMemory {
  return {
    tiers: tierRows.map((rows) => new SharedArrayBuffer(rows * ROW_WORDS * 4)),
    used: new SharedArrayBuffer(tierRows.length * 4),
  }
}

export class SeenTable {
  readonly #tiers: readonly Int32Array[]
  readonly #used: Int32Array

  constructor(memory: SeenMemory) {
    this.#tiers = memory.tiers.map((tier) => new Int32Array(tier))
    this.#used = new Int32Array(memory.used)
    for (const tier of this.#tiers) {
      const rows = tier.length / ROW_WORDS
      assert((rows & (rows - 1)) === 0, 'rows of a tier are a power of two')
    }
  }

  /** True for exactly one caller of each id (while there is room): that one stores the chunk. */
  claim(ids: Uint8Array, at: number): boolean {
    const words = new DataView(ids.buffer, ids.byteOffset + at, ROW_WORDS * 4)
    const first = words.getInt32(0, true) | 1
    for (let tier = 0; tier < this.#tiers.length; tier++) {
      const table = this.#tiers[tier] as Int32Array
      const rows = table.length / ROW_WORDS
      const open = Atomics.load(this.#used, tier) < rows * LOAD_MAX
      const found = this.#probe(table, rows - 1, first, words, open)
      if (found === 'seen') return false
      if (found === 'claimed') {
        Atomics.add(this.#used, tier, 1)
        return true
      }
    }
    return true
  }

  #probe(
    table: Int32Array,
    mask: number,
    first: number,
    words: DataView,
    claim: boolean,
  ): 'seen' | 'claimed' | 'absent' {
    // The hash is uniform, so its bits serve as the position; the ones that are compared first differ from these.
    let row = (words.getUint32(16, true) ^ (first >>> 1)) & mask
    for (;;) {
      const base = row * ROW_WORDS
      let head = Atomics.load(table, base)
      if (head === EMPTY) {
        if (!claim) return 'absent'
        head = Atomics.compareExchange(table, base, EMPTY, BUSY)
        if (head === EMPTY) {
          for (let word = 1; word < ROW_WORDS; word++) table[base + word] = words.getInt32(word * 4, true)
          Atomics.store(table, base, first)
          return 'claimed'
        }
      }
      while (head === BUSY) head = Atomics.load(table, base)
      if (head === first && this.#same(table, base, words)) return 'seen'
      row = (row + 1) & mask
    }
  }

  #same(table: Int32Array, base: number, words: DataView): boolean {
    for (let word = 1; word < ROW_WORDS; word++) {
      if (table[base + word] !== words.getInt32(word * 4, true)) return false
    }
    return true
  }
}

/** The chunks that a file had in the parent snapshot, in order: what its next version is held against. It knows ids alone. */
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { CHUNK_ITEM, CHUNK_ITEM_BYTES, HOLE_ITEM, HOLE_ITEM_BYTES } from '../snapshot/content.ts'

/** Up to so many are looked through one by one. */
const LIST_MAX = 8
/** Ids are keyed hashes, so that a longer search means a list that somebody made up. */
const PROBES_MAX = 64
const NOWHERE = -1

export class FormerContent {
  readonly #items: Uint8Array
  readonly #view: DataView
  /** Where in the items the id of each chunk begins. */
  readonly #at: Uint32Array
  /** Positions + 1 by the first word of the id, in open addressing; of chunks that are there twice the first. */
  #table: Int32Array | undefined
  /** What was made of deltas against it was hardly smaller than without. */
  isHopeless = false

  /** `items`: encoded, not of lists of lists; kept as they are. What is no item ends them: a file without a former version is no failure. */
  constructor(items: Uint8Array) {
    this.#items = items
    this.#view = new DataView(items.buffer, items.byteOffset, items.byteLength)
    this.#at = chunksIn(items)
  }

  get count(): number {
    return this.#at.length
  }

  /** A view. */
  idAt(position: number): Uint8Array {
    const at = this.#at[position] as number
    return this.#items.subarray(at, at + CHUNK_ID_BYTES)
  }

  /** The place of a chunk: `guess` if it is there, else the first; -1 where it is nowhere. */
  find(id: Uint8Array, guess: number): number {
    if (this.#isAt(guess, id)) return guess
    if (this.count <= LIST_MAX) {
      for (let position = 0; position < this.count; position++) if (this.#isAt(position, id)) return position
      return NOWHERE
    }
    this.#table ??= this.#filled()
    const mask = this.#table.length - 1
    let row = firstWord(id) & mask
    for (let probe = 0; probe < PROBES_MAX; probe++, row = (row + 1) & mask) {
      const position = (this.#table[row] as number) - 1
      if (position < 0) return NOWHERE
      if (this.#isAt(position, id)) return position
    }
    return NOWHERE
  }

  #isAt(position: number, id: Uint8Array): boolean {
    const at = this.#at[position]
    if (at === undefined) return false
    for (let byte = 0; byte < CHUNK_ID_BYTES; byte++) if (this.#items[at + byte] !== id[byte]) return false
    return true
  }

  #filled(): Int32Array {
    const table = new Int32Array(2 ** Math.ceil(Math.log2(this.count * 2)))
    const mask = table.length - 1
    for (let position = 0; position < this.count; position++) {
      const at = this.#at[position] as number
      let row = this.#view.getInt32(at, true) & mask
      for (let probe = 0; probe < PROBES_MAX; probe++, row = (row + 1) & mask) {
        const other = table[row] as number
        if (other === 0) table[row] = position + 1
        if (other === 0 || this.#isSame(other - 1, at)) break
      }
    }
    return table
  }

  #isSame(position: number, at: number): boolean {
    return this.#isAt(position, this.#items.subarray(at, at + CHUNK_ID_BYTES))
  }
}

function firstWord(id: Uint8Array): number {
  return (id[0] ?? 0) | ((id[1] ?? 0) << 8) | ((id[2] ?? 0) << 16) | ((id[3] ?? 0) << 24)
}

function chunksIn(items: Uint8Array): Uint32Array {
  const found = new Uint32Array(Math.ceil(items.length / CHUNK_ITEM_BYTES))
  let count = 0
  let at = 0
  while (at < items.length) {
    const tag = items[at]
    if (tag === CHUNK_ITEM && at + CHUNK_ITEM_BYTES <= items.length) {
      found[count] = at + 1
      count += 1
      at += CHUNK_ITEM_BYTES
    } else if (tag === HOLE_ITEM) at += HOLE_ITEM_BYTES
    else break
  }
  return found.subarray(0, count)
}

/**
 * Finds chunks for one operation that looks up very many. Chunks that are wanted together mostly lie together, so the
 * first one found in a pack brings the pack's whole listing into memory, and most look-ups never reach SQLite. It does
 * not see packs that are added later.
 */
import { getRandomValues } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { CHUNK_ID_BYTES, type PackId } from '../model/ids.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import { CHUNK_KEY_BYTES } from './chunks-table.ts'
import type { Connection, Statement } from './connection.ts'
import type { PackRow, PacksTable } from './packs-table.ts'

/** Listings in memory: about 1 MB each for a full pack of small chunks. */
const LISTINGS_MAX = 24

/** Odd. */
const FACTORS: Int32Array = getRandomValues(new Int32Array(CHUNK_ID_BYTES / 4)).map((factor) => factor | 1)

export type ChunkPlace = {
  readonly pack: number
  readonly packId: PackId
  /** Of the chunk in the pack, from 0. */
  readonly ordinal: number
  readonly segment: number
  readonly offset: number
  readonly bytes: number
}

export class ChunkFinder {
  readonly #packsWith: Statement<number>
  readonly #table: PacksTable
  readonly #packs: ReadonlyMap<number, PackId>
  readonly #key: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_KEY_BYTES)
  /** The one used last stands first. */
  readonly #listings: Listing[] = []

  /** `usable`: chunks in other packs are not found. */
  constructor(connection: Connection, table: PacksTable, usable: readonly PackRow[]) {
    this.#table = table
    this.#packs = new Map(usable.map((pack) => [pack.no, pack.id]))
    this.#packsWith = connection.prepareValue('SELECT pack FROM chunks WHERE key = ?')
  }

  /** `undefined` where no usable pack holds the chunk. Any of several places. */
  find(id: Uint8Array): ChunkPlace | undefined {
    assert(id.length === CHUNK_ID_BYTES, 'a chunk id has 32 bytes')
    const hash = hashOf(id)
    for (let index = 0; index < this.#listings.length; index++) {
      const listing = this.#listings[index] as Listing
      const place = listing.find(id, hash)
      if (place === undefined) continue
      if (index > 0) {
        this.#listings.splice(index, 1)
        this.#listings.unshift(listing)
      }
      return place
    }
    return this.#load(id)?.find(id, hash)
  }

  #load(id: Uint8Array): Listing | undefined {
    this.#key.set(id.subarray(0, CHUNK_KEY_BYTES))
    for (const pack of this.#packsWith.all(this.#key)) {
      const packId = this.#packs.get(pack)
      if (packId === undefined) continue
      const listing = new Listing(pack, packId, this.#table.tableOf(pack))
      this.#listings.unshift(listing)
      if (this.#listings.length > LISTINGS_MAX) this.#listings.pop()
      return listing
    }
    return undefined
  }
}

/**
 * The chunks of one pack in an open-addressed table: rows are ordinals + 1. Ids are what an index object says, and it may say
 * many that are equal or begin alike: each is in the table once, found by a hash that differs from process to process.
 */
class Listing {
  readonly #pack: number
  readonly #packId: PackId
  readonly #rows: Int32Array
  readonly #mask: number
  readonly #ids: Uint8Array
  readonly #segments: Uint32Array
  readonly #offsets: Uint32Array
  readonly #lengths: Uint32Array

  constructor(pack: number, packId: PackId, segments: readonly SegmentRow[]) {
    this.#pack = pack
    this.#packId = packId
    const count = segments.reduce((sum, segment) => sum + segment.chunkLengths.length, 0)
    this.#mask = 2 ** Math.ceil(Math.log2(count * 2 + 2)) - 1
    this.#rows = new Int32Array(this.#mask + 1)
    this.#ids = new Uint8Array(count * CHUNK_ID_BYTES)
    this.#segments = new Uint32Array(count)
    this.#offsets = new Uint32Array(count)
    this.#lengths = new Uint32Array(count)
    let ordinal = 0
    segments.forEach((segment, number) => {
      this.#ids.set(segment.chunkIds, ordinal * CHUNK_ID_BYTES)
      let offset = 0
      for (const length of segment.chunkLengths) {
        this.#segments[ordinal] = number
        this.#offsets[ordinal] = offset
        this.#lengths[ordinal] = length
        offset += length
        this.#place(ordinal)
        ordinal += 1
      }
    })
  }

  #place(ordinal: number): void {
    const id = this.#ids.subarray(ordinal * CHUNK_ID_BYTES, (ordinal + 1) * CHUNK_ID_BYTES)
    let row = hashOf(id) & this.#mask
    for (; this.#rows[row] !== 0; row = (row + 1) & this.#mask) {
      if (this.#is((this.#rows[row] ?? 0) - 1, id)) return
    }
    this.#rows[row] = ordinal + 1
  }

  find(id: Uint8Array, hash: number): ChunkPlace | undefined {
    let row = hash & this.#mask
    for (;;) {
      const ordinal = (this.#rows[row] ?? 0) - 1
      if (ordinal < 0) return undefined
      if (this.#is(ordinal, id)) {
        return {
          pack: this.#pack,
          packId: this.#packId,
          ordinal,
          segment: this.#segments[ordinal] ?? 0,
          offset: this.#offsets[ordinal] ?? 0,
          bytes: this.#lengths[ordinal] ?? 0,
        }
      }
      row = (row + 1) & this.#mask
    }
  }

  #is(ordinal: number, id: Uint8Array): boolean {
    const at = ordinal * CHUNK_ID_BYTES
    for (let byte = 0; byte < CHUNK_ID_BYTES; byte++) if (this.#ids[at + byte] !== id[byte]) return false
    return true
  }
}

/** Multilinear over the 32-bit words; the high half is the better one. */
function hashOf(id: Uint8Array): number {
  let sum = 0
  for (let word = 0; word < FACTORS.length; word++) {
    const at = word * 4
    const value =
      (id[at] ?? 0) | ((id[at + 1] ?? 0) << 8) | ((id[at + 2] ?? 0) << 16) | ((id[at + 3] ?? 0) << 24)
    sum = (sum + Math.imul(value, FACTORS[word] ?? 1)) | 0
  }
  return sum ^ (sum >>> 15)
}

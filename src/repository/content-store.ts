/**
 * Stores what the main thread makes itself: encoded directories and the long chunk lists of large files. Both are
 * cut like files and go to tree packs. It knows no storage: finished packs are handed on.
 */
import { assert } from '../base/assert.ts'
import { ByteWriter } from '../base/bytes.ts'
import type { Chunker } from '../chunker/chunker.ts'
import type { ChunkerParams } from '../chunker/params.ts'
import type { ChunkHasher } from '../crypto/blake3.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { CONTENT_ITEMS_INLINE_MAX, CONTENT_LEVELS_MAX } from '../model/limits.ts'
import { CHUNK_ITEM, CHUNK_ITEM_BYTES, type Content } from '../snapshot/content.ts'
import type { PackFiller } from '../workers/pack-filler.ts'
import type { SeenTable } from '../workers/seen-table.ts'

/** A longer list of items is stored as chunks one level up. */
const INLINE_BYTES_MAX = CONTENT_ITEMS_INLINE_MAX * CHUNK_ITEM_BYTES

export type ContentStoreParts = {
  readonly chunker: Chunker
  readonly params: ChunkerParams
  readonly hasher: ChunkHasher
  readonly seen: SeenTable
  readonly knows: (id: Uint8Array) => boolean
  readonly filler: PackFiller
}

export type ContentCounts = { chunks: number; newChunks: number; newBytes: number }

export class ContentStore {
  readonly #parts: ContentStoreParts
  readonly #id = new Uint8Array(CHUNK_ID_BYTES)
  readonly counts: ContentCounts = { chunks: 0, newChunks: 0, newBytes: 0 }

  constructor(parts: ContentStoreParts) {
    this.#parts = parts
  }

  /** The content of a directory whose encoded bytes these are. */
  bytes(bytes: Uint8Array): Content {
    const items = new ByteWriter(CHUNK_ITEM_BYTES * 4)
    const rest = this.#cut(bytes, true, items)
    assert(rest === bytes.length, 'a final cut leaves nothing')
    return this.list(items.view())
  }

  /** The content of a file whose items these are: as they are, or stored one or more levels up. */
  list(items: Uint8Array): Content {
    const builder = this.builder()
    builder.append(items)
    return builder.finish()
  }

  /** For a list that comes piece by piece: memory stays bounded whatever its length. */
  builder(): ContentBuilder {
    return new ContentBuilder(
      (bytes, final, items) => this.#cut(bytes, final, items),
      this.#parts.chunker.window.length,
    )
  }

  /** Stores the complete chunks of `bytes`, appends their items, and returns how many bytes they took. */
  #cut(bytes: Uint8Array, final: boolean, items: ByteWriter): number {
    const { chunker, params } = this.#parts
    let taken = 0
    let filled = 0
    let read = 0
    for (;;) {
      const count = Math.min(chunker.window.length - filled, bytes.length - read)
      chunker.window.set(bytes.subarray(read, read + count), filled)
      read += count
      filled += count
      const chunks = chunker.cut(0, filled, final && read === bytes.length, params)
      let start = 0
      for (let index = 0; index < chunks; index++) {
        const end = chunker.ends[index] ?? 0
        this.#chunk(chunker.window.subarray(start, end), items)
        start = end
      }
      taken += start
      if (read === bytes.length) return taken
      chunker.window.copyWithin(0, start, filled)
      filled -= start
    }
  }

  #chunk(chunk: Uint8Array, items: ByteWriter): void {
    const { hasher, seen, knows, filler } = this.#parts
    hasher.hashInto(chunk, this.#id, 0)
    this.counts.chunks += 1
    if (seen.claim(this.#id, 0) && !knows(this.#id)) {
      filler.add(chunk, this.#id, 0, true)
      this.counts.newChunks += 1
      this.counts.newBytes += chunk.length
    }
    items.u8(CHUNK_ITEM).raw(this.#id)
  }
}

type Cut = (bytes: Uint8Array, final: boolean, items: ByteWriter) => number

/** One level of a growing list; what overflows goes to the level above. */
export class ContentBuilder {
  readonly #cut: Cut
  readonly #spill: number
  readonly #level: number
  #pending = new ByteWriter(1024)
  #above: ContentBuilder | undefined

  constructor(cut: Cut, spillBytes: number, level = 0) {
    assert(level <= CONTENT_LEVELS_MAX, 'a list of chunks has few levels')
    this.#cut = cut
    this.#spill = spillBytes
    this.#level = level
  }

  append(items: Uint8Array): void {
    this.#pending.raw(items)
    if (this.#pending.length >= this.#spill) this.#store(false)
  }

  finish(): Content {
    if (this.#above === undefined && this.#pending.length <= INLINE_BYTES_MAX) {
      return { levels: this.#level, items: this.#pending.done() }
    }
    this.#store(true)
    assert(this.#above !== undefined, 'a stored list has a level above')
    return this.#above.finish()
  }

  #store(final: boolean): void {
    this.#above ??= new ContentBuilder(this.#cut, this.#spill, this.#level + 1)
    const bytes = this.#pending.done()
    const items = new ByteWriter(1024)
    const taken = this.#cut(bytes, final, items)
    this.#pending = new ByteWriter(1024).raw(bytes.subarray(taken))
    this.#above.append(items.view())
  }
}

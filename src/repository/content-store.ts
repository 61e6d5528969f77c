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
import type { DeltaFiller } from '../workers/delta-filler.ts'
import { DeltaRun } from '../workers/delta-run.ts'
import { FormerContent } from '../workers/former-content.ts'
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
  /** Over the same filler: for lists that have a former version. `undefined` where all are stored in full. */
  readonly deltas: DeltaFiller | undefined
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

  /** The content of a file whose items these are: as they are, or stored one or more levels up. `former`: as in `builder`. */
  list(items: Uint8Array, former?: Uint8Array): Content {
    const builder = this.builder(former)
    builder.append(items)
    return builder.finish()
  }

  /**
   * For a list that comes piece by piece: memory stays bounded whatever its length. `former`: encoded items that name the chunks in
   * which the list of the file's former version lies.
   */
  builder(former?: Uint8Array): ContentBuilder {
    const { deltas, chunker } = this.#parts
    const isEdit = deltas !== undefined && former !== undefined && former.length > 0
    const run = isEdit ? new DeltaRun((edited) => deltas.add(edited)) : undefined
    if (run !== undefined && former !== undefined) run.begin(new FormerContent(former))
    return new ContentBuilder({
      spill: chunker.window.length,
      cut: (bytes, final, items, level) => {
        const ownRun = level === 0 ? run : undefined
        const taken = this.#cut(bytes, final, items, ownRun)
        if (final) ownRun?.end(true)
        return taken
      },
      // What is in a run is taken for stored by whoever cuts the same chunk.
      abandon: () => run?.end(false),
    })
  }

  /** Stores the complete chunks of `bytes`, appends their items, and returns how many bytes they took. */
  #cut(bytes: Uint8Array, final: boolean, items: ByteWriter, run?: DeltaRun): number {
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
        this.#chunk(chunker.window.subarray(start, end), items, run)
        start = end
      }
      taken += start
      if (read === bytes.length) return taken
      chunker.window.copyWithin(0, start, filled)
      filled -= start
    }
  }

  #chunk(chunk: Uint8Array, items: ByteWriter, run: DeltaRun | undefined): void {
    const { hasher, seen, knows, filler } = this.#parts
    hasher.hashInto(chunk, this.#id, 0)
    this.counts.chunks += 1
    const isInFormer = run?.match(this.#id) !== false
    if (seen.claim(this.#id, 0) && !knows(this.#id)) {
      if (isInFormer) filler.add(chunk, this.#id, 0, true)
      else run?.add(chunk, this.#id, true)
      this.counts.newChunks += 1
      this.counts.newBytes += chunk.length
    }
    items.u8(CHUNK_ITEM).raw(this.#id)
  }
}

type BuilderPorts = {
  /** Stores the complete chunks of `bytes`, appends their items, and returns how many bytes they took. */
  readonly cut: (bytes: Uint8Array, final: boolean, items: ByteWriter, level: number) => number
  /** Bytes of items that are cut together. */
  readonly spill: number
  /** The list will not be finished. */
  readonly abandon: () => void
}

/** One level of a growing list; what overflows goes to the level above. */
export class ContentBuilder implements Disposable {
  readonly #ports: BuilderPorts
  readonly #level: number
  #pending = new ByteWriter(1024)
  #above: ContentBuilder | undefined

  constructor(ports: BuilderPorts, level = 0) {
    assert(level <= CONTENT_LEVELS_MAX, 'a list of chunks has few levels')
    this.#ports = ports
    this.#level = level
  }

  append(items: Uint8Array): void {
    this.#pending.raw(items)
    if (this.#pending.length >= this.#ports.spill) this.#store(false)
  }

  /** What was begun is stored, also where the list was not finished. */
  [Symbol.dispose](): void {
    this.#ports.abandon()
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
    this.#above ??= new ContentBuilder(this.#ports, this.#level + 1)
    const bytes = this.#pending.done()
    const items = new ByteWriter(1024)
    const taken = this.#ports.cut(bytes, final, items, this.#level)
    this.#pending = new ByteWriter(1024).raw(bytes.subarray(taken))
    this.#above.append(items.view())
  }
}

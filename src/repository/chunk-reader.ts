/**
 * Reads chunks by id: finds the segment through the manifest, fetches and decodes it (bases first, for a delta
 * segment), and checks the hash. Decoded segments are kept within a bound. For reading here and there; restore and
 * verify go through packs in order instead.
 */

import { toHex } from '../base/bytes.ts'
import type { Zstd } from '../codec/zstd.ts'
import type { ChunkHasher } from '../crypto/blake3.ts'
import type { ChunkLocation } from '../manifest/chunks-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { DICTIONARY_BYTES_MAX, SEGMENT_CLOSURE_MAX } from '../model/limits.ts'
import type { Storage } from '../model/storage.ts'
import { packKey } from '../object/object-keys.ts'
import { openPackSegment } from '../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'
import { type Content, readItems } from '../snapshot/content.ts'
import type { PackKeyring } from './pack-keyring.ts'
import { readTogether } from './read-together.ts'
import { segmentPlace } from './segment-place.ts'

/**
 * A directory is cut like a file, whose chunks have 1 KiB at least but for the last: many that are smaller are no writer's
 * work, and would take memory and time out of all proportion.
 */
const PART_BYTES_LEAST = 512
const SMALL_PARTS_MAX = 1_024
const NO_BASES = new Uint8Array(0)
/** Plaintext bytes of decoded segments that are kept. */
const CACHE_BYTES_MAX = 32 * 1024 * 1024

export type ChunkReaderParts = {
  readonly storage: Storage
  readonly manifest: Manifest
  readonly keyring: () => Promise<PackKeyring>
  readonly zstd: () => Zstd
  readonly hasher: ChunkHasher
  /** Whether another client has moved chunks since they were looked up. */
  readonly refresh: () => Promise<boolean>
}

/** Of a content. */
export type Item = { readonly chunk: Uint8Array } | { readonly hole: number }

/** Decoding budget of one read: a hostile repository cannot make one chunk cost more than this. */
type Budget = { segments: number }

export class ChunkReader {
  readonly #parts: ChunkReaderParts
  readonly #cache = new Map<string, Uint8Array>()
  #cached = 0
  readonly #computed = new Uint8Array(CHUNK_ID_BYTES)

  constructor(parts: ChunkReaderParts) {
    this.#parts = parts
  }

  /** The chunk's bytes, checked against its id: a view that stays valid. `OBJECT_MISSING` where nothing holds it. */
  async chunk(id: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#chunk(id, { segments: 0 }, Number.POSITIVE_INFINITY)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_MISSING') || !(await this.#parts.refresh())) throw error
      return await this.#chunk(id, { segments: 0 }, Number.POSITIVE_INFINITY)
    }
  }

  /** Chunks that are wanted soon and all together, as far as they are easily read: by id in hex. */
  async chunks(ids: Iterable<Uint8Array>): Promise<ReadonlyMap<string, Uint8Array>> {
    const { chunks, packs } = this.#parts.manifest
    const source = {
      locate: (id: Uint8Array) => chunks.locate(id),
      basesOf: ({ pack, segment }: ChunkLocation) => packs.segmentOf(pack, segment)?.bases ?? NO_BASES,
      segment: async (location: ChunkLocation, dictionary: Uint8Array = NO_BASES) => {
        if (location.depth === 0) return await this.#segment(location, { segments: 0 }, 1)
        return await this.#decode(location, async () => dictionary)
      },
      matches: (bytes: Uint8Array, id: Uint8Array) => this.matches(bytes, id),
    }
    return await readTogether(source, ids)
  }

  /** Plaintext bytes of a chunk, without reading it; `undefined` where nothing holds it. */
  lengthOf(id: Uint8Array): number | undefined {
    return this.#parts.manifest.chunks.locate(id)?.bytes
  }

  /** Whether these bytes are the chunk. */
  matches(bytes: Uint8Array, id: Uint8Array): boolean {
    this.#parts.hasher.hashInto(bytes, this.#computed, 0)
    return Buffer.compare(this.#computed, id) === 0
  }

  /** The best place first; the others, untrusted ones among them, where it fails: the hash decides. */
  async #chunk(id: Uint8Array, budget: Budget, depthBelow: number): Promise<Uint8Array> {
    const { chunks } = this.#parts.manifest
    const best = chunks.locate(id)
    let failure: SnapError | undefined
    if (best !== undefined) {
      try {
        return await this.#at(best, id, budget, depthBelow)
      } catch (error) {
        failure = damageOf(error)
      }
    }
    for (const place of chunks.locations(id)) {
      if (place.pack === best?.pack && place.segment === best.segment && place.offset === best.offset)
        continue
      try {
        return await this.#at(place, id, budget, depthBelow)
      } catch (error) {
        failure ??= damageOf(error)
      }
    }
    if (failure !== undefined) throw failure
    throw new SnapError('OBJECT_MISSING', `chunk ${toHex(id)} is in no pack that the repository has`)
  }

  async #at(place: ChunkLocation, id: Uint8Array, budget: Budget, depthBelow: number): Promise<Uint8Array> {
    const segment = await this.#segment(place, budget, depthBelow)
    const bytes = segment.subarray(place.offset, place.offset + place.bytes)
    if (bytes.length === place.bytes && this.matches(bytes, id)) return bytes
    throw new SnapError('OBJECT_DAMAGED', `pack ${place.packId}: chunk ${toHex(id)} does not match its id`)
  }

  /** The joined bases of a delta segment, in its order. */
  async dictionaryOf(pack: number, number: number): Promise<Uint8Array> {
    const row = segmentPlace(this.#parts.manifest, pack, number)
    return this.#dictionary(row.bases, row.depth, { segments: 1 })
  }

  async #segment(location: ChunkLocation, budget: Budget, depthBelow: number): Promise<Uint8Array> {
    if (location.depth >= depthBelow) {
      throw new SnapError('OBJECT_DAMAGED', `pack ${location.packId}: a base is as deep as what needs it`)
    }
    const name = `${location.pack}/${location.segment}`
    const cached = this.#cache.get(name)
    if (cached !== undefined) {
      this.#cache.delete(name)
      this.#cache.set(name, cached)
      return cached
    }
    budget.segments += 1
    if (budget.segments > SEGMENT_CLOSURE_MAX) {
      throw new SnapError(
        'LIMIT_EXCEEDED',
        `pack ${location.packId}: a segment needs more than ${SEGMENT_CLOSURE_MAX} others`,
      )
    }
    const decoded = await this.#decode(location, (bases, depth) => this.#dictionary(bases, depth, budget))
    this.#keep(name, decoded)
    return decoded
  }

  /** `dictionaryOf`: the joined bases. */
  async #decode(
    location: ChunkLocation,
    dictionaryOf: (bases: Uint8Array, depth: number) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const { storage, manifest, keyring, zstd } = this.#parts
    const row = segmentPlace(manifest, location.pack, location.segment)
    const opened = await (await keyring()).of(location.packId)
    const sealed = await storage.read(packKey(location.packId), { offset: row.offset, bytes: row.sealed })
    const segment = openPackSegment(location.packId, opened.header, opened, location.segment, sealed)
    const header = readSegmentHeader(segment)
    // The depth of the table is what ends a chain of bases, so a segment must have that one.
    if (
      header.depth !== row.depth ||
      header.plain !== row.plain ||
      Buffer.compare(header.bases, row.bases) !== 0
    ) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `pack ${location.packId}: segment ${location.segment} differs from the index`,
      )
    }
    const dictionary = header.depth === 0 ? undefined : await dictionaryOf(header.bases, header.depth)
    return decodeSegment(zstd(), segment, header, new Uint8Array(header.plain), dictionary)
  }

  async #dictionary(bases: Uint8Array, depth: number, budget: Budget): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let bytes = 0
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const base = await this.#chunk(bases.subarray(at, at + CHUNK_ID_BYTES), budget, depth)
      bytes += base.length
      if (bytes > DICTIONARY_BYTES_MAX)
        throw new SnapError('LIMIT_EXCEEDED', `a dictionary above ${DICTIONARY_BYTES_MAX} bytes`)
      parts.push(base)
    }
    return Buffer.concat(parts)
  }

  #keep(name: string, segment: Uint8Array): void {
    this.#cache.set(name, segment)
    this.#cached += segment.length
    for (const [oldest, bytes] of this.#cache) {
      if (this.#cached <= CACHE_BYTES_MAX || oldest === name) break
      this.#cache.delete(oldest)
      this.#cached -= bytes.length
    }
  }

  /** The chunks and holes of a content in order, whatever its levels. `onList` gets the id of each chunk that holds a list. */
  async *items(content: Content, onList?: (id: Uint8Array) => void): AsyncGenerator<Item> {
    let level: Iterable<Item> | AsyncIterable<Item> = readItems(content.items)
    for (let above = content.levels; above > 0; above--) level = this.#below(level, onList)
    yield* level
  }

  /**
   * The items in the chunks that `lists` names. A level is cut without regard to items, and read as a whole: what is left of one chunk goes on
   * in the next, also where another chunk of the level above names that.
   */
  async *#below(
    lists: Iterable<Item> | AsyncIterable<Item>,
    onList: ((id: Uint8Array) => void) | undefined,
  ): AsyncGenerator<Item> {
    let carried: Uint8Array = new Uint8Array(0)
    for await (const item of lists) {
      if ('hole' in item) throw new SnapError('OBJECT_DAMAGED', 'a hole in a list of lists')
      onList?.(item.chunk)
      const bytes = Buffer.concat([carried, await this.chunk(item.chunk)])
      const whole = wholeItems(bytes)
      carried = bytes.subarray(whole)
      yield* readItems(bytes.subarray(0, whole))
    }
    if (carried.length > 0) throw new SnapError('OBJECT_DAMAGED', 'a list of chunks ends within an item')
  }

  /** All bytes of an encoded directory; `LIMIT_EXCEEDED` above `bytesMax`, or where it is made of too many small chunks. */
  async bytes(content: Content, bytesMax: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let total = 0
    for await (const item of this.items(content)) {
      if ('hole' in item) throw new SnapError('OBJECT_DAMAGED', 'a hole in a directory')
      const part = await this.chunk(item.chunk)
      total += part.length
      if (total > bytesMax) throw new SnapError('LIMIT_EXCEEDED', `content above ${bytesMax} bytes`)
      if (parts.push(part) > SMALL_PARTS_MAX && total < parts.length * PART_BYTES_LEAST) {
        throw new SnapError('LIMIT_EXCEEDED', `${parts.length} chunks for ${total} bytes of a directory`)
      }
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  }
}

/** Bytes up to the end of the last whole item. */
function wholeItems(bytes: Uint8Array): number {
  let at = 0
  for (;;) {
    const length = bytes[at] === 2 ? 9 : CHUNK_ID_BYTES + 1
    if (at + length > bytes.length || at >= bytes.length) return at
    at += length
  }
}

/** What another place may make good; anything else is thrown on. */
function damageOf(error: unknown): SnapError {
  if (hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) return error
  throw error
}

/**
 * From chunks to finished packs: fills segments, encodes and seals them, and decodes every finished pack again
 * before it lets go of it. One per thread; it knows neither files nor storage.
 */
import { assert } from '../base/assert.ts'
import { inStage } from '../base/trace.ts'
import type { Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, hash } from '../crypto/blake3.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { SEGMENT_BASES_MAX, SEGMENT_BYTES_MAX } from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import { type FinishedPack, PackWriter } from '../pack/pack-writer.ts'
import { encodeSegment, SEGMENT_HEADER_BYTES } from '../pack/segment.ts'
import { type CheckScratch, createCheckScratch, recheckPack } from './recheck-pack.ts'

export type FillerParts = {
  readonly zstd: Zstd
  readonly hasher: ChunkHasher
  /** zstd level; 0 stores everything as it is. */
  readonly level: number
  /** Plaintext bytes of a full segment. */
  readonly segmentBytes: number
  /** Bytes of a full pack. */
  readonly packBytes: number
  /** Decode each pack again from the bytes to be stored. */
  readonly recheck: boolean
  readonly nextTicket: () => PackTicket
  /** A buffer of `packBufferBytes(packBytes)`, given back or new. */
  readonly nextBuffer: () => Uint8Array<ArrayBuffer>
  /** Takes the finished pack and its buffer. `digest`: BLAKE3 of its bytes, taken before they were checked. */
  readonly onPack: (pack: CheckedPack) => void
}

/** Whoever stores the bytes compares them with the digest, so that no bit of them changes on the way. */
export type CheckedPack = FinishedPack & { readonly digest: Uint8Array }

/** A segment that is being filled. */
class OpenSegment {
  readonly bytes: Uint8Array
  readonly level: number
  filled = 0
  lengths: number[] = []
  #ids: Uint8Array

  constructor(capacity: number, level: number) {
    this.bytes = new Uint8Array(capacity)
    this.level = level
    this.#ids = new Uint8Array(CHUNK_ID_BYTES * 128)
  }

  add(chunk: Uint8Array, ids: Uint8Array, idAt: number): void {
    this.bytes.set(chunk, this.filled)
    this.filled += chunk.length
    const at = this.lengths.length * CHUNK_ID_BYTES
    if (at === this.#ids.length) {
      const larger = new Uint8Array(this.#ids.length * 2)
      larger.set(this.#ids)
      this.#ids = larger
    }
    this.#ids.set(ids.subarray(idAt, idAt + CHUNK_ID_BYTES), at)
    this.lengths.push(chunk.length)
  }

  takeIds(): Uint8Array {
    return this.#ids.slice(0, this.lengths.length * CHUNK_ID_BYTES)
  }

  clear(): void {
    this.filled = 0
    this.lengths = []
  }
}

const NO_BASES = new Uint8Array(0)

export class PackFiller {
  readonly #parts: FillerParts
  readonly #compressed: OpenSegment
  readonly #stored: OpenSegment
  readonly #encoded: Uint8Array
  readonly #scratch: CheckScratch = createCheckScratch()
  #pack: PackWriter | undefined
  /** Of the delta segments in the pack, by number: BLAKE3 of what was encoded. */
  readonly #digests = new Map<number, Uint8Array>()

  constructor(parts: FillerParts) {
    assert(parts.segmentBytes <= SEGMENT_BYTES_MAX, 'a segment target within the limit')
    this.#parts = parts
    this.#compressed = new OpenSegment(SEGMENT_BYTES_MAX, parts.level)
    this.#stored = new OpenSegment(SEGMENT_BYTES_MAX, 0)
    this.#encoded = new Uint8Array(
      SEGMENT_HEADER_BYTES + SEGMENT_BASES_MAX * CHUNK_ID_BYTES + SEGMENT_BYTES_MAX,
    )
  }

  /** Copies the chunk and its id (32 bytes of `ids` at `idAt`). `compress` false: known not to get smaller. */
  add(chunk: Uint8Array, ids: Uint8Array, idAt: number, compress: boolean): void {
    const open = compress ? this.#compressed : this.#stored
    if (open.filled + chunk.length > this.#parts.segmentBytes && open.filled > 0) this.#seal(open)
    open.add(chunk, ids, idAt)
  }

  /**
   * Takes a whole encoded segment as it is; the bytes are copied. The rows of `row` are kept. `digest`: BLAKE3 of the bytes, taken
   * before the caller decoded them again; without bases a delta segment cannot be decoded here, so that is what is compared.
   */
  addSegment(encoded: Uint8Array, row: Omit<SegmentRow, 'sealed'>, digest: Uint8Array = hash(encoded)): void {
    this.#write(encoded, row, digest)
  }

  /** Closes what is open: all chunks added so far are in packs that have been handed over. */
  flush(): void {
    this.#seal(this.#compressed)
    this.#seal(this.#stored)
    this.#finishPack()
  }

  #seal(open: OpenSegment): void {
    if (open.filled === 0) return
    const plain = open.bytes.subarray(0, open.filled)
    const length = encodeSegment(this.#parts.zstd, plain, open.level, this.#encoded)
    this.#write(this.#encoded.subarray(0, length), {
      plain: open.filled,
      depth: 0,
      bases: NO_BASES,
      chunkLengths: Uint32Array.from(open.lengths),
      chunkIds: open.takeIds(),
    })
    open.clear()
  }

  #write(encoded: Uint8Array, row: Omit<SegmentRow, 'sealed'>, digest?: Uint8Array): void {
    this.#pack ??= new PackWriter(this.#parts.nextTicket(), this.#parts.nextBuffer(), this.#parts.packBytes)
    const pack = this.#pack
    const number = inStage('seal', () => pack.add(encoded, row))
    if (row.depth > 0 && digest !== undefined) this.#digests.set(number, digest)
    if (pack.isFull) this.#finishPack()
  }

  #finishPack(): void {
    const writer = this.#pack
    if (writer === undefined) return
    this.#pack = undefined
    const pack = inStage('seal', () => writer.finish())
    const digest = inStage('digest', () => hash(pack.bytes))
    const { recheck, zstd, hasher } = this.#parts
    if (recheck) {
      inStage('recheck', () => recheckPack(pack, writer.ticket, zstd, hasher, this.#scratch, this.#digests))
    }
    this.#digests.clear()
    this.#parts.onPack({ ...pack, digest })
  }
}

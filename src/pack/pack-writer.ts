/**
 * Builds one pack in memory: segments one after the other, then footer and trailer. A writer is used once; the
 * nonce discipline is the sealer's, which cannot be reset.
 */
import { assert } from '../base/assert.ts'
import { ByteWriter } from '../base/bytes.ts'
import { createPackSealer, type PackSealer } from '../crypto/aead.ts'
import {
  AEAD_TAG_BYTES,
  PACK_BYTES_MAX,
  PACK_HEADER_BYTES,
  PACK_SEGMENTS_MAX,
  PACK_TRAILER_BYTES,
  SEGMENT_SEALED_BYTES_MAX,
} from '../model/limits.ts'
import type { PackTable, SegmentRow } from '../model/pack-table.ts'
import { padmeBytes } from '../object/padme.ts'
import { FOOTER_POSITION, type PackTicket, packAad, TRAILER_POSITION } from './pack-header.ts'
import { writeSegmentTable } from './segment-table.ts'

/** From this share of the target on, a pack closes where padding is cheap. */
const CLOSE_FROM = 3 / 4
/** Padding is cheap below this share of the pack. */
const CHEAP_PADDING = 1 / 512
/** What the footer of a full pack may need: kept free in the buffer. */
const FOOTER_ROOM_BYTES = 1_048_576
/** A table entry per chunk and segment in the footer, at most: an estimate for closing in time. */
const FOOTER_BYTES_PER_CHUNK = 3
const FOOTER_BYTES_PER_SEGMENT = 14

export type FinishedPack = {
  /** All bytes of the object: a view of the buffer that was given. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly table: PackTable
}

/** What a pack of `target` bytes may need as buffer. */
export function packBufferBytes(target: number): number {
  return Math.min(PACK_BYTES_MAX, target + 2 * SEGMENT_SEALED_BYTES_MAX + 2 * FOOTER_ROOM_BYTES)
}

export class PackWriter implements Disposable {
  readonly #ticket: PackTicket
  readonly #buffer: Uint8Array<ArrayBuffer>
  readonly #target: number
  readonly #sealer: PackSealer
  readonly #segments: SegmentRow[] = []
  #at = PACK_HEADER_BYTES
  #footerBytes = 64
  /** A pack is full when one more like it might reach the target, above which size classes are twice as wide. */
  #largestSealed = 0

  /** `buffer` has at least `packBufferBytes(target)` bytes and belongs to the writer until it is finished. */
  constructor(ticket: PackTicket, buffer: Uint8Array<ArrayBuffer>, target: number) {
    assert(buffer.length >= packBufferBytes(target), 'the buffer holds a full pack')
    this.#ticket = ticket
    this.#buffer = buffer
    this.#target = target
    this.#sealer = createPackSealer(ticket.packKey)
    buffer.set(ticket.header)
  }

  /** For reading the finished pack back. */
  get ticket(): PackTicket {
    return this.#ticket
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  /** Seals an encoded segment and returns its number. The row's `sealed` is filled in here. */
  add(encoded: Uint8Array, row: Omit<SegmentRow, 'sealed'>): number {
    assert(!this.isFull, 'a full pack is finished first')
    const number = this.#segments.length
    const aad = packAad(this.#ticket.header, number)
    const sealed = this.#sealer.seal(aad, [encoded], this.#buffer, this.#at)
    assert(sealed <= SEGMENT_SEALED_BYTES_MAX, 'a sealed segment is within its limit')
    this.#at += sealed
    this.#largestSealed = Math.max(this.#largestSealed, sealed)
    // Field by field: rows of one shape are what hashing and checking them is quick with.
    this.#segments.push({
      sealed,
      plain: row.plain,
      depth: row.depth,
      bases: row.bases,
      chunkLengths: row.chunkLengths,
      chunkIds: row.chunkIds,
    })
    this.#footerBytes +=
      FOOTER_BYTES_PER_SEGMENT + row.bases.length + row.chunkLengths.length * FOOTER_BYTES_PER_CHUNK
    return number
  }

  /** Time to finish: another segment might reach the target, or it is near and a size class ends just above. */
  get isFull(): boolean {
    if (this.#segments.length >= PACK_SEGMENTS_MAX || this.#footerBytes >= FOOTER_ROOM_BYTES) return true
    const bytes = this.#at + this.#footerBytes + AEAD_TAG_BYTES + PACK_TRAILER_BYTES
    if (bytes + this.#largestSealed >= this.#target) return true
    return bytes >= this.#target * CLOSE_FROM && padmeBytes(bytes) - bytes < bytes * CHEAP_PADDING
  }

  /** Footer, padding and trailer; the writer is closed after it. */
  finish(): FinishedPack {
    assert(!this.isEmpty, 'a pack has at least one segment')
    const { header, footerKey, id, kind } = this.#ticket
    const footer = new ByteWriter(this.#footerBytes)
    writeSegmentTable(footer, this.#segments, false)
    const least = this.#at + footer.length + AEAD_TAG_BYTES + PACK_TRAILER_BYTES
    footer.zeros(padmeBytes(least) - least)
    using sealer = createPackSealer(footerKey)
    const footerSealed = sealer.seal(
      packAad(header, FOOTER_POSITION),
      [footer.view()],
      this.#buffer,
      this.#at,
    )
    const trailer = new ByteWriter(16).u32(footerSealed).u32(this.#segments.length).zeros(8)
    const trailerAt = this.#at + footerSealed
    const end =
      trailerAt + sealer.seal(packAad(header, TRAILER_POSITION), [trailer.view()], this.#buffer, trailerAt)
    assert(end === padmeBytes(least), 'a pack has a Padme size')
    this[Symbol.dispose]()
    return { bytes: this.#buffer.subarray(0, end), table: { id, kind, bytes: end, segments: this.#segments } }
  }

  [Symbol.dispose](): void {
    this.#sealer.close()
  }
}

/**
 * Reads a finished pack back from the bytes that are about to be stored: its header, every chunk (opened, decoded and
 * hashed), footer and trailer. What a compressor, a cipher or a flipped bit in memory spoiled is found here, while the source is still at hand.
 */
import type { Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, hash } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../model/ids.ts'
import {
  PACK_HEADER_BYTES,
  PACK_TRAILER_BYTES,
  SEGMENT_BYTES_MAX,
  SEGMENT_SEALED_BYTES_MAX,
} from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import { openPackSegment, readPackFooter, readPackTrailer } from '../pack/pack-reader.ts'
import type { FinishedPack } from '../pack/pack-writer.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'

/** What checking a pack needs besides; used again by every call. */
export type CheckScratch = {
  readonly opened: Uint8Array<ArrayBuffer>
  readonly plain: Uint8Array<ArrayBuffer>
}

export function createCheckScratch(): CheckScratch {
  return {
    opened: new Uint8Array(SEGMENT_SEALED_BYTES_MAX),
    plain: new Uint8Array(SEGMENT_BYTES_MAX),
  }
}

/**
 * `OBJECT_DAMAGED` where anything differs from what was meant to be stored. `digests`: of delta segments, by number, BLAKE3 of what
 * was encoded. Those were decoded against their bases when they were made.
 */
export function recheckPack(
  pack: FinishedPack,
  ticket: PackTicket,
  zstd: Zstd,
  hasher: ChunkHasher,
  scratch: CheckScratch,
  digests: ReadonlyMap<number, Uint8Array>,
): void {
  const { bytes, table } = pack
  // No key is bound to the sealed secret and the commitment, so these are compared.
  if (Buffer.compare(bytes.subarray(0, PACK_HEADER_BYTES), ticket.header) !== 0)
    throw spoiled(table.id, 'header')
  checkEnd(bytes, ticket)
  let at = PACK_HEADER_BYTES
  table.segments.forEach((row, number) => {
    const opened = openPackSegment(
      table.id,
      bytes,
      ticket,
      number,
      bytes.subarray(at, at + row.sealed),
      scratch.opened,
    )
    at += row.sealed
    const header = readSegmentHeader(opened)
    const isWhole =
      header.depth > 0
        ? Buffer.compare(hash(opened), digests.get(number) ?? NO_DIGEST) === 0
        : firstMismatch(decodeSegment(zstd, opened, header, scratch.plain), row, hasher) === -1
    if (!isWhole) throw spoiled(table.id, `segment ${number}`)
  })
}

/** Footer and trailer open and agree with each other. */
function checkEnd(bytes: Uint8Array, ticket: PackTicket): void {
  const last = bytes.subarray(bytes.length - PACK_TRAILER_BYTES)
  const trailer = readPackTrailer(ticket.id, ticket.header, ticket, last, bytes.length)
  const footer = bytes.subarray(trailer.footerAt, trailer.footerAt + trailer.footerBytes)
  readPackFooter(ticket.id, ticket.header, ticket, trailer, footer)
}

function spoiled(id: PackId, part: string): SnapError {
  return new SnapError('OBJECT_DAMAGED', `pack ${id}: ${part} did not survive being read back`, {
    hint: 'Nothing was stored. Memory or processor of this machine may be faulty: test them before the next backup.',
  })
}

const NO_DIGEST = new Uint8Array(0)
const computed = new Uint8Array(CHUNK_ID_BYTES)

/** The number of the first chunk of a decoded segment that does not hash to its id; -1 where all do. */
export function firstMismatch(plain: Uint8Array, row: SegmentRow, hasher: ChunkHasher): number {
  let at = 0
  for (let index = 0; index < row.chunkLengths.length; index++) {
    const length = row.chunkLengths[index] ?? 0
    hasher.hashInto(plain.subarray(at, at + length), computed, 0)
    at += length
    const idAt = index * CHUNK_ID_BYTES
    for (let byte = 0; byte < CHUNK_ID_BYTES; byte++) {
      if (computed[byte] !== row.chunkIds[idAt + byte]) return index
    }
  }
  return at === plain.length ? -1 : row.chunkLengths.length
}

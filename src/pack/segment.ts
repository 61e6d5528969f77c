/**
 * A segment's plaintext (format, section 4): codec, depth, bases, and the chunks' bytes as the codec leaves them.
 * Encoding and decoding only; sealing is the pack's.
 */
import { assert } from '../base/assert.ts'
import type { Zstd } from '../codec/zstd.ts'
import { SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { SEGMENT_BASES_MAX, SEGMENT_BYTES_MAX, SEGMENT_DEPTH_MAX } from '../model/limits.ts'

export const SEGMENT_HEADER_BYTES = 8
const CODEC_STORED = 0
const CODEC_ZSTD = 1

export type SegmentHeader = {
  readonly codec: 'stored' | 'zstd'
  readonly depth: number
  readonly plain: number
  /** 32 bytes each; a view of the segment. */
  readonly bases: Uint8Array
  /** Where the payload begins. */
  readonly payloadAt: number
}

/** What a delta segment was compressed against. */
export type DeltaBases = {
  readonly depth: number
  readonly ids: Uint8Array
  readonly dictionary: Uint8Array
}

/**
 * Encodes `plain` into `into` at 0 and returns the bytes written, at most 8 more than `plain` has, which `into` must
 * hold: what does not get smaller, bases included, is stored as it is. `level` 0 stores at once.
 */
export function encodeSegment(
  zstd: Zstd,
  plain: Uint8Array,
  level: number,
  into: Uint8Array,
  delta?: DeltaBases,
): number {
  const baseBytes = delta === undefined ? 0 : delta.ids.length
  const payloadAt = SEGMENT_HEADER_BYTES + baseBytes
  const smaller = into.subarray(0, SEGMENT_HEADER_BYTES + plain.length - 1)
  let codec = CODEC_ZSTD
  let payload = 0
  if (delta !== undefined) {
    payload = zstd.compressWithDictionary(plain, delta.dictionary, smaller, payloadAt, level)
    if (payload === 0) return encodeSegment(zstd, plain, level, into)
    into.set(delta.ids, SEGMENT_HEADER_BYTES)
  } else if (level !== 0) {
    payload = zstd.compress(plain, smaller, payloadAt, level)
  }
  if (payload === 0) {
    codec = CODEC_STORED
    into.set(plain, payloadAt)
    payload = plain.length
  }
  const view = new DataView(into.buffer, into.byteOffset, payloadAt)
  view.setUint8(0, codec)
  view.setUint8(1, delta?.depth ?? 0)
  view.setUint16(2, baseBytes / CHUNK_ID_BYTES, true)
  view.setUint32(4, plain.length, true)
  return payloadAt + payload
}

/** Checks every limit before anything is decoded. */
export function readSegmentHeader(segment: Uint8Array): SegmentHeader {
  if (segment.length < SEGMENT_HEADER_BYTES) throw damaged('is shorter than its header')
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  const codec = view.getUint8(0)
  const depth = view.getUint8(1)
  const baseCount = view.getUint16(2, true)
  const plain = view.getUint32(4, true)
  if (codec !== CODEC_STORED && codec !== CODEC_ZSTD) throw damaged(`has the unknown codec ${codec}`)
  if (
    depth > SEGMENT_DEPTH_MAX ||
    baseCount > SEGMENT_BASES_MAX ||
    plain > SEGMENT_BYTES_MAX ||
    plain === 0
  ) {
    throw new SnapError(
      'LIMIT_EXCEEDED',
      `a segment declares ${plain} bytes, ${baseCount} bases, depth ${depth}`,
    )
  }
  if ((depth === 0) !== (baseCount === 0)) throw damaged('has bases but no depth, or depth but no bases')
  if (baseCount > 0 && codec !== CODEC_ZSTD) throw damaged('has bases but no dictionary codec')
  const payloadAt = SEGMENT_HEADER_BYTES + baseCount * CHUNK_ID_BYTES
  if (segment.length < payloadAt) throw damaged('is shorter than its bases')
  return {
    codec: codec === CODEC_ZSTD ? 'zstd' : 'stored',
    depth,
    plain,
    bases: segment.subarray(SEGMENT_HEADER_BYTES, payloadAt),
    payloadAt,
  }
}

/**
 * The chunks' bytes of an opened segment, in `into` (at least `header.plain` long) or, where stored as they are, a
 * view of `segment`. A delta segment needs the joined plaintexts of its bases as `dictionary`.
 */
export function decodeSegment(
  zstd: Zstd,
  segment: Uint8Array,
  header: SegmentHeader,
  into: Uint8Array,
  dictionary?: Uint8Array,
): Uint8Array {
  assert(header.depth > 0 === (dictionary !== undefined), 'a delta segment, and no other, has a dictionary')
  assert(
    into.length >= header.plain || header.codec === 'stored',
    'a decoded segment fits where it is written',
  )
  const payload = segment.subarray(header.payloadAt)
  if (header.codec === 'stored') {
    if (payload.length !== header.plain)
      throw damaged(`stores ${payload.length} bytes and declares ${header.plain}`)
    return payload
  }
  const room = into.subarray(0, header.plain)
  const length =
    dictionary === undefined
      ? zstd.decompress(payload, room)
      : zstd.decompressWithDictionary(payload, dictionary, room)
  if (length !== header.plain) throw damaged(`decodes to ${length} bytes and declares ${header.plain}`)
  return room
}

function damaged(why: string): SnapError {
  return new SnapError('OBJECT_DAMAGED', `a segment ${why}`)
}

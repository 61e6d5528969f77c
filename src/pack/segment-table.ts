/**
 * The table of a pack's segments and chunks (format, section 4): without ids in pack footers, with ids in index
 * objects. It knows bytes only.
 */
import type { ByteReader, ByteWriter } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import {
  AEAD_TAG_BYTES,
  CHUNK_BYTES_MAX,
  PACK_SEGMENTS_MAX,
  SEGMENT_BASES_MAX,
  SEGMENT_BYTES_MAX,
  SEGMENT_DEPTH_MAX,
  SEGMENT_SEALED_BYTES_MAX,
} from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'

const NO_BYTES = new Uint8Array(0)

export function writeSegmentTable(
  writer: ByteWriter,
  segments: readonly SegmentRow[],
  withIds: boolean,
): void {
  writer.varint(segments.length)
  for (const segment of segments) {
    writer.varint(segment.sealed).varint(segment.plain).varint(segment.depth)
    writer.varint(segment.bases.length / CHUNK_ID_BYTES).raw(segment.bases)
    writer.varint(segment.chunkLengths.length)
    segment.chunkLengths.forEach((length, index) => {
      writer.varint(length)
      if (withIds) {
        writer.raw(segment.chunkIds.subarray(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES))
      }
    })
  }
}

/** Checks every limit. The rows' byte arrays are copies; `chunkIds` is empty where the table has none. */
export function readSegmentTable(reader: ByteReader, withIds: boolean): SegmentRow[] {
  const count = reader.count(PACK_SEGMENTS_MAX, 6)
  const segments: SegmentRow[] = []
  for (let number = 0; number < count; number++) segments.push(readSegmentRow(reader, withIds))
  return segments
}

function readSegmentRow(reader: ByteReader, withIds: boolean): SegmentRow {
  const sealed = bounded(
    reader.varint(),
    AEAD_TAG_BYTES + 8,
    SEGMENT_SEALED_BYTES_MAX,
    'sealed segment bytes',
  )
  const plain = bounded(reader.varint(), 1, SEGMENT_BYTES_MAX, 'segment bytes')
  const depth = bounded(reader.varint(), 0, SEGMENT_DEPTH_MAX, 'segment depth')
  const baseCount = reader.count(SEGMENT_BASES_MAX, CHUNK_ID_BYTES)
  if ((depth === 0) !== (baseCount === 0)) reader.fail('a plain segment has bases, or a delta segment none')
  const bases = baseCount === 0 ? NO_BYTES : new Uint8Array(reader.raw(baseCount * CHUNK_ID_BYTES))
  const chunkCount = reader.count(SEGMENT_BYTES_MAX, withIds ? 1 + CHUNK_ID_BYTES : 1)
  const chunkLengths = new Uint32Array(chunkCount)
  const chunkIds = withIds ? new Uint8Array(chunkCount * CHUNK_ID_BYTES) : NO_BYTES
  let total = 0
  for (let index = 0; index < chunkCount; index++) {
    const length = bounded(reader.varint(), 1, CHUNK_BYTES_MAX, 'chunk bytes')
    chunkLengths[index] = length
    total += length
    if (withIds) chunkIds.set(reader.raw(CHUNK_ID_BYTES), index * CHUNK_ID_BYTES)
  }
  if (total !== plain) reader.fail(`chunk lengths add up to ${total}, the segment has ${plain}`)
  return { sealed, plain, depth, bases, chunkLengths, chunkIds }
}

function bounded(value: number, min: number, max: number, what: string): number {
  if (value < min || value > max) {
    throw new SnapError('LIMIT_EXCEEDED', `${what}: ${value} is not within ${min} to ${max}`)
  }
  return value
}

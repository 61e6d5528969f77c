/** The body of an index object (format, section 5): which chunks lie where in which packs. */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter, fromHex, toHex } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { ID_BYTES, packId } from '../model/ids.ts'
import {
  AEAD_TAG_BYTES,
  INDEX_BYTES_MAX,
  PACK_BYTES_MAX,
  PACK_HEADER_BYTES,
  PACK_TRAILER_BYTES,
} from '../model/limits.ts'
import type { PackTable } from '../model/pack-table.ts'
import { readSegmentTable, writeSegmentTable } from './segment-table.ts'

const KIND_DATA = 1
const KIND_TREE = 2
const PACK_ROW_BYTES_MIN = ID_BYTES + 3
/** What a pack has beside its segments, at least. */
const PACK_BYTES_MIN = PACK_HEADER_BYTES + AEAD_TAG_BYTES + PACK_TRAILER_BYTES

export function encodeIndex(packs: readonly PackTable[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(65_536).varint(packs.length)
  for (const pack of packs) {
    writer
      .raw(fromHex(pack.id))
      .u8(pack.kind === 'data' ? KIND_DATA : KIND_TREE)
      .varint(pack.bytes)
    writeSegmentTable(writer, pack.segments, true)
  }
  assert(writer.length <= INDEX_BYTES_MAX, 'an index object is within its limit: no reader takes more')
  return writer.done()
}

export function decodeIndex(body: Uint8Array, name: string): PackTable[] {
  if (body.length > INDEX_BYTES_MAX) throw new SnapError('LIMIT_EXCEEDED', `${name}: ${body.length} bytes`)
  const reader = new ByteReader(body, name)
  const count = reader.count(INDEX_BYTES_MAX, PACK_ROW_BYTES_MIN)
  const packs: PackTable[] = []
  for (let index = 0; index < count; index++) {
    const id = packId(toHex(reader.raw(ID_BYTES)))
    const kind = reader.u8()
    if (kind !== KIND_DATA && kind !== KIND_TREE) reader.fail(`unknown pack kind ${kind}`)
    const bytes = reader.varint()
    if (bytes > PACK_BYTES_MAX) throw new SnapError('LIMIT_EXCEEDED', `${name}: a pack of ${bytes} bytes`)
    const segments = readSegmentTable(reader, true)
    const least = segments.reduce((sum, { sealed }) => sum + sealed, PACK_BYTES_MIN)
    if (bytes < least) reader.fail(`pack ${id} has ${bytes} bytes and segments that need ${least}`)
    packs.push({ id, kind: kind === KIND_DATA ? 'data' : 'tree', bytes, segments })
  }
  reader.end()
  return packs
}

/** Encoded bytes of one pack's rows, near enough to decide when an index object is full. */
export function indexBytes(pack: PackTable): number {
  return pack.segments.reduce((sum, row) => sum + 16 + row.bases.length + row.chunkLengths.length * 35, 24)
}

/** Reads parts of a pack: opened segments, and the footer from the object's ends. It fetches nothing itself. */
import { ByteReader } from '../base/bytes.ts'
import { openSegment } from '../crypto/aead.ts'
import { SnapError } from '../model/errors.ts'
import type { PackId } from '../model/ids.ts'
import { AEAD_TAG_BYTES, PACK_BYTES_MAX, PACK_HEADER_BYTES, PACK_TRAILER_BYTES } from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import { FOOTER_POSITION, type PackKeys, packAad, TRAILER_POSITION } from './pack-header.ts'
import { readSegmentTable } from './segment-table.ts'

const FOOTER_MESSAGE = 0
const TRAILER_MESSAGE = 1

/**
 * Opens segment `number`; `OBJECT_DAMAGED` names pack and segment. The result is the caller's own, or a view of `into`
 * (`SEGMENT_SEALED_BYTES_MAX` hold any).
 */
export function openPackSegment(
  id: PackId,
  header: Uint8Array,
  keys: Pick<PackKeys, 'packKey'>,
  number: number,
  sealed: Uint8Array,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array {
  return naming(id, `segment ${number}`, () =>
    openSegment(keys.packKey, number, packAad(header, number), sealed, into),
  )
}

export type PackTrailer = {
  readonly footerAt: number
  readonly footerBytes: number
  readonly segments: number
}

/** `trailer`: the last 32 bytes of a pack of `bytes` bytes. */
export function readPackTrailer(
  id: PackId,
  header: Uint8Array,
  keys: Pick<PackKeys, 'footerKey'>,
  trailer: Uint8Array,
  bytes: number,
): PackTrailer {
  const plain = naming(id, 'trailer', () =>
    openSegment(keys.footerKey, TRAILER_MESSAGE, packAad(header, TRAILER_POSITION), trailer),
  )
  const reader = new ByteReader(plain, `pack ${id}: trailer`)
  const footerBytes = reader.u32()
  const segments = reader.u32()
  reader.zeros(8)
  reader.end()
  const footerAt = bytes - PACK_TRAILER_BYTES - footerBytes
  if (bytes > PACK_BYTES_MAX || footerAt < PACK_HEADER_BYTES || footerBytes < AEAD_TAG_BYTES) {
    throw new SnapError(
      'LIMIT_EXCEEDED',
      `pack ${id}: a footer of ${footerBytes} bytes in a pack of ${bytes}`,
    )
  }
  return { footerAt, footerBytes, segments }
}

/** The segment table (without chunk ids), checked against the trailer. */
export function readPackFooter(
  id: PackId,
  header: Uint8Array,
  keys: Pick<PackKeys, 'footerKey'>,
  trailer: PackTrailer,
  sealedFooter: Uint8Array,
): SegmentRow[] {
  const plain = naming(id, 'footer', () =>
    openSegment(keys.footerKey, FOOTER_MESSAGE, packAad(header, FOOTER_POSITION), sealedFooter),
  )
  const reader = new ByteReader(plain, `pack ${id}: footer`)
  const segments = readSegmentTable(reader, false)
  reader.zeros(reader.left)
  const sealed = segments.reduce((sum, segment) => sum + segment.sealed, PACK_HEADER_BYTES)
  if (segments.length !== trailer.segments || sealed !== trailer.footerAt) {
    throw new SnapError('OBJECT_DAMAGED', `pack ${id}: footer and trailer disagree`)
  }
  return segments
}

function naming<T>(id: PackId, part: string, open: () => T): T {
  try {
    return open()
  } catch (cause) {
    if (!(cause instanceof SnapError)) throw cause
    throw new SnapError('OBJECT_DAMAGED', `pack ${id}: ${part} is damaged`, { cause })
  }
}

/** Tables of packs whose chunks were never there: as the pipeline makes them of 16 KiB chunks, with ids by chance. */
import { randomBytes } from 'node:crypto'
import { toHex } from '../src/base/bytes.ts'
import { CHUNK_ID_BYTES, ID_BYTES, type PackId, packId } from '../src/model/ids.ts'
import type { PackTable, SegmentRow } from '../src/model/pack-table.ts'
import type { Seeded } from './corpora/seeded.ts'

const SEGMENTS_OF_PACK = 32
const CHUNKS_OF_SEGMENT = 128
export const CHUNKS_OF_PACK: number = SEGMENTS_OF_PACK * CHUNKS_OF_SEGMENT
export const CHUNK_BYTES = 16_384
const SEALED_BYTES = 1_000_000
/** Header, footer, trailer and padding. */
const REST_BYTES = 200_000

/** A full data pack. */
export function syntheticPack(random: Seeded, id: PackId = packId(toHex(randomBytes(ID_BYTES)))): PackTable {
  const segments = Array.from({ length: SEGMENTS_OF_PACK }, (): SegmentRow => {
    const chunkIds = new Uint8Array(CHUNKS_OF_SEGMENT * CHUNK_ID_BYTES)
    random.fill(chunkIds)
    return {
      sealed: SEALED_BYTES,
      plain: CHUNKS_OF_SEGMENT * CHUNK_BYTES,
      depth: 0,
      bases: new Uint8Array(0),
      chunkLengths: new Uint32Array(CHUNKS_OF_SEGMENT).fill(CHUNK_BYTES),
      chunkIds,
    }
  })
  return { id, kind: 'data', bytes: SEGMENTS_OF_PACK * SEALED_BYTES + REST_BYTES, segments }
}

/**
 * What the first page of a segment of WAL says of the cluster that wrote it. Knows no file.
 *
 * | offset | bytes | field |
 * | --- | --- | --- |
 * | 0 | 2 | magic, another in each version of PostgreSQL: 0xD0xx or 0xD1xx |
 * | 2 | 2 | flags; 2: the header is a long one |
 * | 4 | 4 | timeline |
 * | 8 | 8 | address of the page |
 * | 24 | 8 | system identifier |
 * | 32 | 4 | bytes of a segment |
 *
 * In the byte order of the machine that wrote it.
 */
import { isSegmentBytes } from './wal-name.ts'

export const WAL_HEADER_BYTES = 40
const LONG_HEADER = 2

export type WalHeader = {
  /** Of the cluster, decimal. */
  readonly system: string
  readonly timeline: number
  /** Where the segment begins. */
  readonly lsn: bigint
  readonly segmentBytes: number
}

/** `undefined` where it is no first page. `bytes`: the beginning of a segment. */
export function readWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.length < WAL_HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isMagic = (littleEndian: boolean): boolean =>
    [0xd0, 0xd1].includes(view.getUint16(0, littleEndian) >> 8)
  const little = isMagic(true)
  if (!little && !isMagic(false)) return undefined
  const segmentBytes = view.getUint32(32, little)
  if ((view.getUint16(2, little) & LONG_HEADER) === 0 || !isSegmentBytes(segmentBytes)) return undefined
  return {
    system: view.getBigUint64(24, little).toString(),
    timeline: view.getUint32(4, little),
    lsn: view.getBigUint64(8, little),
    segmentBytes,
  }
}

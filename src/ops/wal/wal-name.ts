/**
 * Names of what PostgreSQL archives: segments of WAL, histories of timelines, labels of base backups, and the part of a segment that a
 * promoted server had. Knows no repository.
 */

/** `log` and `segment` are the two numbers of a segment's name. */
export type WalName =
  | {
      readonly kind: 'segment' | 'partial' | 'label'
      readonly timeline: number
      readonly place: SegmentPlace
    }
  | { readonly kind: 'history'; readonly timeline: number }

/** Where in the WAL, whatever the timeline. */
export type SegmentPlace = { readonly log: number; readonly segment: number }

/** What one log has, divided into segments. */
const LOG_BYTES = 0x1_0000_0000
const SEGMENT_BYTES_MIN = 1_048_576
const SEGMENT_BYTES_MAX = 1_073_741_824

const SEGMENT = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial|\.[0-9A-F]{8}\.backup)?$/
const HISTORY = /^([0-9A-F]{8})\.history$/

/** `undefined` for what PostgreSQL never archives. */
export function parseWalName(name: string): WalName | undefined {
  const history = HISTORY.exec(name)
  if (history?.[1] !== undefined) return { kind: 'history', timeline: Number.parseInt(history[1], 16) }
  const [, timeline, log, segment, behind] = SEGMENT.exec(name) ?? []
  if (timeline === undefined || log === undefined || segment === undefined) return undefined
  return {
    kind: behind === undefined ? 'segment' : behind === '.partial' ? 'partial' : 'label',
    timeline: Number.parseInt(timeline, 16),
    place: { log: Number.parseInt(log, 16), segment: Number.parseInt(segment, 16) },
  }
}

/** A power of two from 1 MiB to 1 GiB. */
export function isSegmentBytes(bytes: number): boolean {
  return Number.isInteger(Math.log2(bytes)) && bytes >= SEGMENT_BYTES_MIN && bytes <= SEGMENT_BYTES_MAX
}

/** Segments counted from the beginning of all WAL, the same on every timeline. */
export function segmentNumber({ log, segment }: SegmentPlace, segmentBytes: number): number {
  return log * (LOG_BYTES / segmentBytes) + segment
}

export function segmentName(timeline: number, number: number, segmentBytes: number): string {
  const inLog = LOG_BYTES / segmentBytes
  return [timeline, Math.floor(number / inLog), number % inLog].map(hex8).join('')
}

export const historyName = (timeline: number): string => `${hex8(timeline)}.history`

const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0')

const LSN = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i

/** `0/3000100`: a place in the WAL, in bytes; `undefined` for anything else. */
export function parseLsn(text: string): bigint | undefined {
  const [, high, low] = LSN.exec(text) ?? []
  if (high === undefined || low === undefined) return undefined
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** The segment in which the byte at `lsn` lies. */
export function segmentOfLsn(lsn: bigint, segmentBytes: number): number {
  return Number(lsn / BigInt(segmentBytes))
}

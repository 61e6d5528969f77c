/** Base backups and files of WAL for tests, on segments of 16 MiB. Times are minutes. */
import type { BaseFacts, WalFile } from '../../../../src/ops/wal/facts.ts'
import { historyName, segmentName } from '../../../../src/ops/wal/wal-name.ts'

export const MIB16: number = 16 * 1024 * 1024
export const MINUTE = 60_000

export const segment = (timeline: number, number: number): string => segmentName(timeline, number, MIB16)

/** Segment `n` was last written to in minute `n`, unless said otherwise. */
export const file = (name: string, minute: number): WalFile => ({
  name,
  bytes: MIB16,
  hash: 'ab'.repeat(32),
  modifiedMs: minute * MINUTE,
})

/** By timeline: the numbers of the segments that are there. */
export function walFiles(
  segments: Readonly<Record<number, readonly number[]>>,
  histories: Readonly<Record<number, number>> = {},
): Map<string, WalFile> {
  const files = Object.entries(segments).flatMap(([timeline, numbers]) =>
    numbers.map((number) => file(segment(Number(timeline), number), number)),
  )
  const others = Object.entries(histories).map(([timeline, minute]) =>
    file(historyName(Number(timeline)), minute),
  )
  return new Map([...files, ...others].map((each) => [each.name, each]))
}

/** That needs the segments from `start` to `end`, and was finished in minute `end`. */
export function baseOf(start: number, end: number = start, more: Partial<BaseFacts> = {}): BaseFacts {
  return {
    source: 'cluster',
    system: '7000000000000000001',
    serverVersion: '15.1',
    timeline: 1,
    segmentBytes: MIB16,
    startSegment: segment(1, start),
    endSegment: segment(1, end),
    startedMs: start * MINUTE,
    finishedMs: end * MINUTE,
    ...more,
  }
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

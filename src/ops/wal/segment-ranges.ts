/** Which segments of WAL lie side by side, and which are missing between them. Pure; knows no repository. */
import type { WalFile } from './facts.ts'
import { parseWalName, segmentName, segmentNumber } from './wal-name.ts'

export type SegmentRange = {
  readonly timeline: number
  /** Names. */
  readonly first: string
  readonly last: string
  readonly count: number
}

export type PresentRange = SegmentRange & {
  /** When the first and the last were last written to. ms */
  readonly fromMs: number
  readonly toMs: number
}

type Placed = { readonly timeline: number; readonly number: number; readonly file: WalFile }

/** By timeline, then in the order of the WAL; two of one timeline have a gap between them. */
export function presentRanges(files: Iterable<WalFile>, segmentBytes: number): PresentRange[] {
  const ranges: PresentRange[] = []
  let before: Placed | undefined
  for (const each of placed(files, segmentBytes)) {
    const open = ranges.at(-1)
    const { name, modifiedMs } = each.file
    if (open !== undefined && before?.timeline === each.timeline && before.number + 1 === each.number)
      ranges[ranges.length - 1] = { ...open, last: name, count: open.count + 1, toMs: modifiedMs }
    else
      ranges.push({
        timeline: each.timeline,
        first: name,
        last: name,
        count: 1,
        fromMs: modifiedMs,
        toMs: modifiedMs,
      })
    before = each
  }
  return ranges
}

/** What is missing between ranges of one timeline. */
export function gapsBetween(ranges: readonly SegmentRange[], segmentBytes: number): SegmentRange[] {
  return ranges.flatMap((range, index) => {
    const before = ranges[index - 1]
    if (before === undefined || before.timeline !== range.timeline) return []
    const from = numberOf(before.last, segmentBytes) + 1
    const to = numberOf(range.first, segmentBytes) - 1
    const nameOf = (number: number): string => segmentName(range.timeline, number, segmentBytes)
    return [{ timeline: range.timeline, first: nameOf(from), last: nameOf(to), count: to - from + 1 }]
  })
}

/** Of the name of a segment; -1 for another. */
export function numberOf(name: string, segmentBytes: number): number {
  const parsed = parseWalName(name)
  return parsed === undefined || parsed.kind === 'history' ? -1 : segmentNumber(parsed.place, segmentBytes)
}

function placed(files: Iterable<WalFile>, segmentBytes: number): Placed[] {
  return [...files]
    .flatMap((file) => {
      const parsed = parseWalName(file.name)
      if (parsed?.kind !== 'segment') return []
      return [{ timeline: parsed.timeline, number: segmentNumber(parsed.place, segmentBytes), file }]
    })
    .sort((a, b) => a.timeline - b.timeline || a.number - b.number)
}

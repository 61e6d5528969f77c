/**
 * The way from a base backup through the archived WAL, on one timeline and those that it came from. Pure; knows no repository.
 */
import type { BaseFacts, WalFile } from './facts.ts'
import { numberOf } from './segment-ranges.ts'
import type { TimelineFork } from './timeline-history.ts'
import { parseWalName, segmentName, segmentOfLsn } from './wal-name.ts'

/** What it takes of an archive. */
export type LineArchive = { readonly segmentBytes: number; readonly files: ReadonlyMap<string, WalFile> }
/** By timeline: where those before it ended. */
export type Forks = ReadonlyMap<number, readonly TimelineFork[]>

export type RecoveryLine = {
  readonly timeline: number
  /** In order, behind what the base backup has itself. */
  readonly files: readonly WalFile[]
  /** The first segment that the archive lacks although it has later ones of this line. */
  readonly missing: string | undefined
}

/** Timelines that can be reached from the base backup: its own, and those that left it, or one of its own, after the base backup's end. */
export function reachableTimelines(base: BaseFacts, forks: Forks, segmentBytes: number): number[] {
  const end = numberOf(base.endSegment, segmentBytes)
  const later = [...forks].filter(([timeline, ancestors]) => {
    const left = ancestors.find((fork) => fork.timeline === base.timeline)
    return timeline !== base.timeline && left !== undefined && segmentOfLsn(left.lsn, segmentBytes) >= end
  })
  return [base.timeline, ...later.map(([timeline]) => timeline)].sort((a, b) => a - b)
}

export function recoveryLine(
  archive: LineArchive,
  base: BaseFacts,
  timeline: number,
  forks: Forks,
): RecoveryLine {
  const { segmentBytes, files } = archive
  const nameOf = (number: number): string =>
    segmentName(timelineAt(number, timeline, forks, segmentBytes), number, segmentBytes)
  const line: WalFile[] = []
  let next = numberOf(base.endSegment, segmentBytes) + 1
  for (let file = files.get(nameOf(next)); file !== undefined; file = files.get(nameOf(next))) {
    line.push(file)
    next += 1
  }
  const goesOn = [...files.keys()].some((name) => {
    const number = parseWalName(name)?.kind === 'segment' ? numberOf(name, segmentBytes) : -1
    return number > next && nameOf(number) === name
  })
  return { timeline, files: line, missing: goesOn ? nameOf(next) : undefined }
}

/** On which timeline a segment is read: the one in which another began is that one's, which has what was before in it too. */
function timelineAt(number: number, timeline: number, forks: Forks, segmentBytes: number): number {
  const before = forks.get(timeline)?.find(({ lsn }) => number < segmentOfLsn(lsn, segmentBytes))
  return before?.timeline ?? timeline
}

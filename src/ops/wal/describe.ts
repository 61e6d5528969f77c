/** What an archive of WAL has, what is missing in it, and what can be had back from it. Pure. */
import type { SnapshotId } from '../../model/ids.ts'
import type { Histories, WalArchive } from './archive.ts'
import { type RecoveryWindow, recoveryWindows } from './plan-recovery.ts'
import { gapsBetween, type PresentRange, presentRanges, type SegmentRange } from './segment-ranges.ts'

export type DescribedBase = {
  readonly snapshot: SnapshotId
  readonly timeline: number
  readonly startSegment: string
  /** ms */
  readonly finishedMs: number
}

export type DescribedArchive = {
  readonly system: string
  /** Files of any kind, and their bytes. */
  readonly files: number
  readonly bytes: number
  readonly ranges: readonly PresentRange[]
  readonly gaps: readonly SegmentRange[]
  /** In the order in which they were finished. */
  readonly bases: readonly DescribedBase[]
  readonly windows: readonly RecoveryWindow[]
}

export function describeArchive(archive: WalArchive, histories: Histories): DescribedArchive {
  const { system, segmentBytes, bases } = archive
  const files = [...archive.files.values()]
  const ranges = presentRanges(files, segmentBytes)
  return {
    system,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    ranges,
    gaps: gapsBetween(ranges, segmentBytes),
    bases: bases.map(({ snapshot, timeline, startSegment, finishedMs }) => ({
      ...{ snapshot: snapshot.id, timeline, startSegment, finishedMs },
    })),
    windows: recoveryWindows(archive, histories),
  }
}

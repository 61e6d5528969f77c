/** What archives of WAL have: tables for people, a line for each cluster for programs. */

import { rfc3339OfMs } from '../../base/timestamp.ts'
import type { DescribedArchive } from '../../ops/wal/describe.ts'
import type { SegmentRange } from '../../ops/wal/segment-ranges.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { shortId } from './snapshots.ts'

const RANGE_COLUMNS = [
  { title: 'timeline', align: 'right' },
  { title: 'from' },
  { title: 'to' },
  { title: 'segments', align: 'right' },
  { title: '' },
] as const

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderArchives(
  source: string,
  archives: readonly DescribedArchive[],
  timeZone?: string,
): string {
  if (archives.length === 0) return `nothing is archived of ${safeText(source)}\n`
  return archives.map((archive) => renderArchive(archive, timeZone)).join('\n')
}

function renderArchive(archive: DescribedArchive, timeZone: string | undefined): string {
  const { system, files, bytes, ranges, gaps, bases, windows } = archive
  const present = ranges.map(({ timeline, first, last, count, fromMs, toMs }) => {
    const when = `${formatLocalTime(fromMs, timeZone)} to ${formatLocalTime(toMs, timeZone)}`
    return [timeline, first, last, count, when]
  })
  const missing = gaps.map(({ timeline, first, last, count }) => [timeline, first, last, count, 'MISSING'])
  const rows = [...present, ...missing]
    .sort((a, b) => Number(a[0]) - Number(b[0]) || (String(a[1]) < String(b[1]) ? -1 : 1))
    .map((cells) => cells.map((cell) => (typeof cell === 'number' ? humanCount(cell) : cell)))
  const when = (ms: number): string => formatLocalTime(ms, timeZone)
  const baseLines = [bases[0], bases.at(-1)].map((base, at) =>
    base === undefined
      ? ''
      : `${at === 0 ? 'oldest' : 'newest'} base: ${shortId(base.snapshot)} of ${when(base.finishedMs)}\n`,
  )
  const windowLines = windows.map(
    ({ timeline, fromMs, toMs }) => `recovery:    ${when(fromMs)} to ${when(toMs)} (timeline ${timeline})\n`,
  )
  return [
    `cluster ${system}: ${plural(files, 'file')}, ${humanBytes(bytes)}; ${plural(bases.length, 'base backup')}\n`,
    rows.length === 0 ? '' : renderTable(RANGE_COLUMNS, rows),
    ...baseLines,
    ...(windowLines.length === 0
      ? ['recovery:    not possible, for there is no base backup\n']
      : windowLines),
  ].join('')
}

export function renderArchivesJson(source: string, archives: readonly DescribedArchive[]): string {
  const rangeJson = ({ timeline, first, last, count }: SegmentRange): object => ({
    timeline,
    first,
    last,
    count,
  })
  return archives
    .map(({ system, files, bytes, ranges, gaps, bases, windows }) =>
      jsonLine({
        message_type: 'wal_archive',
        source,
        system,
        files,
        bytes,
        ranges: ranges.map((range) => ({
          ...rangeJson(range),
          from: rfc3339OfMs(range.fromMs),
          to: rfc3339OfMs(range.toMs),
        })),
        gaps: gaps.map(rangeJson),
        bases: bases.map(({ snapshot, timeline, startSegment, finishedMs }) => ({
          ...{
            snapshot_id: snapshot,
            timeline,
            start_segment: startSegment,
            finished: rfc3339OfMs(finishedMs),
          },
        })),
        recovery: windows.map(({ timeline, fromMs, toMs }) => ({
          ...{ timeline, from: rfc3339OfMs(fromMs), to: rfc3339OfMs(toMs) },
        })),
      }),
    )
    .join('')
}

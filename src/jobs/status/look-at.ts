/** What a status says of a repository that is open: its series, its size, and the disk below it. */
import { statfs } from 'node:fs/promises'
import { systemPath } from '../../base/names.ts'
import { validateDetails } from '../../log/details.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import { unlessDamaged } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { isS3Address } from '../../storage/s3/address.ts'
import type { RepositoryFacts, SeriesFacts } from './facts.ts'
import type { SnapshotMoment } from './report.ts'

/** `path`: where it lies. Reads the manifest alone. */
export async function lookAt(
  { manifest }: Pick<Repository, 'manifest'>,
  path: string,
  nowMs: number,
): Promise<RepositoryFacts> {
  const rows = manifest.snapshots.list()
  const size = manifest.packs.list('live').reduce((sum, { bytes }) => sum + bytes, 0)
  return { at: nowMs, snapshots: rows.length, size, disk: await diskOf(path), series: seriesIn(rows, nowMs) }
}

/** Of the file system at `path`; `undefined` where it does not say, and where that is no directory. */
export async function diskOf(path: string): Promise<RepositoryFacts['disk']> {
  if (isS3Address(path)) return undefined
  try {
    const { bavail, blocks, bsize } = await statfs(systemPath(path))
    return blocks === 0 ? undefined : { free: bavail * bsize, total: blocks * bsize }
  } catch {
    return undefined
  }
}

/** What is of a later time was saved under a wrong clock. ms */
const AHEAD_MS = 86_400_000

/**
 * `rows`: in the order of their times. What was saved by a clock that ran ahead counts only where there is nothing else: for as long as
 * it was ahead, it would pass for newer than all that is saved since.
 */
function seriesIn(rows: readonly SnapshotRow[], nowMs: number): SeriesFacts[] {
  const isAhead = ({ timeMs }: SnapshotRow): boolean => timeMs > nowMs + AHEAD_MS
  const found = new Map<string, SeriesFacts>()
  for (const row of [...rows.filter(isAhead), ...rows.filter((each) => !isAhead(each))]) {
    const { series, id, timeMs, host, paths, details: sealed } = row
    const details = unlessDamaged(() => validateDetails(sealed))
    const before = found.get(series)
    const moment: SnapshotMoment = { id, time: timeMs }
    found.set(series, {
      host: host ?? '',
      job: details?.job,
      paths,
      snapshots: (before?.snapshots ?? 0) + 1,
      last: moment,
      lastGood: details?.incomplete === true ? before?.lastGood : moment,
    })
  }
  return [...found.values()]
}

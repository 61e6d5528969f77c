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
  return { at: nowMs, snapshots: rows.length, size, disk: await diskOf(path), series: seriesIn(rows) }
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

/** `rows`: in the order of their times. */
function seriesIn(rows: readonly SnapshotRow[]): SeriesFacts[] {
  const found = new Map<string, SeriesFacts>()
  for (const { series, id, timeMs, host, paths, details: sealed } of rows) {
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

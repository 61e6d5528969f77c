/** What a backup is asked for, given, and gives back. */
import type { SnapshotSource } from '../../log/details.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import type { Clock } from '../../model/clock.ts'
import type { SourceFiles } from '../../model/files.ts'
import type { SeriesId, SnapshotId } from '../../model/ids.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import type { WriteOptions } from '../../repository/write-session.ts'
import { seriesOf } from '../../snapshot/series.ts'
import type { StreamedDirectory } from './streamed-file.ts'
import type { BackupSummary, UnreadablePath } from './summary.ts'
import type { WalkOptions } from './walk.ts'

export type BackupRequest = {
  /** Absolute, normal paths. */
  readonly paths: readonly string[]
  /** What is no file of this machine, in directories beside them. */
  readonly streamed?: readonly StreamedDirectory[]
  readonly hostname: string
  readonly username: string
  readonly job?: string | undefined
  readonly tags: readonly string[]
  readonly label?: string | undefined
  /** ms; the snapshot's time where it is imported, else the start of the run. */
  readonly time?: number | undefined
  /** The patterns as given: recorded in the snapshot. */
  readonly excludes: readonly string[]
  /** What the snapshot records of them; asked for when everything has been read. */
  readonly sources?: (() => readonly SnapshotSource[]) | undefined
  readonly walk: WalkOptions
  readonly write: WriteOptions
  readonly program: { readonly name: string; readonly version: string }
}

export type BackupPorts = {
  readonly source: SourceFiles
  readonly clock: Clock
  readonly progress: ProgressListener
  /** Each path with what was decided about it; for `-v`. */
  readonly decided?: (
    path: string,
    decision: 'new' | 'changed' | 'again' | 'unmodified' | 'excluded',
    why?: string,
  ) => void
  readonly signal: AbortSignal
  /** `false`: the walk looks at everything itself, as it does wherever the threads might decide otherwise. */
  readonly scan?: boolean
}

export type BackupResult = {
  readonly snapshot: SnapshotId
  readonly parent: SnapshotId | undefined
  readonly summary: BackupSummary
  readonly unreadable: readonly UnreadablePath[]
}

export function seriesOfRequest({ keys }: Pick<Repository, 'keys'>, request: BackupRequest): SeriesId {
  const { job, hostname } = request
  return seriesOf(keys.idKey, hostname, job === undefined ? { paths: sourcesOf(request) } : { job })
}

/** As the snapshot names them: paths of the machine, and those of streams in the snapshot. */
export function sourcesOf({ paths, streamed = [] }: BackupRequest): readonly string[] {
  if (streamed.length === 0) return paths
  const streams = streamed.flatMap(({ name, files }) => files.map((file) => `/${name}/${file.name}`))
  return [...paths, ...streams]
}

/** The newest snapshot of the series: what has not changed since is taken over from it. */
export function parentOf(repository: Repository, request: BackupRequest): SnapshotRow | undefined {
  return repository.manifest.snapshots.latestOf(seriesOfRequest(repository, request))
}

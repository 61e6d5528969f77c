/** Lists snapshots: a table for people, restic's array for programs. */
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, plural } from '../output/human.ts'
import { jsonArray } from '../output/json-lines.ts'
import { jsonPath } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { rfc3339OfMs } from '../output/timestamp.ts'

export type ListedSnapshot = {
  /** 32 hex digits. */
  readonly id: string
  /** ms since the epoch. */
  readonly time: number
  readonly hostname: string
  readonly username: string
  readonly paths: readonly string[]
  readonly tags: readonly string[]
  readonly label: string | undefined
  /** Hex id of the root tree. */
  readonly tree: string
  /** As `snap backup --json` reported it; `total_files_processed` and `total_bytes_processed` are shown. */
  readonly summary: Readonly<Record<string, number>>
  /** Something could not be read. */
  readonly incomplete: boolean
}

const SHORT_ID_DIGITS = 8

const COLUMNS = [
  { title: 'id' },
  { title: 'time' },
  { title: 'host' },
  { title: 'label' },
  { title: 'tags' },
  { title: 'paths' },
  { title: 'files', align: 'right' },
  { title: 'size', align: 'right' },
] as const

/** Times on the wall clock of `timeZone` (local if absent). `!` behind an id marks an incomplete snapshot. */
export function renderSnapshots(snapshots: readonly ListedSnapshot[], timeZone?: string): string {
  if (snapshots.length === 0) return 'no snapshots\n'
  const rows = snapshots.map((snapshot) => {
    const { total_files_processed: files, total_bytes_processed: bytes } = snapshot.summary
    return [
      shortId(snapshot.id) + (snapshot.incomplete ? '!' : ''),
      formatLocalTime(snapshot.time, timeZone),
      snapshot.hostname,
      snapshot.label ?? '',
      snapshot.tags.join(','),
      snapshot.paths.join(' '),
      files === undefined ? '' : humanCount(files),
      bytes === undefined ? '' : humanBytes(bytes),
    ]
  })
  const incomplete = snapshots.some((snapshot) => snapshot.incomplete)
  const note = incomplete ? '! incomplete: something could not be read\n' : ''
  return `${renderTable(COLUMNS, rows)}${plural(snapshots.length, 'snapshot')}\n${note}`
}

export function renderSnapshotsJson(snapshots: readonly ListedSnapshot[]): string {
  return jsonArray(snapshots.map(snapshotJson))
}

/** The object that stands for a snapshot wherever JSON names one. `paths_b64` is there where a path is not UTF-8. */
export function snapshotJson(snapshot: ListedSnapshot): object {
  const encoded = snapshot.paths.map((path) => jsonPath(path).path_b64 ?? null)
  return {
    id: snapshot.id,
    short_id: shortId(snapshot.id),
    time: rfc3339OfMs(snapshot.time),
    hostname: snapshot.hostname,
    username: snapshot.username,
    paths: snapshot.paths,
    ...(encoded.some((path) => path !== null) ? { paths_b64: encoded } : {}),
    tags: snapshot.tags,
    label: snapshot.label ?? null,
    tree: snapshot.tree,
    summary: snapshot.summary,
    incomplete: snapshot.incomplete,
  }
}

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_DIGITS)
}

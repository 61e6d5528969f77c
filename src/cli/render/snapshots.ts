/** Lists snapshots: a table for people, restic's array for programs. */

import { rfc3339OfMs } from '../../base/timestamp.ts'
import type { CopiedFrom, SnapshotSource } from '../../log/details.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, plural } from '../output/human.ts'
import { jsonArray } from '../output/json-lines.ts'
import { jsonPath } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { renderSources } from './saved-sources.ts'

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
  /** Of the configuration of the machine that made it. */
  readonly job?: string | undefined
  readonly sources?: readonly SnapshotSource[] | undefined
  readonly copiedFrom?: CopiedFrom | undefined
  /** Hex id of the root tree. */
  readonly tree: string
  /** As `snap backup --json` reported it; `total_files_processed` and `total_bytes_processed` are shown. */
  readonly summary: Readonly<Record<string, number>>
  /** Something could not be read. */
  readonly incomplete: boolean
  /** It is not forgotten, by no policy and by no id. */
  readonly held: boolean
  /** When it was forgotten, ms since the epoch; `undefined`: it is live. */
  readonly forgotten: number | undefined
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
/** Behind the host. */
const JOB_PLACE = 3

/**
 * Times on the wall clock of `timeZone` (local if absent). Behind an id, `!` marks an incomplete snapshot and `*` one that
 * is held. Where some are forgotten, a column says when. `withSources`: below each of a job's, what it has saved.
 */
export function renderSnapshots(
  snapshots: readonly ListedSnapshot[],
  { timeZone, withSources = false }: { readonly timeZone?: string; readonly withSources?: boolean } = {},
): string {
  if (snapshots.length === 0) return 'no snapshots\n'
  const anyJob = snapshots.some(({ job }) => job !== undefined)
  const anyForgotten = snapshots.some(({ forgotten }) => forgotten !== undefined)
  const rows = snapshots.map((snapshot) => {
    const { total_files_processed: files, total_bytes_processed: bytes } = snapshot.summary
    return [
      shortId(snapshot.id) + marksOf(snapshot),
      formatLocalTime(snapshot.time, timeZone),
      snapshot.hostname,
      ...(anyJob ? [snapshot.job ?? ''] : []),
      snapshot.label ?? '',
      snapshot.tags.join(','),
      snapshot.paths.join(' '),
      files === undefined ? '' : humanCount(files),
      bytes === undefined ? '' : humanBytes(bytes),
      ...(anyForgotten ? [forgottenAt(snapshot, timeZone)] : []),
    ]
  })
  const columns = [
    ...COLUMNS.slice(0, JOB_PLACE),
    ...(anyJob ? [{ title: 'job' }] : []),
    ...COLUMNS.slice(JOB_PLACE),
    ...(anyForgotten ? [{ title: 'forgotten' }] : []),
  ]
  const [titles, ...lines] = renderTable(columns, rows).trimEnd().split('\n')
  const listed = snapshots.map(
    ({ sources = [] }, index) => `${lines[index]}\n${withSources ? renderSources(sources) : ''}`,
  )
  return `${titles}\n${listed.join('')}${plural(snapshots.length, 'snapshot')}\n${marksExplained(snapshots)}`
}

export function marksOf({ incomplete, held }: ListedSnapshot): string {
  return (incomplete ? '!' : '') + (held ? '*' : '')
}

/** A line for each mark that occurs. */
export function marksExplained(snapshots: readonly ListedSnapshot[]): string {
  const incomplete = snapshots.some((snapshot) => snapshot.incomplete)
  const held = snapshots.some((snapshot) => snapshot.held)
  return (
    (incomplete ? '! incomplete: something could not be read\n' : '') +
    (held ? '* held: it is not forgotten until `snap unhold`\n' : '')
  )
}

function forgottenAt({ forgotten }: ListedSnapshot, timeZone: string | undefined): string {
  return forgotten === undefined ? '' : formatLocalTime(forgotten, timeZone)
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
    ...(snapshot.job === undefined ? {} : { job: snapshot.job }),
    ...(snapshot.sources === undefined ? {} : { sources: snapshot.sources }),
    ...(snapshot.copiedFrom === undefined ? {} : { copied_from: snapshot.copiedFrom }),
    tree: snapshot.tree,
    summary: snapshot.summary,
    incomplete: snapshot.incomplete,
    held: snapshot.held,
    ...(snapshot.forgotten === undefined ? {} : { forgotten: rfc3339OfMs(snapshot.forgotten) }),
  }
}

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_DIGITS)
}

/** What a verification found: every damaged object, and every snapshot and file that needs it. */

import { rfc3339OfMs } from '../../base/timestamp.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, humanDuration, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { shortId } from './snapshots.ts'

export type DamagedObject = { readonly key: string; readonly reason: string }

export type AffectedFile = { readonly snapshotId: string; readonly path: string }

export type HealedSnapshot = {
  readonly snapshotId: string
  /** What found it affected, in which log entry that stands, and when: ms since the epoch. */
  readonly operation: string
  readonly entry: number
  readonly time: number
}

/** What cannot be restored whole: files, and directories with all below them. */
export type Affected = {
  /** At most as many as are listed. */
  readonly affected: readonly AffectedFile[]
  /** Of all. */
  readonly affectedTotal: number
  readonly affectedSnapshots: number
}

export type VerifyReport = {
  /** Every chunk was decrypted and rehashed, not the structure alone. */
  readonly data: boolean
  readonly snapshots: number
  readonly packs: number
  readonly chunks: number
  readonly bytes: number
  readonly damaged: readonly DamagedObject[]
  readonly healed: readonly HealedSnapshot[]
  /** Findings that lose nothing (unreferenced packs, entries that were no-ops). */
  readonly notes: readonly string[]
  readonly durationMs: number
} & Affected

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderVerifyReport(report: VerifyReport, timeZone?: string): string {
  const { damaged, healed, notes } = report
  const depth = report.data
    ? `${plural(report.chunks, 'chunk')} rehashed`
    : 'structure only; --data rehashes every chunk'
  const lines = [
    ...notes.map((note) => `note: ${safeText(note)}`),
    ...damaged.map((object) => `damaged: ${safeText(object.key)}: ${safeText(object.reason)}`),
    ...affectedLines(report),
    ...healed.map((snapshot) => renderHealed(snapshot, timeZone)),
    `${plural(report.snapshots, 'snapshot')}, ${plural(report.packs, 'pack')}, ${humanBytes(report.bytes)} in ${humanDuration(report.durationMs)} (${depth})`,
    damaged.length + report.affectedTotal === 0
      ? 'no damage found'
      : `${plural(damaged.length, 'object')} damaged, ${affectedInWords(report)}`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** `2 files or directories in 1 snapshot affected` */
export function affectedInWords({ affectedTotal, affectedSnapshots }: Affected): string {
  const what = plural(affectedTotal, 'file or directory', 'files or directories')
  return `${what} in ${plural(affectedSnapshots, 'snapshot')} affected`
}

export function affectedLines({ affected, affectedTotal }: Affected): string[] {
  const more = affectedTotal - affected.length
  return [...affected.map(renderAffected), ...(more > 0 ? [`affected: ${humanCount(more)} more`] : [])]
}

function renderAffected({ snapshotId, path }: AffectedFile): string {
  return `affected: ${shortId(snapshotId)} ${safeText(path)}${path === '/' ? ' (the whole snapshot)' : ''}`
}

export function renderHealed(
  { snapshotId, operation, entry, time }: HealedSnapshot,
  timeZone?: string,
): string {
  const found = `${safeText(operation)} of ${formatLocalTime(time, timeZone)} (log entry ${entry})`
  return `healed: ${shortId(snapshotId)} is whole again; ${found} found it damaged`
}

export function healedJson({ snapshotId, operation, entry, time }: HealedSnapshot): string {
  const found = { operation, entry, time: rfc3339OfMs(time) }
  return jsonLine({ message_type: 'healed', snapshot_id: snapshotId, found })
}

/** A line for each finding, then the summary. */
export function renderVerifyReportJson(report: VerifyReport): string {
  const damaged = report.damaged.map((object) => jsonLine({ message_type: 'damaged', ...object }))
  const affected = report.affected.map((file) =>
    jsonLine({ message_type: 'affected', snapshot_id: file.snapshotId, ...jsonPath(file.path) }),
  )
  const summary = jsonLine({
    message_type: 'summary',
    data: report.data,
    num_errors: report.damaged.length,
    damaged_objects: report.damaged.length,
    affected_files: report.affectedTotal,
    healed_snapshots: report.healed.length,
    snapshots: report.snapshots,
    packs: report.packs,
    chunks: report.chunks,
    bytes: report.bytes,
    notes: report.notes,
    total_duration: report.durationMs / 1000,
  })
  return [...damaged, ...affected, ...report.healed.map(healedJson), summary].join('')
}

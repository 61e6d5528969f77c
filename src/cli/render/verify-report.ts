/** What a verification found: every damaged object, and every snapshot and file that needs it. */
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanDuration, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { rfc3339OfMs } from '../output/timestamp.ts'
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

export type VerifyReport = {
  /** Every chunk was decrypted and rehashed, not the structure alone. */
  readonly data: boolean
  readonly snapshots: number
  readonly packs: number
  readonly chunks: number
  readonly bytes: number
  readonly damaged: readonly DamagedObject[]
  readonly affected: readonly AffectedFile[]
  readonly healed: readonly HealedSnapshot[]
  /** Findings that lose nothing (unreferenced packs, entries that were no-ops). */
  readonly notes: readonly string[]
  readonly durationMs: number
}

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderVerifyReport(report: VerifyReport, timeZone?: string): string {
  const { damaged, affected, healed, notes } = report
  const snapshots = new Set(affected.map((file) => file.snapshotId))
  const depth = report.data
    ? `${plural(report.chunks, 'chunk')} rehashed`
    : 'structure only; --data rehashes every chunk'
  const lines = [
    ...notes.map((note) => `note: ${safeText(note)}`),
    ...damaged.map((object) => `damaged: ${safeText(object.key)}: ${safeText(object.reason)}`),
    ...affected.map(renderAffected),
    ...healed.map((snapshot) => renderHealed(snapshot, timeZone)),
    `${plural(report.snapshots, 'snapshot')}, ${plural(report.packs, 'pack')}, ${humanBytes(report.bytes)} in ${humanDuration(report.durationMs)} (${depth})`,
    damaged.length === 0
      ? 'no damage found'
      : `${plural(damaged.length, 'object')} damaged, ${plural(affected.length, 'file')} in ${plural(snapshots.size, 'snapshot')} affected`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

export function renderAffected({ snapshotId, path }: AffectedFile): string {
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
    affected_files: report.affected.length,
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

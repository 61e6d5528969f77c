/** What a restore did, or would do: some lines for people, a summary line for programs. */
import { humanBytes, humanDuration, humanRate, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { shortId } from './snapshots.ts'

export type RestoreSummary = {
  readonly snapshotId: string
  readonly target: string
  /** Only paths that were named, not the whole snapshot. */
  readonly selected: boolean
  readonly inPlace: boolean
  readonly dryRun: boolean
  /** Entries of every kind. */
  readonly restored: number
  /** Already as they should be, or kept by the overwrite policy. */
  readonly skipped: number
  readonly deleted: number
  readonly failed: number
  readonly bytesWritten: number
  readonly bytesTotal: number
  readonly durationMs: number
  /** What this platform or target could not keep, in words, each once. */
  readonly notKept: readonly string[]
}

export function renderRestoreSummary(summary: RestoreSummary): string {
  const { restored, skipped, deleted, failed, bytesWritten, durationMs } = summary
  const entries = (count: number): string => plural(count, 'entry', 'entries')
  const would = summary.dryRun ? 'would be ' : ''
  const parts = [
    `${entries(restored)} ${would}restored`,
    ...(skipped > 0 ? [`${entries(skipped)} already there`] : []),
    ...(deleted > 0 ? [`${entries(deleted)} ${would}deleted`] : []),
    ...(failed > 0 ? [`${entries(failed)} ${summary.dryRun ? 'would fail' : 'failed'}`] : []),
  ]
  const start = summary.dryRun ? 'dry run, nothing was written: ' : ''
  const lines = [
    `${start}${parts.join(', ')}`,
    `${humanBytes(bytesWritten)} written in ${humanDuration(durationMs)} (${humanRate(bytesWritten, durationMs)})`,
    ...summary.notKept.map((what) => `not kept: ${safeText(what)}`),
    whereNow(summary),
  ]
  return (summary.dryRun ? lines.slice(0, 1) : lines).map((line) => `${line}\n`).join('')
}

function whereNow(summary: RestoreSummary): string {
  const { snapshotId, target, selected, inPlace, restored, skipped, failed } = summary
  const id = `snapshot ${shortId(snapshotId)}`
  if (failed > 0 && restored + skipped === 0) return `no entry of ${id} could be restored`
  const whole = selected ? `what was named of ${id}` : id
  const what = failed > 0 ? `what could be restored of ${id}` : whole
  return inPlace ? `${what} is back in its place` : `${what} is in ${safeText(target)}`
}

export function renderRestoreSummaryJson(summary: RestoreSummary): string {
  const { path: target, path_b64 } = jsonPath(summary.target)
  return jsonLine({
    message_type: 'summary',
    ...(summary.dryRun ? { dry_run: true } : {}),
    snapshot_id: summary.snapshotId,
    target,
    ...(path_b64 === undefined ? {} : { target_b64: path_b64 }),
    total_files: summary.restored + summary.skipped + summary.failed,
    files_restored: summary.restored,
    files_skipped: summary.skipped,
    files_deleted: summary.deleted,
    files_failed: summary.failed,
    total_bytes: summary.bytesTotal,
    bytes_restored: summary.bytesWritten,
    not_kept: summary.notKept,
    total_duration: summary.durationMs / 1000,
  })
}

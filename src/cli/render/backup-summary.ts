/** What a backup did: some lines for people, restic's summary line for programs. */
import { type BackupSummary, summaryNumbers } from '../../ops/backup/summary.ts'
import { humanBytes, humanCount, humanDuration, humanPercent, humanRate, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { shortId } from './snapshots.ts'

/** `snapshotId`: `undefined` after a dry run, which does not find out what would be added. */
export function renderBackupSummary(summary: BackupSummary, snapshotId: string | undefined): string {
  const { bytesTotal, bytesRead, bytesAdded, bytesStored, others, unreadable, changedWhileRead } = summary
  const durationMs = summary.endedMs - summary.startedMs
  const rate = bytesRead > 0 ? ` (${humanRate(bytesRead, durationMs)})` : ''
  const lines = [
    `files:       ${counts(summary.filesNew, summary.filesChanged, summary.filesUnmodified)}`,
    ...(summary.filesAgain > 0
      ? [`again:       ${plural(summary.filesAgain, 'file')}, of which the repository had not all any more`]
      : []),
    ...(snapshotId === undefined
      ? [`to read:     ${humanBytes(bytesRead)} of ${humanBytes(bytesTotal)}`]
      : [
          `directories: ${counts(summary.dirsNew, summary.dirsChanged, summary.dirsUnmodified)}`,
          `read:        ${humanBytes(bytesRead)} of ${humanBytes(bytesTotal)}${rate}`,
          `added:       ${humanBytes(bytesAdded)}, stored as ${humanBytes(bytesStored)} (${humanPercent(bytesStored, bytesAdded)})`,
        ]),
    ...(others > 0 ? [`others:      ${humanCount(others)} (links, FIFOs, devices, sockets)`] : []),
    ...(changedWhileRead > 0
      ? [`torn:        ${plural(changedWhileRead, 'file')} that changed while being read`]
      : []),
    ...(unreadable > 0
      ? [`unreadable:  ${plural(unreadable, 'entry', 'entries')}, not counted among the files`]
      : []),
    `${plural(summary.filesTotal, 'file')}, ${humanBytes(bytesTotal)} in ${humanDuration(durationMs)}`,
    snapshotId === undefined ? 'dry run: nothing was stored' : `snapshot ${shortId(snapshotId)} saved`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function counts(fresh: number, changed: number, unmodified: number): string {
  return `${plural(fresh, 'new', 'new')}, ${plural(changed, 'changed', 'changed')}, ${plural(unmodified, 'unmodified', 'unmodified')}`
}

/** Duration in seconds, as restic has it. */
export function renderBackupSummaryJson(summary: BackupSummary, snapshotId: string | undefined): string {
  return jsonLine({
    message_type: 'summary',
    ...(snapshotId === undefined ? { dry_run: true } : {}),
    ...summaryNumbers(summary),
    total_duration: (summary.endedMs - summary.startedMs) / 1000,
    snapshot_id: snapshotId,
  })
}

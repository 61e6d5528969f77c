/** What a backup did: some lines for people, restic's summary line for programs. */
import { humanBytes, humanDuration, humanPercent, humanRate, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { shortId } from './snapshots.ts'

type Counts = { readonly new: number; readonly changed: number; readonly unmodified: number }

export type BackupSummary = {
  /** `undefined` after a dry run. */
  readonly snapshotId: string | undefined
  readonly files: Counts
  readonly directories: Counts
  /** Chunks that were new. */
  readonly dataChunks: number
  readonly treeChunks: number
  /** Bytes of plaintext of all files. */
  readonly bytesProcessed: number
  /** Bytes that had to be read from files. */
  readonly bytesRead: number
  /** Bytes of plaintext that were new. */
  readonly bytesAdded: number
  /** Bytes stored for them. */
  readonly bytesStored: number
  readonly unreadable: number
  readonly durationMs: number
}

export function renderBackupSummary(summary: BackupSummary): string {
  const { files, directories, bytesProcessed, bytesRead, bytesAdded, bytesStored, durationMs } = summary
  const total = files.new + files.changed + files.unmodified
  const lines = [
    `files:       ${countsText(files)}`,
    `directories: ${countsText(directories)}`,
    `read:        ${humanBytes(bytesRead)} of ${humanBytes(bytesProcessed)}`,
    `added:       ${humanBytes(bytesAdded)}, stored as ${humanBytes(bytesStored)} (${humanPercent(bytesStored, bytesAdded)})`,
    ...(summary.unreadable > 0 ? [`unreadable:  ${plural(summary.unreadable, 'entry', 'entries')}`] : []),
    `${plural(total, 'file')}, ${humanBytes(bytesProcessed)} in ${humanDuration(durationMs)} (${humanRate(bytesProcessed, durationMs)})`,
    summary.snapshotId === undefined
      ? 'dry run: nothing was stored'
      : `snapshot ${shortId(summary.snapshotId)} saved`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function countsText(counts: Counts): string {
  return `${plural(counts.new, 'new', 'new')}, ${plural(counts.changed, 'changed', 'changed')}, ${plural(counts.unmodified, 'unmodified', 'unmodified')}`
}

/** restic's names for the numbers of a backup: also what a snapshot keeps as its `summary`. */
export function backupNumbers(summary: BackupSummary): Record<string, number> {
  const { files, directories } = summary
  return {
    files_new: files.new,
    files_changed: files.changed,
    files_unmodified: files.unmodified,
    dirs_new: directories.new,
    dirs_changed: directories.changed,
    dirs_unmodified: directories.unmodified,
    data_blobs: summary.dataChunks,
    tree_blobs: summary.treeChunks,
    data_added: summary.bytesAdded,
    data_added_packed: summary.bytesStored,
    total_files_processed: files.new + files.changed + files.unmodified,
    total_bytes_processed: summary.bytesProcessed,
    bytes_read: summary.bytesRead,
    unreadable: summary.unreadable,
  }
}

/** Duration in seconds, as restic has it. */
export function renderBackupSummaryJson(summary: BackupSummary): string {
  return jsonLine({
    message_type: 'summary',
    ...(summary.snapshotId === undefined ? { dry_run: true } : {}),
    ...backupNumbers(summary),
    total_duration: summary.durationMs / 1000,
    snapshot_id: summary.snapshotId,
  })
}

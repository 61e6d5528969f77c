/** What a backup did, in numbers; and how it counts them while the walk goes on. */
import type { FileStat } from '../../model/files.ts'
import type { WhyQueued } from './file-queue.ts'

export type BackupSummary = {
  readonly filesNew: number
  readonly filesChanged: number
  readonly filesUnmodified: number
  /** Of these: read and stored again, since the repository had not all of them any more. */
  readonly filesAgain: number
  readonly dirsNew: number
  readonly dirsChanged: number
  readonly dirsUnmodified: number
  /** Symlinks, FIFOs, devices, sockets. */
  readonly others: number
  /** Files that the snapshot holds with their content, and the sizes that they are stored with added up. */
  readonly filesTotal: number
  readonly bytesTotal: number
  /** Bytes of sources that were read. */
  readonly bytesRead: number
  /** New chunks: count, plaintext bytes, and the bytes of the packs and index objects that hold them. */
  readonly dataChunks: number
  readonly treeChunks: number
  readonly bytesAdded: number
  readonly bytesStored: number
  /** Entries of any type: no file among them is in the counts above. */
  readonly unreadable: number
  readonly changedWhileRead: number
  readonly startedMs: number
  readonly endedMs: number
}

/** As the snapshot records it and `--json` prints it: restic's names where restic has them. */
export function summaryNumbers(summary: BackupSummary): Record<string, number> {
  return {
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    files_stored_again: summary.filesAgain,
    dirs_new: summary.dirsNew,
    dirs_changed: summary.dirsChanged,
    dirs_unmodified: summary.dirsUnmodified,
    others: summary.others,
    data_blobs: summary.dataChunks,
    tree_blobs: summary.treeChunks,
    data_added: summary.bytesAdded,
    data_added_packed: summary.bytesStored,
    bytes_read: summary.bytesRead,
    total_files_processed: summary.filesTotal,
    total_bytes_processed: summary.bytesTotal,
    unreadable: summary.unreadable,
    changed_while_read: summary.changedWhileRead,
    backup_start_ms: summary.startedMs,
    backup_end_ms: summary.endedMs,
  }
}

/** A path that could not be read, and the system's reason, as `EACCES`. */
export type UnreadablePath = { readonly path: string; readonly reason: string }

export class BackupCounter {
  /** Files that the walk came by and their sizes then: for the eye, while their content is on its way. */
  filesFound = 0
  bytesFound = 0
  filesNew = 0
  filesChanged = 0
  filesUnmodified = 0
  filesAgain = 0
  dirsNew = 0
  dirsChanged = 0
  dirsUnmodified = 0
  others = 0
  bytesTotal = 0
  changedWhileRead = 0
  readonly unreadable: UnreadablePath[] = []
  unreadableCount = 0

  found(stat: FileStat): void {
    if (stat.type === 'file') {
      this.filesFound += 1
      this.bytesFound += stat.size
    } else if (stat.type !== 'dir') this.others += 1
  }

  /** A file that the snapshot holds, with so many bytes; `isSame`: its entry is the one of the parent snapshot. */
  stored(why: WhyQueued, bytes: number, isSame: boolean): void {
    this.bytesTotal += bytes
    if (why === 'new') this.filesNew += 1
    else if (why === 'lost' || isSame) this.filesUnmodified += 1
    else this.filesChanged += 1
    if (why === 'lost') this.filesAgain += 1
  }

  addUnreadable(path: string, reason: string): void {
    this.unreadableCount += 1
    if (this.unreadable.length < UNREADABLE_KEPT_MAX) this.unreadable.push({ path, reason })
  }

  get filesTotal(): number {
    return this.filesNew + this.filesChanged + this.filesUnmodified
  }
}

/** Paths that a snapshot records as unreadable; beyond that only their number. */
export const UNREADABLE_KEPT_MAX = 100

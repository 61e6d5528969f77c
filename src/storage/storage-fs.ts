/**
 * The few file system calls that the local backend makes, so that tests can record them, make them fail and take the
 * power away between any two of them. Paths are absolute; failures are the system's own errors (`code` as `ENOENT`).
 */
export type FsEntryKind = 'file' | 'directory' | 'other'

export type FsEntry = { readonly name: string; readonly kind: FsEntryKind }

export type FsStat = {
  readonly kind: FsEntryKind
  readonly bytes: number
  /** ms since the epoch, whole. */
  readonly modifiedAt: number
  /** Names that the file has. */
  readonly links: number
}

export interface StorageFs {
  /** Opens for reading; never blocks on a FIFO. */
  openForReading(path: string): Promise<number>
  /** Creates a file (0600; root's belong to the owner of the directory) that must not exist (`EEXIST`) and opens it for writing. */
  createFile(path: string): Promise<number>
  /** As writev(2): appends, and may write less than all. Returns the bytes written. */
  writev(fd: number, parts: readonly Uint8Array[]): Promise<number>
  /** As pread(2): returns the bytes read, which may be fewer, 0 at the end. */
  read(fd: number, into: Uint8Array, at: number, bytes: number, position: number): Promise<number>
  fstat(fd: number): Promise<FsStat>
  /** The file's bytes and size are durable afterwards; its name is not. */
  fsync(fd: number): Promise<void>
  close(fd: number): Promise<void>
  /** Every name that was added to the directory or removed from it before the call is durably so afterwards. */
  fsyncDirectory(path: string): Promise<void>
  /** Atomic; replaces what `to` names. */
  rename(from: string, to: string): Promise<void>
  /** Atomic; `EEXIST` where `to` exists. */
  link(existing: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Makes one directory (0700; owned as files are); `EEXIST` where the name exists. */
  mkdir(path: string): Promise<void>
  /** Unsorted, without `.` and `..`; a symlink is `other`. */
  readdir(path: string): Promise<FsEntry[]>
  /** Follows symlinks. */
  stat(path: string): Promise<FsStat>
}

/**
 * What a file system entry is, and the ports to the user's files: `SourceFiles` reads them, `TargetFiles` writes
 * them. Calls are synchronous: workers call them in tight loops, where promises cost several times the call.
 *
 * A path or name is a string in which every byte that is not part of valid UTF-8 stands as the lone surrogate
 * U+DC00 + byte (Python's "surrogateescape", PEP 383), so any name of any file system fits in a string.
 */

export type EntryType = 'file' | 'dir' | 'symlink' | 'fifo' | 'char' | 'block' | 'socket'

export type FileStat = {
  readonly type: EntryType
  /** Permission bits with setuid, setgid and sticky: 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes; 0 for all but files and symlinks. */
  readonly size: number
  /** Bytes allocated on disk; less than `size` where a file may have holes. */
  readonly allocated: number
  readonly links: number
  /** Up to 2^53 the system's own number; larger ones are folded below it, always in the same way. */
  readonly inode: number
  /** Device that holds the entry, for `--one-file-system` and hard links. */
  readonly device: number
  /** Device number of a `char` or `block` entry. */
  readonly rdevMajor: number
  readonly rdevMinor: number
  /** Whole seconds since the epoch (may be negative) and nanoseconds 0 to 999,999,999. */
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly ctimeSec: number
  readonly ctimeNsec: number
}

/** A region of a file that holds data; what lies between regions is a hole. Bytes. */
export type Extent = { readonly offset: number; readonly bytes: number }

export type Xattr = { readonly name: string; readonly value: Uint8Array }

/** A directory that is open: what is asked of it is surely of one directory, and there is no path to walk for each name. */
export interface SourceDirectory extends Disposable {
  stat(): FileStat
  xattrs(): Xattr[]
  /** As `SourceFiles.list`; to be called once. */
  list(): string[]
  /** Does not follow a symlink. */
  lstat(name: string): FileStat
}

/**
 * A failed call throws the system's own error (`code` as `ENOENT`, `EACCES` ...) with `path` in it; callers
 * turn it into a report about the source, never into an error about the repository.
 */
export interface SourceFiles {
  /** Does not follow a symlink. */
  lstat(path: string): FileStat
  /** The names in a directory (not in one behind a symlink, where the system can tell), unsorted, without `.` and `..`. */
  list(path: string): string[]
  /** Not through a final symlink. The caller disposes of it. */
  openDirectory(path: string): SourceDirectory
  readlink(path: string): string
  /**
   * Opens for reading without following a final symlink, without waiting for the other end of a FIFO, and without touching
   * atime where the system allows. What was opened may be no file any more: ask `fstat`. To be closed by `close` alone.
   */
  open(path: string): number
  fstat(fd: number): FileStat
  /** Reads up to `bytes` at `position` into `into` at `at`; returns the count, 0 at the end. */
  read(fd: number, into: Uint8Array, at: number, bytes: number, position: number): number
  /** Regions that hold data, in order, without overlap, within 0..size; one region where holes are not known. */
  dataExtents(fd: number, size: number): Extent[]
  close(fd: number): void
  /** Extended attributes of the entry itself (a symlink's own), POSIX ACLs among them, sorted by name; empty where unsupported. Those that may not be read are left out. */
  xattrs(path: string): Xattr[]
  /** The same of an open file: no path to walk, and surely the file that is read. */
  fxattrs(fd: number): Xattr[]
  /** `undefined` where the system knows no name. Cached. */
  userName(uid: number): string | undefined
  groupName(gid: number): string | undefined
}

export type TargetMeta = {
  readonly mode: number
  /** `undefined`: leave as created. */
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly xattrs: readonly Xattr[]
}

/**
 * An open directory below the restore target. Every name is a single component; a name that is empty, `.`, `..`
 * or holds `/` or NUL throws `TARGET_UNSAFE`. Nothing ever follows a symlink, so nothing is written elsewhere
 * whatever is planted there.
 */
export interface TargetDirectory extends Disposable {
  /** `undefined` where the name is absent. */
  lstat(name: string): FileStat | undefined
  /** The one that the directory itself is on. */
  device(): number
  list(): string[]
  /** Opens a child directory. `TARGET_UNSAFE` where it is a symlink. */
  enter(name: string): TargetDirectory
  /** Creates (0700 until its metadata is set) and opens a child directory; an existing directory is opened as it is. */
  makeDirectory(name: string): TargetDirectory
  /**
   * Creates a file that must not exist, with its final permission bits; returns a descriptor for writing (and reading).
   * Setuid, setgid and sticky come with `setFileMeta`, when the file is whole. To be closed by `TargetFiles.close`.
   */
  createFile(name: string, mode: number): number
  /**
   * Opens an existing regular file for reading (and writing where `write`), never through a symlink. `TARGET_UNSAFE` for
   * writing one with several links, of which one may lie outside the target: remove it and create it anew.
   */
  openFile(name: string, write: boolean): number
  makeSymlink(name: string, target: string): void
  /** Hard link `name` to `existing` in `from`, which is below the same target. */
  makeLink(name: string, from: TargetDirectory, existing: string): void
  makeFifo(name: string, mode: number): void
  makeDevice(name: string, type: 'char' | 'block', mode: number, major: number, minor: number): void
  /** Renames within this directory, replacing what is there (not a non-empty directory). */
  rename(from: string, to: string): void
  /** Removes a file, or a directory that is empty. */
  removeOne(name: string): void
  /**
   * Removes a file, or a directory with everything in it, never following a symlink. `TARGET_UNSAFE` where something is mounted there or
   * below: nothing behind a mount is removed.
   */
  remove(name: string): void
  readlink(name: string): string
  xattrs(name: string): Xattr[]
  /**
   * Owner, xattrs, mode, then mtime, of a child that is not a file open elsewhere. Attributes that are not in `meta` are removed (security
   * labels stay). A file's setuid and setgid bits are left out where its owner or group is not set. Returns what could not be kept, in words.
   */
  setMeta(name: string, type: EntryType, meta: TargetMeta): string[]
  /** The same for the directory itself. */
  setOwnMeta(meta: TargetMeta): string[]
}

export interface TargetFiles {
  /** Opens (making it and its parents if need be) the directory at `path`: the target, which the user chose, may be reached through symlinks. */
  openRoot(path: string): TargetDirectory
  /** As `openRoot`, for looking alone: makes nothing; `undefined` where nothing is there. */
  openExisting(path: string): TargetDirectory | undefined
  write(fd: number, bytes: Uint8Array, position: number): void
  read(fd: number, into: Uint8Array, at: number, bytes: number, position: number): number
  /** As of `SourceFiles`. */
  dataExtents(fd: number, size: number): Extent[]
  truncate(fd: number, size: number): void
  /** As `setMeta`, on an open file. */
  setFileMeta(fd: number, meta: TargetMeta): string[]
  close(fd: number): void
}

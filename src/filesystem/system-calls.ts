/**
 * The system calls that the ports are made of, as two implementations offer them: `posix.ts` (Linux, through koffi)
 * and `portable.ts` (Node's `fs` alone). A failed call throws a `SystemError`.
 */
import type { Extent, FileStat, SourceDirectory, Xattr } from '../model/files.ts'
import { createPortableCalls } from './portable.ts'
import { loadPosixCalls } from './posix.ts'

/**
 * A directory that is open for calls relative to it: a descriptor, or on platforms without any a number that stands for
 * a path. Never used as a descriptor outside `SystemCalls`.
 */
export type DirectoryHandle = number

/** The metadata of one entry, which no renaming can swap for another's. */
export interface OpenEntry extends Disposable {
  stat(): FileStat
  chown(uid: number, gid: number): void
  chmod(mode: number): void
  setMtime(seconds: number, nanoseconds: number): void
  xattrs(): Xattr[]
  hasXattr(name: string): boolean
  setXattr(name: string, value: Uint8Array): void
  removeXattr(name: string): void
}

export interface SystemCalls {
  /** What is not kept on this platform, in words; empty where everything is. */
  readonly losses: readonly string[]
  /** Whether a `DirectoryHandle` is a descriptor and `/proc/self/fd/N/name` leads below it. */
  readonly descriptorPaths: boolean

  lstat(path: string): FileStat
  fstat(fd: number): FileStat
  list(path: string): string[]
  /** Not through a final symlink. */
  openSourceDirectory(path: string): SourceDirectory
  readlink(path: string): string
  /** Opens for reading: never through a final symlink, never waiting for the other end of a FIFO. */
  openForReading(path: string): number
  /** For every descriptor that these calls opened, and no other. */
  close(fd: number): void
  dataExtents(fd: number, size: number): Extent[]
  xattrs(path: string): Xattr[]
  fxattrs(fd: number): Xattr[]

  /** Follows symlinks: for the target that the user named. */
  openDirectory(path: string): DirectoryHandle
  closeDirectory(dir: DirectoryHandle): void
  /** `ENOTDIR` or `ELOOP` where the name is a symlink. */
  enterAt(dir: DirectoryHandle, name: string): DirectoryHandle
  /** The parent of an open directory, wherever that is now. */
  parentOf(dir: DirectoryHandle): DirectoryHandle
  /** Where an open directory is now: absolute, without links. */
  pathOf(dir: DirectoryHandle): string
  /** The number of the mount through which a directory was opened; `undefined` where that cannot be told. */
  mountOf(dir: DirectoryHandle): number | undefined
  listAt(dir: DirectoryHandle): string[]
  lstatAt(dir: DirectoryHandle, name: string): FileStat
  /** With `O_NOFOLLOW` and `O_CLOEXEC` added. */
  openAt(dir: DirectoryHandle, name: string, flags: number, mode: number): number
  mkdirAt(dir: DirectoryHandle, name: string, mode: number): void
  unlinkAt(dir: DirectoryHandle, name: string): void
  rmdirAt(dir: DirectoryHandle, name: string): void
  renameAt(dir: DirectoryHandle, from: string, to: string): void
  linkAt(from: DirectoryHandle, existing: string, to: DirectoryHandle, name: string): void
  symlinkAt(target: string, dir: DirectoryHandle, name: string): void
  readlinkAt(dir: DirectoryHandle, name: string): string
  /** `mode` without type bits. `ENOSYS` where the platform cannot. */
  mknodAt(
    dir: DirectoryHandle,
    name: string,
    type: 'fifo' | 'char' | 'block',
    mode: number,
    major: number,
    minor: number,
  ): void

  fileEntry(fd: number): OpenEntry
  directoryEntry(dir: DirectoryHandle): OpenEntry
  entryAt(dir: DirectoryHandle, name: string): OpenEntry
}

let loaded: SystemCalls | undefined

/** The best implementation that works here; loaded once per thread. */
export function systemCalls(): SystemCalls {
  loaded ??= loadPosixCalls() ?? createPortableCalls()
  return loaded
}

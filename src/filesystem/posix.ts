/**
 * `SystemCalls` for Linux through libc: relative to directory descriptors, with nanoseconds, extended attributes, holes
 * and device nodes. Buffers are reused, so one instance serves one thread.
 */
import { constants, existsSync } from 'node:fs'
import { nameFromBytes } from '../base/names.ts'
import type { Extent } from '../model/files.ts'
import { appendDirectoryNames, DIRECTORY_BUFFER_BYTES } from './directory-entries.ts'
import { STATX_BYTES, statFromStatx } from './file-stat.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  type CText,
  cPath,
  type Libc,
  loadLibc,
  O_CLOEXEC,
} from './libc.ts'
import { mountOfDescriptor } from './mounts.ts'
import { descriptorEntry, namedEntry } from './posix-entry.ts'
import { createPosixXattrs } from './posix-xattrs.ts'
import type { SystemCalls } from './system-calls.ts'
import { systemError } from './system-error.ts'

/** linux/fcntl.h, linux/stat.h, asm/errno.h; the same on x64 and arm64. */
const AT_REMOVEDIR = 0x200
const AT_NO_AUTOMOUNT = 0x800
const STATX_BASIC_STATS = 0x7ff
const SEEK_DATA = 3
const SEEK_HOLE = 4
const EINTR = 4
const EPERM = 1
const EINVAL = 22
const ENAMETOOLONG = 36
const ENXIO = 6
const PATH_BYTES = 65_536
/** A file of more regions than this is taken as one: the list would outgrow what skipping the holes saves. */
const EXTENTS_MAX = 1_000_000
const DEVICE_MAJOR_MAX = 0xfff
const DEVICE_MINOR_MAX = 0xf_ffff

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME, O_NOCTTY, S_IFIFO, S_IFCHR, S_IFBLK } =
  constants
const OPEN_SOURCE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
const OPEN_DIRECTORY = O_RDONLY | O_DIRECTORY | O_CLOEXEC
const NODE_BITS = { fifo: S_IFIFO, char: S_IFCHR, block: S_IFBLK }

/** `undefined` where libc cannot be used, or the kernel does not know the calls. */
export function loadPosixCalls(): SystemCalls | undefined {
  const libc = loadLibc()
  if (!libc) return undefined
  const calls = createPosixCalls(libc)
  try {
    return calls.lstat('/').type === 'dir' ? calls : undefined
  } catch {
    return undefined
  }
}

function createPosixCalls(libc: Libc): SystemCalls {
  const statWords = new Uint32Array(STATX_BYTES / 4)
  const statBytes = new Uint8Array(statWords.buffer)
  const directoryBuffer = Buffer.allocUnsafeSlow(DIRECTORY_BUFFER_BYTES)
  const pathBuffer = Buffer.allocUnsafeSlow(PATH_BYTES)
  const xattrs = createPosixXattrs(libc)

  function stat(dir: number, path: string, flags: number) {
    const result = libc.statx(dir, cPath(path), flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, statBytes)
    if (result < 0) throw libc.failure('statx', path)
    return statFromStatx(statWords)
  }

  const fstat = (fd: number) => stat(fd, '', AT_EMPTY_PATH)

  /** The descriptor, or -1 with `errno` set. */
  function open(dir: number, path: CText, flags: number, mode: number): number {
    for (;;) {
      const fd = libc.openat(dir, path, flags, mode)
      if (fd >= 0 || libc.errno() !== EINTR) return fd
    }
  }

  function openOrThrow(dir: number, path: string, flags: number, mode: number): number {
    const fd = open(dir, cPath(path), flags, mode)
    if (fd < 0) throw libc.failure('open', path)
    return fd
  }

  /** Node warns where a worker closes by `fs` what `fs` has not opened, so every descriptor is closed here. */
  function close(fd: number): void {
    if (libc.close(fd) < 0 && libc.errno() !== EINTR) throw libc.failure('close', `fd ${fd}`)
  }

  function check(result: number, syscall: string, path: string): void {
    if (result < 0) throw libc.failure(syscall, path)
  }

  function readlink(dir: number, path: string): string {
    const bytes = libc.readlinkat(dir, cPath(path), pathBuffer, PATH_BYTES)
    if (bytes < 0) throw libc.failure('readlink', path)
    if (bytes >= PATH_BYTES) throw systemError(ENAMETOOLONG, 'readlink', path)
    return nameFromBytes(pathBuffer.subarray(0, bytes))
  }

  function listDescriptor(fd: number, path: string): string[] {
    const names: string[] = []
    for (;;) {
      const bytes = libc.getdents64(fd, directoryBuffer, DIRECTORY_BUFFER_BYTES)
      if (bytes === 0) return names
      if (bytes < 0) throw libc.failure('getdents64', path)
      appendDirectoryNames(directoryBuffer, bytes, names)
    }
  }

  return {
    losses: [],
    descriptorPaths: existsSync('/proc/self/fd'),
    lstat: (path) => stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW),
    fstat,

    list(path) {
      const fd = openOrThrow(AT_FDCWD, path, OPEN_DIRECTORY | O_NOFOLLOW, 0)
      try {
        return listDescriptor(fd, path)
      } finally {
        close(fd)
      }
    },

    openSourceDirectory(path) {
      const fd = openOrThrow(AT_FDCWD, path, OPEN_DIRECTORY | O_NOFOLLOW, 0)
      return {
        stat: () => fstat(fd),
        xattrs: () => xattrs.read(fd, path),
        list: () => listDescriptor(fd, path),
        lstat: (name) => stat(fd, name, AT_SYMLINK_NOFOLLOW),
        [Symbol.dispose]: () => close(fd),
      }
    },

    readlink: (path) => readlink(AT_FDCWD, path),

    openForReading(path) {
      const text = cPath(path)
      const quiet = open(AT_FDCWD, text, OPEN_SOURCE | O_NOATIME, 0)
      if (quiet >= 0) return quiet
      // O_NOATIME is for the file's owner and root alone.
      const fd = libc.errno() === EPERM ? open(AT_FDCWD, text, OPEN_SOURCE, 0) : quiet
      if (fd < 0) throw libc.failure('open', path)
      return fd
    },

    dataExtents(fd, size) {
      const extents: Extent[] = []
      let at = 0
      while (at < size) {
        const start = libc.lseek(fd, at, SEEK_DATA)
        if (start < 0) {
          if (libc.errno() === ENXIO) return extents
          return [{ offset: 0, bytes: size }]
        }
        if (start >= size) return extents
        const hole = libc.lseek(fd, start, SEEK_HOLE)
        // A file that shrinks meanwhile has no hole after `start`; reading will find its end.
        const end = hole <= start ? size : Math.min(hole, size)
        extents.push({ offset: start, bytes: end - start })
        if (extents.length > EXTENTS_MAX) return [{ offset: 0, bytes: size }]
        at = end
      }
      return extents
    },

    xattrs: (path) => xattrs.read(cPath(path), path),
    fxattrs: (fd) => xattrs.read(fd, `fd ${fd}`),

    close,
    openDirectory: (path) => openOrThrow(AT_FDCWD, path, OPEN_DIRECTORY, 0),
    closeDirectory: close,
    enterAt: (dir, name) => openOrThrow(dir, name, OPEN_DIRECTORY | O_NOFOLLOW, 0),
    parentOf: (dir) => openOrThrow(dir, '..', OPEN_DIRECTORY | O_NOFOLLOW, 0),

    pathOf: (dir) => readlink(AT_FDCWD, `/proc/self/fd/${dir}`),
    mountOf: mountOfDescriptor,

    listAt(dir) {
      check(libc.lseek(dir, 0, 0), 'lseek', '.')
      return listDescriptor(dir, '.')
    },

    lstatAt: (dir, name) => stat(dir, name, AT_SYMLINK_NOFOLLOW),
    openAt: (dir, name, flags, mode) => openOrThrow(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode),
    mkdirAt: (dir, name, mode) => check(libc.mkdirat(dir, cPath(name), mode), 'mkdir', name),
    unlinkAt: (dir, name) => check(libc.unlinkat(dir, cPath(name), 0), 'unlink', name),
    rmdirAt: (dir, name) => check(libc.unlinkat(dir, cPath(name), AT_REMOVEDIR), 'rmdir', name),
    renameAt: (dir, from, to) => check(libc.renameat(dir, cPath(from), dir, cPath(to)), 'rename', from),
    linkAt: (from, existing, to, name) =>
      check(libc.linkat(from, cPath(existing), to, cPath(name), 0), 'link', existing),
    symlinkAt: (target, dir, name) => check(libc.symlinkat(cPath(target), dir, cPath(name)), 'symlink', name),

    readlinkAt: readlink,

    mknodAt(dir, name, type, mode, major, minor) {
      if (major > DEVICE_MAJOR_MAX || minor > DEVICE_MINOR_MAX) throw systemError(EINVAL, 'mknod', name)
      // `makedev`: minor bits 0 to 7, major bits 8 to 19, the rest of minor from 20.
      const device = (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x10_0000
      check(libc.mknodat(dir, cPath(name), NODE_BITS[type] | mode, device), 'mknod', name)
    },

    fileEntry: (fd) => descriptorEntry(libc, xattrs, fstat, fd),
    directoryEntry: (dir) => descriptorEntry(libc, xattrs, fstat, dir),
    entryAt: (dir, name) => namedEntry(libc, xattrs, fstat, dir, name),
  }
}

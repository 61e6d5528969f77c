/**
 * `SystemCalls` with Node's `fs` alone, for where libc cannot be called: macOS, Windows, other processors. On Linux directories are
 * still descriptors (`/proc/self/fd/N/name`); elsewhere a handle stands for a path whose device and inode are compared
 * before every use, so that a directory swapped for a link is seen, short of a swap within the call itself.
 */
import fs, { constants } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { join } from 'node:path'
import { nameFromBytes, systemPath } from '../base/names.ts'
import { statFromNode } from './file-stat.ts'
import { mountOfDescriptor } from './mounts.ts'
import { createCheckedPaths, createDescriptorPaths } from './portable-directories.ts'
import type { OpenEntry, SystemCalls } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { ENOSYS } = osConstants.errno
const { O_RDONLY } = constants
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0
const OPEN_SOURCE = O_RDONLY | O_NOFOLLOW | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)
const REPLACEMENT = '\ufffd'

const LOSSES = [
  'modification times are kept to the microsecond',
  'extended attributes and access control lists are not kept',
  'holes in files are stored and restored as zeros',
  'FIFOs and device nodes are not restored',
]

const NO_XATTRS = {
  xattrs: () => [],
  hasXattr: () => false,
  setXattr: (name: string) => {
    throw systemError(ENOSYS, 'setxattr', name)
  },
  removeXattr: (name: string) => {
    throw systemError(ENOSYS, 'removexattr', name)
  },
}

export function createPortableCalls(anchored: boolean = hasDescriptorPaths()): SystemCalls {
  const directories = anchored ? createDescriptorPaths() : createCheckedPaths()

  const lstat = (path: string) => statFromNode(fs.lstatSync(systemPath(path), { bigint: true }))
  const fstat = (fd: number) => statFromNode(fs.fstatSync(fd, { bigint: true }))
  const at = (dir: number, name: string) => systemPath(directories.pathAt(dir, name))

  const readlink = (path: string | Buffer) => nameFromBytes(fs.readlinkSync(path, { encoding: 'buffer' }))

  function list(path: string | Buffer): string[] {
    const names = fs.readdirSync(path)
    if (!names.some((name) => name.includes(REPLACEMENT))) return names
    return fs.readdirSync(path, { encoding: 'buffer' }).map((name) => nameFromBytes(name))
  }

  /** The entry at a path that is computed for each call, so that the directory is checked each time. */
  function pathEntry(path: () => string | Buffer): OpenEntry {
    return {
      stat: () => statFromNode(fs.lstatSync(path(), { bigint: true })),
      chown: (uid, gid) => fs.lchownSync(path(), uid, gid),
      chmod(mode) {
        const place = path()
        if (fs.lstatSync(place).isSymbolicLink()) throw systemError(ENOSYS, 'chmod', String(place))
        fs.chmodSync(place, mode)
      },
      setMtime: (seconds, nanoseconds) =>
        fs.lutimesSync(path(), seconds + nanoseconds / 1e9, seconds + nanoseconds / 1e9),
      ...NO_XATTRS,
      [Symbol.dispose]() {},
    }
  }

  return {
    losses: anchored
      ? LOSSES
      : [...LOSSES, 'a restore is safe only where nobody else can write to the target meanwhile'],
    descriptorPaths: anchored,
    lstat,
    fstat,
    readlink: (path) => readlink(systemPath(path)),
    list: (path) => list(systemPath(path)),
    openSourceDirectory: (path) => ({
      stat: () => lstat(path),
      xattrs: () => [],
      list: () => list(systemPath(path)),
      lstat: (name) => lstat(join(path, name)),
      [Symbol.dispose]() {},
    }),
    openForReading: (path) => fs.openSync(systemPath(path), OPEN_SOURCE),
    dataExtents: (_fd, size) => (size > 0 ? [{ offset: 0, bytes: size }] : []),
    xattrs: () => [],
    fxattrs: () => [],

    close: (fd) => fs.closeSync(fd),
    openDirectory: (path) => directories.open(path),
    closeDirectory: (dir) => directories.close(dir),
    enterAt: (dir, name) => directories.enter(dir, name),
    parentOf: (dir) => directories.parent(dir),
    pathOf: (dir) => (anchored ? readlink(directories.pathOf(dir)) : directories.pathOf(dir)),
    mountOf: (dir) => (anchored ? mountOfDescriptor(dir) : undefined),
    listAt: (dir) => list(systemPath(directories.pathOf(dir))),
    lstatAt: (dir, name) => lstat(directories.pathAt(dir, name)),
    openAt: (dir, name, flags, mode) => fs.openSync(at(dir, name), flags | O_NOFOLLOW, mode),
    mkdirAt: (dir, name, mode) => {
      fs.mkdirSync(at(dir, name), { mode })
    },
    unlinkAt: (dir, name) => fs.unlinkSync(at(dir, name)),
    rmdirAt: (dir, name) => fs.rmdirSync(at(dir, name)),
    renameAt: (dir, from, to) => fs.renameSync(at(dir, from), at(dir, to)),
    linkAt(from, existing, to, name) {
      const place = at(from, existing)
      // `link` of other systems than Linux follows a symlink, so there a second name of one is a symlink of its own.
      const isLink = process.platform !== 'linux' && fs.lstatSync(place).isSymbolicLink()
      if (isLink) fs.symlinkSync(fs.readlinkSync(place, { encoding: 'buffer' }), at(to, name))
      else fs.linkSync(place, at(to, name))
    },
    symlinkAt: (target, dir, name) => fs.symlinkSync(systemPath(target), at(dir, name)),
    readlinkAt: (dir, name) => readlink(at(dir, name)),
    mknodAt: (_dir, name) => {
      throw systemError(ENOSYS, 'mknod', name)
    },

    fileEntry: (fd) => ({
      stat: () => fstat(fd),
      chown: (uid, gid) => fs.fchownSync(fd, uid, gid),
      chmod: (mode) => fs.fchmodSync(fd, mode),
      setMtime: (seconds, nanoseconds) =>
        fs.futimesSync(fd, seconds + nanoseconds / 1e9, seconds + nanoseconds / 1e9),
      ...NO_XATTRS,
      [Symbol.dispose]() {},
    }),
    directoryEntry: (dir) => pathEntry(() => systemPath(`${directories.pathOf(dir)}/.`)),
    entryAt: (dir, name) => pathEntry(() => at(dir, name)),
  }
}

function hasDescriptorPaths(): boolean {
  return process.platform === 'linux' && fs.existsSync('/proc/self/fd')
}

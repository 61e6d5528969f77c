/**
 * How a directory stays the same directory between two calls of Node's `fs`, which takes paths only: by a descriptor behind
 * `/proc`, or by comparing device and inode before every use.
 */
import fs, { constants } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { dirname, join } from 'node:path'
import { assert } from '../base/assert.ts'
import { systemPath } from '../base/names.ts'
import { systemError } from './system-error.ts'

const { ELOOP, ENOTDIR } = osConstants.errno

export type DirectoryPaths = {
  open(path: string): number
  enter(dir: number, name: string): number
  parent(dir: number): number
  close(dir: number): void
  /** A path that leads to the directory now. */
  pathOf(dir: number): string
  pathAt(dir: number, name: string): string
}

/** Handles are descriptors; the kernel holds the directory whatever becomes of its path. Linux. */
export function createDescriptorPaths(): DirectoryPaths {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY
  const pathOf = (dir: number) => `/proc/self/fd/${dir}`
  const pathAt = (dir: number, name: string) => `/proc/self/fd/${dir}/${name}`
  return {
    open: (path) => fs.openSync(systemPath(path), flags),
    enter: (dir, name) => fs.openSync(systemPath(pathAt(dir, name)), flags | constants.O_NOFOLLOW),
    parent: (dir) => fs.openSync(pathAt(dir, '..'), flags | constants.O_NOFOLLOW),
    close: (dir) => fs.closeSync(dir),
    pathOf,
    pathAt,
  }
}

/** Handles are numbers for paths with the identity of what was there when they were made. */
export function createCheckedPaths(): DirectoryPaths {
  const known = new Map<number, { path: string; device: bigint; inode: bigint }>()
  let next = 1

  function remember(path: string): number {
    const stat = fs.lstatSync(systemPath(path), { bigint: true })
    if (!stat.isDirectory()) throw systemError(stat.isSymbolicLink() ? ELOOP : ENOTDIR, 'open', path)
    known.set(next, { path, device: stat.dev, inode: stat.ino })
    return next++
  }

  function pathOf(dir: number): string {
    const directory = known.get(dir)
    assert(directory, 'a directory is used after it was closed')
    const stat = fs.lstatSync(systemPath(directory.path), { bigint: true })
    const same = stat.isDirectory() && stat.dev === directory.device && stat.ino === directory.inode
    if (!same) throw systemError(ELOOP, 'lstat', directory.path)
    return directory.path
  }

  return {
    open: (path) => remember(fs.realpathSync.native(path)),
    enter: (dir, name) => remember(join(pathOf(dir), name)),
    parent: (dir) => remember(dirname(pathOf(dir))),
    close: (dir) => {
      known.delete(dir)
    },
    pathOf,
    pathAt: (dir, name) => join(pathOf(dir), name),
  }
}

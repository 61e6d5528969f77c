/**
 * Removes what a name of an open directory stands for, directories with all that is in them. Holds two descriptors however deep the
 * tree is, follows no link, and enters no other file system.
 */

import { SnapError } from '../model/errors.ts'
import type { FileStat } from '../model/files.ts'
import type { DirectoryHandle, SystemCalls } from './system-calls.ts'
import { systemCode } from './system-error.ts'

const OWNER_ALL = 0o700

/** A directory that is being emptied. */
type Level = {
  readonly name: string
  readonly device: number
  readonly inode: number
  readonly names: string[]
}

/** `path` is for messages. Throws system errors, and `TARGET_UNSAFE` where the tree is moved about meanwhile. */
export function removeTree(calls: SystemCalls, parent: DirectoryHandle, name: string, path: string): void {
  if (unlinkUnlessDirectory(calls, parent, name)) return
  const device = deviceOf(calls, parent)
  const levels: Level[] = []
  let dir = parent

  const leave = (next: DirectoryHandle) => {
    const left = dir
    dir = next
    if (left !== parent) calls.closeDirectory(left)
  }

  const enter = (child: string) => {
    const before = calls.lstatAt(dir, child)
    const handle = calls.enterAt(dir, child)
    leave(handle)
    const stat = openUp(calls, dir, before)
    if (stat.device !== device) {
      throw new SnapError('TARGET_UNSAFE', `${path} holds another file system, which is not removed`)
    }
    levels.push({ name: child, device: stat.device, inode: stat.inode, names: calls.listAt(dir) })
  }

  try {
    enter(name)
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const child = level.names.pop()
      if (child !== undefined) {
        if (!unlinkUnlessDirectory(calls, dir, child)) enter(child)
        continue
      }
      levels.pop()
      const above = levels.at(-1)
      leave(above === undefined ? parent : calls.parentOf(dir))
      if (above !== undefined) expectSame(calls, dir, above, path)
      calls.rmdirAt(dir, level.name)
    }
  } finally {
    leave(parent)
  }
}

/** Removes a file, or a directory that is empty: never what is in one. Throws system errors. */
export function removeOne(calls: SystemCalls, parent: DirectoryHandle, name: string): void {
  if (!unlinkUnlessDirectory(calls, parent, name)) calls.rmdirAt(parent, name)
}

/** Device that an open directory is on. */
export function deviceOf(calls: SystemCalls, dir: DirectoryHandle): number {
  using entry = calls.directoryEntry(dir)
  return entry.stat().device
}

/** False where `name` is a directory. */
function unlinkUnlessDirectory(calls: SystemCalls, dir: DirectoryHandle, name: string): boolean {
  try {
    calls.unlinkAt(dir, name)
    return true
  } catch (error) {
    // Linux says EISDIR, POSIX EPERM.
    const code = systemCode(error)
    if ((code === 'EISDIR' || code === 'EPERM') && calls.lstatAt(dir, name).type === 'dir') return false
    throw error
  }
}

/** A normal user empties only directories that are writable. */
function openUp(calls: SystemCalls, dir: DirectoryHandle, before: FileStat): FileStat {
  using entry = calls.directoryEntry(dir)
  if ((before.mode & OWNER_ALL) !== OWNER_ALL && process.geteuid?.() !== 0)
    entry.chmod(before.mode | OWNER_ALL)
  return entry.stat()
}

function expectSame(calls: SystemCalls, dir: DirectoryHandle, level: Level, path: string): void {
  using entry = calls.directoryEntry(dir)
  const stat = entry.stat()
  if (stat.inode !== level.inode || stat.device !== level.device) {
    throw new SnapError('TARGET_UNSAFE', `${path} is being changed by somebody else while it is removed`)
  }
}

/**
 * Removes what a name of an open directory stands for, directories with all that is in them. Holds two descriptors however deep the
 * tree is, follows no link, and enters nothing that is mounted.
 */
import { join } from 'node:path'
import { SnapError } from '../model/errors.ts'
import type { FileStat } from '../model/files.ts'
import { mountsBelow } from './mounts.ts'
import type { DirectoryHandle, SystemCalls } from './system-calls.ts'
import { systemCode } from './system-error.ts'

const OWNER_ALL = 0o700
const UNMOUNT = 'Unmount it: what is behind a mount may be in use elsewhere, and is never removed.'

/** A directory that is being emptied. */
type Level = {
  readonly name: string
  readonly device: number
  readonly inode: number
  readonly names: string[]
}

/**
 * `path` is for messages. Throws system errors, and `TARGET_UNSAFE` where something is mounted in the tree, of which nothing is removed
 * then, or where it is moved about meanwhile.
 */
export function removeTree(calls: SystemCalls, parent: DirectoryHandle, name: string, path: string): void {
  if (unlinkUnlessDirectory(calls, parent, name)) return
  refuseMounts(calls, parent, name, path)
  const device = deviceOf(calls, parent)
  // The table was read once; what is mounted meanwhile is seen by the number of the mount, which the open directory itself has.
  const mount = calls.mountOf(parent)
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
    if (stat.device !== device || calls.mountOf(dir) !== mount) {
      throw new SnapError('TARGET_UNSAFE', `${path} holds another file system, which is not removed`, {
        hint: UNMOUNT,
      })
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
      if (above !== undefined) expectSame(calls, dir, above, path, mount)
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

/** A directory that is mounted from the same file system has the same device: before anything is gone, only the table of mounts tells it. */
function refuseMounts(calls: SystemCalls, parent: DirectoryHandle, name: string, path: string): void {
  const [mounted] = mountsIn(calls, parent, name)
  if (mounted === undefined) return
  throw new SnapError(
    'TARGET_UNSAFE',
    `${path} is not removed: something is mounted at ${mounted}, which is to be unmounted first`,
    { hint: UNMOUNT },
  )
}

function mountsIn(calls: SystemCalls, parent: DirectoryHandle, name: string): string[] {
  try {
    return mountsBelow(join(calls.pathOf(parent), name))
  } catch (error) {
    const code = systemCode(error)
    // Deeper than a path can say, or without `/proc`: the number of each directory's mount is left.
    if (code === 'ENAMETOOLONG' || code === 'ENOENT') return []
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

function expectSame(
  calls: SystemCalls,
  dir: DirectoryHandle,
  level: Level,
  path: string,
  mount: number | undefined,
): void {
  using entry = calls.directoryEntry(dir)
  const stat = entry.stat()
  const isSame = stat.inode === level.inode && stat.device === level.device && calls.mountOf(dir) === mount
  if (!isSame) {
    throw new SnapError('TARGET_UNSAFE', `${path} is being changed by somebody else while it is removed`)
  }
}

/**
 * `SourceFiles` for the file systems of this machine. Reads and never changes anything, access times included where the
 * system allows.
 */
import { readSync } from 'node:fs'
import type { SourceFiles } from '../model/files.ts'
import { createOwnerNames } from './owner-names.ts'
import { type SystemCalls, systemCalls } from './system-calls.ts'
import { systemCode } from './system-error.ts'

/** Bytes of a path that the kernel takes at once, with room for what stands in for the front of a longer one. */
const PATH_PART_LENGTH = 1_000

/** One for each thread. `calls` is what this platform offers best where it is not given. */
export function createSourceFiles(calls: SystemCalls = systemCalls()): SourceFiles {
  /** Calls with the path; where that is too long for the kernel, by way of a directory near its end. */
  function reach<T>(path: string, call: (path: string) => T): T {
    try {
      return call(path)
    } catch (error) {
      if (systemCode(error) !== 'ENAMETOOLONG') throw error
      return withParent(calls, path, error, (dir, name) => call(`/proc/self/fd/${dir}/${name}`))
    }
  }

  return {
    lstat: (path) => reach(path, calls.lstat),
    list: (path) => reach(path, calls.list),
    openDirectory: (path) => reach(path, calls.openSourceDirectory),
    readlink: (path) => reach(path, (short) => calls.readlink(short)),
    open: (path) => reach(path, calls.openForReading),
    fstat: calls.fstat,
    read: (fd, into, at, bytes, position) => readSync(fd, into, at, bytes, position),
    dataExtents: calls.dataExtents,
    close: calls.close,
    xattrs: (path) => reach(path, calls.xattrs),
    fxattrs: calls.fxattrs,
    userName: createOwnerNames('/etc/passwd'),
    groupName: createOwnerNames('/etc/group'),
  }
}

/**
 * Opens the parent of `path` in parts that the kernel takes. `error` is thrown again where a single name is what is too
 * long, or where a descriptor is no way to a path.
 */
function withParent<T>(
  calls: SystemCalls,
  path: string,
  error: unknown,
  call: (dir: number, name: string) => T,
): T {
  const names = path.split('/')
  const name = names.pop() ?? ''
  if (!calls.descriptorPaths || path.length <= PATH_PART_LENGTH || !path.startsWith('/')) throw error
  let dir = calls.openDirectory('/')
  try {
    for (let from = 0; from < names.length; ) {
      let part = '.'
      while (from < names.length && part.length < PATH_PART_LENGTH) part += `/${names[from++]}`
      const next = calls.openDirectory(`/proc/self/fd/${dir}/${part}`)
      calls.closeDirectory(dir)
      dir = next
    }
    return call(dir, name)
  } catch (failed) {
    if (systemCode(failed) !== '') Object.assign(failed as object, { path })
    throw failed
  } finally {
    calls.closeDirectory(dir)
  }
}

/**
 * `TargetFiles` for the file systems of this machine: where restored files are written.
 */
import { ftruncateSync, readSync, writeSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { makeDirectory } from '../base/make-directory.ts'
import type { TargetDirectory, TargetFiles, TargetMeta } from '../model/files.ts'
import { type SystemCalls, systemCalls } from './system-calls.ts'
import { systemCode } from './system-error.ts'
import { OpenDirectory, type OpenFile, type TargetContext } from './target-directory.ts'
import { targetError } from './target-error.ts'
import { applyMeta } from './target-metadata.ts'

/** For the target itself and for parents of it that are missing. */
const TARGET_MODE = 0o700
const PARENT_MODE = 0o755

/** One for each thread. `calls` is what this platform offers best where it is not given. */
export function createTargetFiles(calls: SystemCalls = systemCalls()): TargetFiles {
  const files = new Map<number, OpenFile>()
  const context: TargetContext = { calls, files }

  function onFile<T>(fd: number, act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw targetError(error, files.get(fd)?.path ?? `descriptor ${fd}`)
    }
  }

  return {
    openRoot: (path) => openRoot(context, resolve(path)),
    openExisting: (path) => openExisting(context, resolve(path)),

    write(fd, bytes, position) {
      onFile(fd, () => {
        for (let done = 0; done < bytes.length; ) {
          done += writeSync(fd, bytes, done, bytes.length - done, position + done)
        }
      })
    },

    read: (fd, into, at, bytes, position) => onFile(fd, () => readSync(fd, into, at, bytes, position)),
    dataExtents: (fd, size) => onFile(fd, () => calls.dataExtents(fd, size)),
    truncate: (fd, size) => onFile(fd, () => ftruncateSync(fd, size)),
    setFileMeta: (fd, meta) => onFile(fd, () => setFileMeta(context, fd, meta)),

    close(fd) {
      const path = files.get(fd)?.path
      files.delete(fd)
      try {
        calls.close(fd)
      } catch (error) {
        throw targetError(error, path ?? `descriptor ${fd}`)
      }
    },
  }
}

function setFileMeta({ calls, files }: TargetContext, fd: number, meta: TargetMeta): string[] {
  const file = files.get(fd)
  using entry = calls.fileEntry(fd)
  const present = file?.present ?? { ...entry.stat(), fresh: false, inheritsAcl: false }
  // Once its metadata is set, what it has is no longer what it was created with.
  if (file?.present !== undefined) files.set(fd, { path: file.path, present: undefined })
  return applyMeta(entry, 'file', meta, present)
}

function openRoot(context: TargetContext, path: string): TargetDirectory {
  try {
    makeTarget(path)
    return openDirectory(context, path)
  } catch (error) {
    throw targetError(error, path)
  }
}

/** Of what exists and is no directory, opening it tells. */
function makeTarget(path: string): void {
  try {
    makeDirectory(dirname(path), PARENT_MODE)
    makeDirectory(path, TARGET_MODE)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
}

function openExisting(context: TargetContext, path: string): TargetDirectory | undefined {
  try {
    return openDirectory(context, path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw targetError(error, path)
  }
}

function openDirectory(context: TargetContext, path: string): TargetDirectory {
  const handle = context.calls.openDirectory(path)
  try {
    return new OpenDirectory(context, handle, path, false)
  } catch (error) {
    context.calls.closeDirectory(handle)
    throw error
  }
}

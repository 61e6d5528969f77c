/**
 * Paths that a user names, as absolute ones. Node gives the working directory as UTF-8, with loss where it is not: written
 * to, that would be another directory. Here its name is as it is (`base/names.ts`).
 */
import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { cwd, platform } from 'node:process'
import { isWellFormed, nameFromBytes, systemPath } from '../base/names.ts'
import { SnapError } from '../model/errors.ts'

const REPLACEMENT = '\ufffd'
const BYTES = { encoding: 'buffer' } as const

export function absolutePath(path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(workingDirectory(), path)
}

/** As `absolutePath`, for what SQLite or the storage opens. `USAGE` where it is not UTF-8; `what` is said of it. */
export function unicodePath(path: string, what: string): string {
  const absolute = absolutePath(path)
  if (isWellFormed(absolute)) return absolute
  throw new SnapError('USAGE', `the path of ${what} is not UTF-8: ${absolute}`, {
    hint: 'Sources and targets may have any name, but not this: choose another place for it.',
  })
}

/** `path` without links; itself where it cannot be followed. */
export function realPath(path: string): string {
  try {
    return nameFromBytes(realpathSync.native(systemPath(path), BYTES))
  } catch {
    return path
  }
}

/** As a backup names a source: absolute, without links on the way to it. What the path itself names may be a link. */
export function sourcePath(path: string): string {
  const absolute = absolutePath(path)
  return join(realPath(dirname(absolute)), basename(absolute))
}

function workingDirectory(): string {
  const directory = cwd()
  if (platform !== 'linux' || !directory.includes(REPLACEMENT)) return directory
  try {
    return nameFromBytes(readlinkSync('/proc/self/cwd', BYTES))
  } catch (cause) {
    throw new SnapError('PLATFORM_LACKS', 'the name of the working directory cannot be read', {
      hint: 'It is not UTF-8. Mount /proc, or give absolute paths.',
      cause,
    })
  }
}

/**
 * The directory that a drill restores into: a new one for each run, readable by this user alone, and gone with all in it at the end. It
 * knows nothing of what is restored.
 */
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeDirectory } from '../../base/make-directory.ts'
import { systemPath } from '../../base/names.ts'
import { humanBytes } from '../../base/sizes.ts'
import { realPath } from '../../filesystem/absolute-path.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { createTargetFiles } from '../../filesystem/target-files.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import { RUN_ID } from '../runs/run-id.ts'
import { diskOf } from '../status/look-at.ts'

const MODE = 0o700
const PREFIX = 'snap-drill-'
/** Beside the bytes of files: directories, and what each file takes beyond its bytes. */
const ROOM_SHARE = 1.02

/**
 * Where the directory of a run goes. `into` is made where it is missing. `TARGET_UNWRITABLE` where that cannot be; `USAGE` where it lies in
 * one of `own`, in which nothing is made.
 */
export function scratchPath(into: string, drill: string, run: string, own: ReadonlySet<string>): string {
  refuseInside(own, into, realPlace(into))
  try {
    makeDirectory(into, MODE)
  } catch (cause) {
    throw unwritable(into, cause)
  }
  const real = realPath(into)
  // A link may have come meanwhile.
  refuseInside(own, into, real)
  return join(real, `${PREFIX}${drill}-${run}`)
}

/** Where `path` is, or where it would be made. */
function realPlace(path: string): string {
  const parent = dirname(path)
  if (parent === path || existsSync(systemPath(path))) return realPath(path)
  return join(realPlace(parent), basename(path))
}

function refuseInside(own: ReadonlySet<string>, into: string, real: string): void {
  const inside = [...own].find((path) => real === path || real.startsWith(`${path}/`))
  if (inside !== undefined)
    throw new SnapError('USAGE', `${into} lies in ${inside}, which is the repository or its cache`, {
      hint: 'Name another directory with `into`.',
    })
}

/** It must not be there. */
export function makeScratch(path: string): void {
  try {
    mkdirSync(systemPath(path), { mode: MODE })
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

/** With all in it; nothing behind a link or a mount. `TARGET_UNSAFE`, `TARGET_UNWRITABLE` and the like where something stays. */
export function removeScratch(path: string): void {
  if (!isThere(path)) return
  using parent = createTargetFiles().openExisting(dirname(path))
  parent?.remove(basename(path))
}

/** Whether it is one that a run of the drill has made, of which nobody else knows any more. */
export function isScratchOf(drill: string, path: string): boolean {
  const name = basename(path)
  const start = `${PREFIX}${drill}-`
  const isOurs = name.startsWith(start) && RUN_ID.test(name.slice(start.length))
  return isOurs && lstatSync(systemPath(path), { throwIfNoEntry: false })?.isDirectory() === true
}

/** Also where it cannot be looked at. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(systemPath(path), { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

/** `TARGET_FULL` where the file system at `directory` has less room than `bytes` of files take. */
export async function requireRoom(directory: string, bytes: number): Promise<void> {
  const disk = await diskOf(directory)
  if (disk === undefined || disk.free >= bytes * ROOM_SHARE) return
  throw new SnapError(
    'TARGET_FULL',
    `there is no room for the drill at ${directory}: it takes ${humanBytes(bytes)}, and ${humanBytes(disk.free)} are free`,
    { hint: 'Nothing was restored. Free some space, name another disk with `into`, or drill less of it.' },
  )
}

const unwritable = (path: string, cause: unknown): SnapError =>
  new SnapError(
    'TARGET_UNWRITABLE',
    `${path} cannot be made: ${codeInWords(systemCode(cause)) || messageOf(cause)}`,
    { hint: 'Name another directory with `into`.', cause },
  )

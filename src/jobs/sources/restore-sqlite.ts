/**
 * Puts a SQLite database back: written beside it, checked, and swapped in one step. What stood there is kept under another name.
 * It knows no repository.
 */
import {
  createWriteStream,
  existsSync,
  linkSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { systemPath } from '../../base/names.ts'
import { realPath } from '../../filesystem/absolute-path.ts'
import { SnapError } from '../../model/errors.ts'
import { checkpointDatabase, type DatabaseFacts, inspectDatabase } from '../../sqlite/online-copy.ts'

export type RestoreSqliteRequest = {
  /** Absolute. */
  readonly path: string
  readonly bytes: AsyncIterable<Uint8Array>
  /** Part of the names of temporary and former files. */
  readonly stamp: string
  /** Although another process has it open. */
  readonly evenInUse: boolean
  /** Although the copy fails its check. */
  readonly evenDamaged: boolean
}

export type RestoredSqlite = {
  readonly facts: DatabaseFacts
  /** Where what stood there is now. */
  readonly former: string | undefined
}

/** What SQLite keeps beside a database. */
const BESIDE = ['-wal', '-shm', '-journal']

/**
 * `TARGET_OCCUPIED` where another process has the database open, `OBJECT_DAMAGED` where the copy is not whole; what stands there stays
 * as it is then. Who has it open under `evenInUse` goes on with the former file.
 */
export async function restoreSqlite(request: RestoreSqliteRequest): Promise<RestoredSqlite> {
  const { bytes, stamp, evenInUse, evenDamaged } = request
  // What a link leads to is replaced, not the link; and it is by that name that the system tells who has it open.
  const path = realPath(request.path)
  if (!evenInUse) refuseInUse(path)
  const fresh = `${path}.restored-${stamp}`
  try {
    await writeDurably(fresh, bytes, path)
    const facts = inspectDatabase(fresh)
    for (const suffix of BESIDE) rmSync(systemPath(`${fresh}${suffix}`), { force: true })
    if (facts.findings.length > 0 && !evenDamaged) {
      throw new SnapError('OBJECT_DAMAGED', `the copy of ${path} fails its check: ${facts.findings[0]}`, {
        hint: 'What is there was left as it is. Choose an older snapshot, or take it all the same with --even-damaged.',
      })
    }
    if (!evenInUse) refuseInUse(path)
    const former = setAside(path, stamp)
    renameSync(systemPath(fresh), systemPath(path))
    await syncDirectory(dirname(path))
    return { facts, former }
  } finally {
    rmSync(systemPath(fresh), { force: true })
  }
}

/** With the mode of what it replaces, else for its owner alone. */
async function writeDurably(to: string, bytes: AsyncIterable<Uint8Array>, replaced: string): Promise<void> {
  const mode = existsSync(systemPath(replaced)) ? statSync(systemPath(replaced)).mode & 0o777 : 0o600
  await pipeline(Readable.from(bytes), createWriteStream(systemPath(to), { flags: 'wx', mode, flush: true }))
}

/**
 * The former database with all that belongs to it: its log is brought in first, so that the one file is whole. Its own name stays until
 * the new one takes it: a machine that stops in between has a database.
 */
function setAside(path: string, stamp: string): string | undefined {
  if (!existsSync(systemPath(path))) {
    for (const suffix of BESIDE) moveAside(path, suffix, stamp)
    return undefined
  }
  checkpointDatabase(path)
  // A log that stayed belongs to the former database: beside the new one it would spoil that.
  for (const suffix of BESIDE) moveAside(path, suffix, stamp)
  const former = `${path}.before-${stamp}`
  try {
    linkSync(systemPath(path), systemPath(former))
    return former
  } catch {
    // On a file system without hard links.
    return moveAside(path, '', stamp)
  }
}

function moveAside(path: string, suffix: string, stamp: string): string | undefined {
  const former = `${path}.before-${stamp}`
  if (!existsSync(systemPath(`${path}${suffix}`))) return undefined
  renameSync(systemPath(`${path}${suffix}`), systemPath(`${former}${suffix}`))
  return former
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await using directory = await open(systemPath(path), 'r')
  await directory.sync()
}

function refuseInUse(path: string): void {
  const pid = openIn(path)
  if (pid === undefined) return
  throw new SnapError('TARGET_OCCUPIED', `${path} is open in process ${pid}`, {
    hint: 'End it first; with --even-in-use it goes on with the former file, which is kept under another name.',
  })
}

/** A process that has the database or what lies beside it open, as far as this user can see; Linux tells. */
function openIn(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined
  const wanted = new Set(['', ...BESIDE].map((suffix) => `${path}${suffix}`))
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    if (openFilesOf(pid).some((file) => wanted.has(file))) return pid
  }
  return undefined
}

function openFilesOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`
  try {
    return readdirSync(directory).flatMap((fd) => {
      try {
        return readlinkSync(join(directory, fd))
      } catch {
        return []
      }
    })
  } catch {
    return [] // it has ended, or is another user's
  }
}

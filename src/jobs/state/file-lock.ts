/**
 * A lock on a file, which is SQLite's: the system gives it up with the process that holds it, however that ends, and whichever container
 * or user looks. Nobody else may open the file: a process that closes it anywhere loses its lock.
 */
import { closeSync, existsSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory } from '../../base/make-directory.ts'
import { Sqlite } from '../../sqlite/database.ts'
import { kept } from '../../sqlite/kept-alive.ts'

export type FileLock = Disposable

/** Who only looks holds it for a moment too, which is not to be taken for a holder. ms */
const LOOKING_MS = 2_000
const TRY_MS = 50

/** `undefined` where somebody holds it. Makes the file (0600) and its directory (0700) where they are missing. Errors are the system's and SQLite's. */
export function takeFileLock(path: string): FileLock | undefined {
  makePrivateFile(path)
  for (let waited = 0; ; waited += TRY_MS) {
    const lock = waitForFileLock(path, TRY_MS)
    if (lock !== undefined || waited >= LOOKING_MS || isFileLocked(path)) return lock
  }
}

/** As `takeFileLock`, after so long at most: nothing else is done meanwhile. */
export function waitForFileLock(path: string, ms: number): FileLock | undefined {
  makePrivateFile(path)
  const database = kept(new Sqlite(path, { fileMustExist: true, timeout: ms }))
  try {
    database.exec('BEGIN EXCLUSIVE')
    return { [Symbol.dispose]: () => database.close() }
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

/** Writes nothing; who looks keeps nobody else from looking. */
export function isFileLocked(path: string): boolean {
  if (!existsSync(path)) return false
  const database = kept(new Sqlite(path, { fileMustExist: true, readonly: true, timeout: 0 }))
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    return false
  } catch (error) {
    if (isBusy(error)) return true
    throw error
  } finally {
    database.close()
  }
}

/** Not by opening it where it is there: closing it again would give up a lock that this process has on it. */
export function makePrivateFile(path: string): void {
  makeDirectory(dirname(path), 0o700)
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')

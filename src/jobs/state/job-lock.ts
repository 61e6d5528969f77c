/**
 * One run of a job at a time. The lock is SQLite's on a file of the job's: the system gives it up with the process that holds it, however
 * that ends, and whichever container or user looks.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from '../../base/make-directory.ts'
import { Sqlite } from '../../sqlite/database.ts'
import { kept } from '../../sqlite/kept-alive.ts'

/** Who only looks whether it is held holds it for a moment too. ms */
const LOOKING_MS = 2_000
const NAME_CHARS = 32

export type JobLock = Disposable

/** `undefined` where another run holds it. `config` and `job` say whose it is. Errors are the system's and SQLite's. */
export function takeLock(directory: string, config: string, job: string): JobLock | undefined {
  return take(lockFile(directory, config, job), LOOKING_MS)
}

export function isLocked(directory: string, config: string, job: string): boolean {
  const lock = take(lockFile(directory, config, job), 0)
  lock?.[Symbol.dispose]()
  return lock === undefined
}

function take(path: string, timeout: number): JobLock | undefined {
  closeSync(openSync(path, 'a', 0o600))
  const database = kept(new Sqlite(path, { fileMustExist: true, timeout }))
  try {
    database.exec('BEGIN EXCLUSIVE')
    return { [Symbol.dispose]: () => database.close() }
  } catch (error) {
    database.close()
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined
    throw error
  }
}

function lockFile(directory: string, config: string, job: string): string {
  const name = createHash('sha256').update(`${config}\0${job}`).digest('hex').slice(0, NAME_CHARS)
  const locks = join(directory, 'locks')
  makeDirectory(locks, 0o700)
  return join(locks, `${name}.lock`)
}

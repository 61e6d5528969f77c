/** The SQLite file with what this machine remembers of runs: opened, brought up to date, and its errors in our words. No other file is meant. */
import { readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { messageOf, SnapError } from '../../model/errors.ts'
import { Sqlite } from '../../sqlite/database.ts'
import { kept } from '../../sqlite/kept-alive.ts'
import { makePrivateFile, waitForFileLock } from './file-lock.ts'

const BUSY_TIMEOUT_MS = 20_000
/** "snst" in ASCII. */
const APPLICATION_ID = 0x736e7374

/** An append-only list: one that was released is never edited. */
const MIGRATIONS: readonly string[] = [
  `
  -- Numbered in the order in which they began: a clock may have been wrong.
  CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, config TEXT NOT NULL, job TEXT NOT NULL,
    repository TEXT NOT NULL, trigger TEXT NOT NULL, due_ms INTEGER, started_ms INTEGER NOT NULL, ended_ms INTEGER,
    pid INTEGER NOT NULL, outcome TEXT, code TEXT, message TEXT, snapshot TEXT, bytes_read INTEGER, bytes_added INTEGER,
    log TEXT);
  CREATE INDEX runs_by_job ON runs (config, job);
  CREATE INDEX good_runs ON runs (config, job) WHERE outcome = 'ok';
  CREATE INDEX open_runs ON runs (config, job) WHERE outcome IS NULL;
  CREATE TABLE remembered (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE sizes (
    repository TEXT NOT NULL, day INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (repository, day)) WITHOUT ROWID;
  `,
  `
  ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'backup';
  `,
]

export type Database = Sqlite.Database

/** Which file lies at a path: another has another one. */
export type FileId = string

/** `undefined` where there is none, or nobody can say. */
export function fileIdOf(path: string): FileId | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/**
 * Makes the file (0600) and its directory (0700) where they are missing. One that is damaged is set aside under another name, and a new
 * one begins: what is lost is history. `STATE_FAILED` where it cannot be used.
 */
export function openStateDatabase(path: string, stamp: string): Database {
  try {
    makePrivateFile(path)
    return opened(path)
  } catch (error) {
    if (!isDamaged(error)) throw stateError(path, error)
  }
  try {
    setAsideDamaged(path, stamp)
    makePrivateFile(path)
    return opened(path)
  } catch (error) {
    throw stateError(path, error)
  }
}

/** A file that is found to be damaged gets another name, in which `stamp` stands; one by one, so that nobody takes away the new one of another. Errors are the system's and SQLite's. */
export function setAsideDamaged(path: string, stamp: string): void {
  using lock = waitForFileLock(`${path}.aside.lock`, BUSY_TIMEOUT_MS)
  if (lock === undefined || !isFoundDamaged(path)) return
  renameSync(path, `${path}.damaged-${stamp}`)
  // What was to be undone in the old one is nothing of a new one.
  rmSync(`${path}-journal`, { force: true })
}

function isFoundDamaged(path: string): boolean {
  try {
    const database = kept(new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS }))
    try {
      return database.pragma('integrity_check(1)', { simple: true }) !== 'ok'
    } finally {
      database.close()
    }
  } catch (error) {
    if (isDamaged(error)) return true
    throw error
  }
}

function opened(path: string): Database {
  const database = kept(new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS }))
  try {
    // One small file, on whatever file system: nobody reads it so often that a write-ahead log would pay.
    database.pragma('journal_mode = TRUNCATE')
    // What is up to date is not written to: on a full disk, and on one that is read-only, it can be read still.
    if (!isUpToDate(database)) database.transaction(() => migrate(database, path)).immediate()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A copy of what lies at `path`, as far as it can be read, that nobody else sees and that goes with the process. */
export function inMemory(path: string): Database {
  try {
    return migrated(kept(new Sqlite(readFileSync(path))), path)
  } catch {
    return migrated(kept(new Sqlite(':memory:')), path)
  }
}

/** As `inMemory`, of one that is open. */
export function copyInMemory(database: Database, path: string): Database {
  return migrated(kept(new Sqlite(database.serialize())), path)
}

function migrated(database: Database, path: string): Database {
  try {
    database.transaction(() => migrate(database, path))()
    database.prepare('SELECT count(*) FROM runs').get()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** `STATE_FAILED` where nothing can be written. Nothing stays of it, and nothing is made durable. */
export function tryToWrite(database: Database, path: string): void {
  try {
    database.exec('BEGIN IMMEDIATE')
    try {
      database.prepare('INSERT OR REPLACE INTO remembered (name, value) VALUES (?, ?)').run('written', '0')
    } finally {
      if (database.inTransaction) database.exec('ROLLBACK')
    }
  } catch (error) {
    throw stateError(path, error)
  }
}

const numberIn = (database: Database, pragma: string): number =>
  Number(database.pragma(pragma, { simple: true }))

const isUpToDate = (database: Database): boolean =>
  numberIn(database, 'application_id') === APPLICATION_ID &&
  numberIn(database, 'user_version') === MIGRATIONS.length

function migrate(database: Database, path: string): void {
  const version = numberIn(database, 'user_version')
  const isOurs = numberIn(database, 'application_id') === APPLICATION_ID
  const objects = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get())
  if (!isOurs && (version !== 0 || objects !== 0))
    throw new SnapError('STATE_FAILED', `${path} is a database of another program`, {
      hint: 'Name another directory with SNAP_STATE_DIR.',
    })
  if (version > MIGRATIONS.length)
    throw new SnapError('STATE_FAILED', `${path} was written by a newer version of snap`, {
      hint: 'Use that version, or name another directory with SNAP_STATE_DIR.',
    })
  for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
  database.pragma(`application_id = ${APPLICATION_ID}`)
  database.pragma(`user_version = ${MIGRATIONS.length}`)
}

export const isDamaged = (error: unknown): boolean =>
  error instanceof Sqlite.SqliteError && /^SQLITE_(?:NOTADB|CORRUPT)/.test(error.code)

/** What the system and SQLite say, as `STATE_FAILED`; our own mistakes as they are. */
export function stateError(path: string, cause: unknown): unknown {
  if (cause instanceof SnapError) return cause
  const isTheirs = cause instanceof Sqlite.SqliteError || (cause instanceof Error && 'code' in cause)
  if (!isTheirs) return cause
  if (isDamaged(cause))
    return new SnapError('STATE_FAILED', `the history of runs at ${path} is damaged`, {
      hint: 'It is set aside, beside its place; the next command begins a new one.',
      cause,
    })
  return new SnapError('STATE_FAILED', `the history of runs cannot be kept at ${path}: ${messageOf(cause)}`, {
    hint: 'Check that you may write there and that the disk is not full, or name another directory with SNAP_STATE_DIR.',
    cause,
  })
}

/**
 * A consistent copy of a SQLite database while others write to it, page by page: what did not change lies where it lay, so that
 * the next copy shares nearly all of its chunks. And what can be said of a database. Knows nothing of backups.
 */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { Sqlite } from './database.ts'
import { kept } from './kept-alive.ts'

/** Pages copied before others get their turn: some milliseconds. */
const PAGES_AT_ONCE = 1_000
/** Waiting for those who write, for the moment in which the copy begins. ms */
const BUSY_TIMEOUT_MS = 60_000
/** Findings of an integrity check that are told. */
const FINDINGS_MAX = 10

/**
 * Copies the database at `from`, with what lies in its write-ahead log, to the file `to`, which is made. The copy holds the state of one
 * moment: a read transaction is open from the first page to the last. In WAL mode nobody waits for it; in the others who commits
 * does. Errors are SQLite's.
 */
export async function copyDatabase(from: string, to: string, signal: AbortSignal): Promise<void> {
  refuseNoFile(from)
  const source = kept(new Sqlite(from, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS }))
  try {
    source.exec('BEGIN')
    // A transaction begins with the first that is read: from here on, `backup` copies what it sees.
    source.prepare('SELECT count(*) FROM sqlite_schema').get()
    await source.backup(to, {
      progress: () => {
        signal.throwIfAborted()
        return PAGES_AT_ONCE
      },
    })
  } finally {
    source.close()
  }
}

export type DatabaseFacts = {
  /** Bytes. */
  readonly pageSize: number
  readonly pages: number
  readonly userVersion: number
  /** SHA-256 of the schema's statements, in hex. */
  readonly schema: string
  /** What `PRAGMA integrity_check` finds; nothing where all is well. */
  readonly findings: readonly string[]
  /** By table, in the order of their names; none that cannot be counted. */
  readonly rows: Readonly<Record<string, number>>
}

/** Reads all of the database at `path`, which others may use meanwhile. Of one that is too damaged to be asked only findings are known. */
export function inspectDatabase(path: string): DatabaseFacts {
  refuseNoFile(path)
  const database = kept(new Sqlite(path, { readonly: true, fileMustExist: true }))
  try {
    const number = (pragma: string): number => Number(database.pragma(pragma, { simple: true }))
    return {
      pageSize: number('page_size'),
      pages: number('page_count'),
      userVersion: number('user_version'),
      schema: schemaOf(database),
      findings: findingsIn(database),
      rows: rowsOf(database),
    }
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError)) throw error
    return { ...UNKNOWN, findings: [error.message] }
  } finally {
    database.close()
  }
}

/** SQLite would wait in a pipe for ever. What is not there it says itself. */
function refuseNoFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile()) throw new Error('it is no file')
}

const UNKNOWN = { pageSize: 0, pages: 0, userVersion: 0, schema: '', rows: {} } as const

function findingsIn(database: Sqlite.Database): string[] {
  const found = database.prepare(`PRAGMA integrity_check(${FINDINGS_MAX})`).pluck().all().map(String)
  return found.length === 1 && found[0] === 'ok' ? [] : found
}

function schemaOf(database: Sqlite.Database): string {
  const statements = database.prepare('SELECT sql FROM sqlite_schema ORDER BY type, name').pluck().all()
  return createHash('sha256').update(JSON.stringify(statements)).digest('hex')
}

function rowsOf(database: Sqlite.Database): Record<string, number> {
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .pluck()
    .all()
    .map(String)
  const rows: [string, number][] = []
  for (const table of tables) {
    try {
      const count = database
        .prepare(`SELECT count(*) FROM "${table.replaceAll('"', '""')}"`)
        .pluck()
        .get()
      rows.push([table, Number(count)])
    } catch {
      // Of a virtual table whose module is not here, or a damaged one; the check has told of the latter.
    }
  }
  return Object.fromEntries(rows)
}

/** Brings what lies in the write-ahead log of the database at `path` into its file, where it can: nobody else may use it. */
export function checkpointDatabase(path: string): void {
  try {
    const database = kept(new Sqlite(path, { fileMustExist: true }))
    try {
      database.pragma('wal_checkpoint(TRUNCATE)')
    } finally {
      database.close()
    }
  } catch (error) {
    // One that is damaged stays as it is, its log beside it.
    if (!(error instanceof Sqlite.SqliteError)) throw error
  }
}

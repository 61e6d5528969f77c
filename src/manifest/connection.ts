/**
 * One SQLite connection and its prepared statements. Every call into SQLite passes through here, so that its errors
 * are mapped in one place. Knows no table.
 */
import { existsSync } from 'node:fs'
import { inStage } from '../base/trace.ts'
import { Sqlite } from '../sqlite/database.ts'
import { kept } from '../sqlite/kept-alive.ts'
import { manifestDamaged, manifestError } from './manifest-error.ts'

export type SqlValue = number | string | Uint8Array | null

/** How long a call waits for another process that is writing, in ms. */
export const BUSY_TIMEOUT_MS = 30_000

/** `Row` is what the statement's columns promise; values are bound in the order of the `?`. Blobs handed out are the caller's. */
export class Statement<Row = never> {
  readonly #statement: Sqlite.Statement<SqlValue[]>
  readonly #path: string

  constructor(statement: Sqlite.Statement<SqlValue[]>, path: string) {
    this.#statement = statement
    this.#path = path
  }

  one(...values: SqlValue[]): Row | undefined {
    try {
      return this.#statement.get(...values) as Row | undefined
    } catch (error) {
      throw manifestError(error, this.#path)
    }
  }

  all(...values: SqlValue[]): Row[] {
    try {
      return this.#statement.all(...values) as Row[]
    } catch (error) {
      throw manifestError(error, this.#path)
    }
  }

  /** Returns how many rows changed. */
  run(...values: SqlValue[]): number {
    try {
      return this.#statement.run(...values).changes
    } catch (error) {
      throw manifestError(error, this.#path)
    }
  }

  /** Runs an INSERT into a table with an integer primary key and returns the new row's. */
  insert(...values: SqlValue[]): number {
    try {
      return Number(this.#statement.run(...values).lastInsertRowid)
    } catch (error) {
      throw manifestError(error, this.#path)
    }
  }
}

export class Connection implements Disposable {
  readonly path: string
  readonly #database: Sqlite.Database

  /** `MANIFEST_FAILED` where the file does not exist. Nothing is read or written yet. */
  constructor(path: string, readOnly: boolean) {
    this.path = path
    if (!existsSync(path)) throw manifestDamaged(path, 'does not exist')
    try {
      this.#database = kept(
        new Sqlite(path, { readonly: readOnly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS }),
      )
    } catch (error) {
      throw manifestError(error, path)
    }
  }

  prepare<Row = never>(sql: string): Statement<Row> {
    return new Statement<Row>(
      this.#guard(() => kept(this.#database.prepare<SqlValue[]>(sql))),
      this.path,
    )
  }

  /** Rows are the value of the first column alone. */
  prepareValue<Value>(sql: string): Statement<Value> {
    return new Statement<Value>(
      this.#guard(() => kept(this.#database.prepare<SqlValue[]>(sql).pluck())),
      this.path,
    )
  }

  exec(sql: string): void {
    this.#guard(() => this.#database.exec(sql))
  }

  /** Reads (`user_version`) or sets (`user_version = 1`) a pragma; returns its first value. */
  pragma(text: string): unknown {
    return this.#guard(() => {
      const statement = kept(this.#database.prepare(`PRAGMA ${text}`))
      return statement.reader ? statement.pluck().get() : void statement.run()
    })
  }

  /**
   * Runs `work` in an IMMEDIATE transaction: everything that it wrote, or nothing where it throws. Inside another
   * transaction it is a savepoint of that one. `work` must be synchronous.
   */
  transaction<T>(work: () => T): T {
    return inStage('manifest transaction', () =>
      this.#guard(() => this.#database.transaction(work).immediate()),
    )
  }

  /** `work`, which is synchronous and writes nothing, sees one state of the file, whatever other processes write meanwhile. */
  reading<T>(work: () => T): T {
    return this.#guard(() => this.#database.transaction(work).deferred())
  }

  /** Parses a JSON column. */
  json(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw manifestDamaged(this.path, 'holds text that is not JSON', cause)
    }
  }

  /** Closing twice is fine. */
  [Symbol.dispose](): void {
    this.#guard(() => this.#database.close())
  }

  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw manifestError(error, this.path)
    }
  }
}

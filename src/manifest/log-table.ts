/** The log entries that this client has folded. Knows no payloads. */
import type { Connection, Statement } from './connection.ts'

/** `kind` as the byte in the entry; `problem` says why an entry was a no-op. */
export type LogRow = {
  readonly number: number
  readonly hash: Uint8Array
  readonly kind: number
  readonly author: Uint8Array
  readonly timeMs: number
  readonly problem: string | null
}

export class LogTable {
  readonly #add: Statement
  readonly #since: Statement<LogRow>
  readonly #hashOf: Statement<Uint8Array>

  constructor(connection: Connection) {
    this.#add = connection.prepare(
      'INSERT OR IGNORE INTO log (number, hash, kind, author, time_ms, problem) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#since = connection.prepare(
      'SELECT number, hash, kind, author, time_ms AS timeMs, problem FROM log WHERE time_ms >= ? ORDER BY number',
    )
    this.#hashOf = connection.prepareValue('SELECT hash FROM log WHERE number = ?')
  }

  /** Returns false, changing nothing, where the number is known (another process was faster). */
  add(entry: LogRow): boolean {
    const { number, hash, kind, author, timeMs, problem } = entry
    return this.#add.run(number, hash, kind, author, timeMs, problem) === 1
  }

  /** `undefined`: an entry that this client has not folded. */
  hashOf(number: number): Uint8Array | undefined {
    return this.#hashOf.one(number)
  }

  /** In the order of the log. */
  entries(sinceMs: number = Number.MIN_SAFE_INTEGER): LogRow[] {
    return this.#since.all(sinceMs)
  }
}

/** How large repositories were, a figure for each day. */
import type { Database } from './state-database.ts'

export type DaySize = {
  /** Days since the epoch, in UTC. */
  readonly day: number
  readonly bytes: number
}

const DAY_MS = 86_400_000

export class SizesTable {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The last of a day counts. */
  note(repository: string, nowMs: number, bytes: number): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO sizes (repository, day, bytes) VALUES (?, ?, ?)')
      .run(repository, Math.floor(nowMs / DAY_MS), bytes)
  }

  /** Oldest first. What is from after `untilMs` was noted by a wrong clock. */
  between(repository: string, sinceMs: number, untilMs: number): DaySize[] {
    return this.#database
      .prepare<unknown[], DaySize>(
        'SELECT day, bytes FROM sizes WHERE repository = ? AND day BETWEEN ? AND ? ORDER BY day',
      )
      .all(repository, Math.floor(sinceMs / DAY_MS), Math.floor(untilMs / DAY_MS))
  }

  forgetBefore(ms: number): void {
    this.#database.prepare('DELETE FROM sizes WHERE day < ?').run(Math.floor(ms / DAY_MS))
  }
}

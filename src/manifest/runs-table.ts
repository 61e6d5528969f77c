/** What this client did and how it ended: the history that `status` shows. Never leaves the machine. */
import { fromHex, toHex } from '../base/bytes.ts'
import { type SnapshotId, snapshotId } from '../model/ids.ts'
import type { Connection, Statement } from './connection.ts'

export type RunRow = {
  readonly id: number
  /** The operation: `backup`, `prune` ... */
  readonly kind: string
  readonly startedMs: number
  /** `null` for a run that is under way or was killed. */
  readonly endedMs: number | null
  readonly outcome: string | null
  readonly snapshot: SnapshotId | null
  /** Any JSON. */
  readonly details: unknown
}

export type RunEnd = {
  readonly endedMs: number
  readonly outcome: string
  readonly snapshot?: SnapshotId | undefined
  readonly details?: unknown
}

type Stored = Omit<RunRow, 'snapshot' | 'details'> & {
  readonly snapshot: Uint8Array | null
  readonly details: string
}

export class RunsTable {
  readonly #connection: Connection
  readonly #begin: Statement
  readonly #end: Statement
  readonly #list: Statement<Stored>
  readonly #unfinished: Statement<Pick<Stored, 'id' | 'details'>>
  readonly #unsaved: Statement<Pick<Stored, 'id' | 'endedMs' | 'details'>>
  readonly #lastSaved: Statement<{ readonly series: string | null; readonly id: number }>

  constructor(connection: Connection) {
    this.#connection = connection
    this.#begin = connection.prepare('INSERT INTO runs (kind, started_ms, details) VALUES (?, ?, ?)')
    this.#end = connection.prepare(
      'UPDATE runs SET ended_ms = ?, outcome = ?, snapshot = ?, details = coalesce(?, details) WHERE id = ?',
    )
    this.#list = connection.prepare(
      `SELECT id, kind, started_ms AS startedMs, ended_ms AS endedMs, outcome, snapshot, details FROM runs
       ORDER BY id DESC LIMIT ?`,
    )
    this.#unfinished = connection.prepare('SELECT id, details FROM runs WHERE kind = ? AND ended_ms IS NULL')
    this.#unsaved = connection.prepare(
      'SELECT id, ended_ms AS endedMs, details FROM runs WHERE kind = ? AND snapshot IS NULL',
    )
    this.#lastSaved = connection.prepare(
      `SELECT json_extract(details, '$.series') AS series, max(id) AS id FROM runs
       WHERE kind = ? AND snapshot IS NOT NULL GROUP BY 1`,
    )
  }

  /** Returns the run's number. */
  begin(kind: string, startedMs: number, details: unknown = null): number {
    return this.#begin.insert(kind, startedMs, JSON.stringify(details))
  }

  /** Keeps the details given at the beginning where none are given. Returns false for an unknown number. */
  end(id: number, end: RunEnd): boolean {
    const details = end.details === undefined ? null : JSON.stringify(end.details)
    const snapshot = end.snapshot === undefined ? null : fromHex(end.snapshot)
    return this.#end.run(end.endedMs, end.outcome, snapshot, details, id) === 1
  }

  /** Those of a kind that are under way or were killed. */
  unfinished(kind: string): Pick<RunRow, 'id' | 'details'>[] {
    return this.#unfinished
      .all(kind)
      .map(({ id, details }) => ({ id, details: this.#connection.json(details) }))
  }

  /** Those of a kind that have saved no snapshot. */
  unsaved(kind: string): Pick<RunRow, 'id' | 'endedMs' | 'details'>[] {
    return this.#unsaved
      .all(kind)
      .map(({ id, endedMs, details }) => ({ id, endedMs, details: this.#connection.json(details) }))
  }

  /** By the series that their details name, the number of the last one of a kind that has saved a snapshot. */
  lastSaved(kind: string): ReadonlyMap<string, number> {
    const rows = this.#lastSaved.all(kind)
    return new Map(rows.flatMap(({ series, id }) => (series === null ? [] : [[series, id] as const])))
  }

  /** The newest first. */
  list(limit: number): RunRow[] {
    return this.#list.all(limit).map((row) => ({
      ...row,
      snapshot: row.snapshot === null ? null : snapshotId(toHex(row.snapshot)),
      details: this.#connection.json(row.details),
    }))
  }
}

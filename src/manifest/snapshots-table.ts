/** The snapshots of the log's fold, as commands list and choose them. Knows no tree and no log payload. */

import { assert } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { ID_BYTES, type SeriesId, type SnapshotId, seriesId, snapshotId } from '../model/ids.ts'
import type { Connection, Statement } from './connection.ts'

/** At most this many snapshots are returned for an ambiguous prefix. */
export const PREFIX_MATCHES_MAX = 10

/** Names are `null`, and lists empty, for a client that cannot read content. */
export type SnapshotRow = {
  readonly id: SnapshotId
  /** Of its log entry. */
  readonly number: number
  readonly series: SeriesId
  readonly timeMs: number
  /** Of the log entry, by the writer's clock. */
  readonly committedMs: number
  readonly host: string | null
  readonly user: string | null
  readonly paths: readonly string[]
  readonly tags: readonly string[]
  readonly label: string | null
  /** The root tree's `content` bytes, and its id where known. */
  readonly root: Uint8Array
  readonly rootTree: Uint8Array | null
  /** Any JSON. */
  readonly summary: unknown
  readonly details: unknown
  readonly forgottenMs: number | null
  /** It cannot be forgotten. */
  readonly held: boolean
}

/** Everything that is given must hold. */
export type SnapshotFilter = {
  readonly series?: SeriesId
  readonly host?: string
  /** One of the source paths, exactly. */
  readonly path?: string
  readonly tag?: string
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  /** Default: snapshots that are not forgotten. */
  readonly forgotten?: 'no' | 'only' | 'both'
}

type Stored = {
  id: Uint8Array
  number: number
  series: Uint8Array
  timeMs: number
  committedMs: number
  host: string | null
  user: string | null
  paths: string
  tags: string
  label: string | null
  root: Uint8Array
  rootTree: Uint8Array | null
  summary: string
  details: string
  forgottenMs: number | null
  held: number
}

const COLUMNS = `id, number, series, time_ms AS timeMs, committed_ms AS committedMs, host, user, paths, tags, label, root, root_tree AS rootTree,
  summary, details, forgotten_ms AS forgottenMs, held`

export class SnapshotsTable {
  readonly #connection: Connection
  readonly #add: Statement
  readonly #select: Statement<Stored>
  readonly #range: Statement<Stored>
  readonly #latest: Statement<Stored>
  readonly #forget: Statement
  readonly #setRoot: Statement
  readonly #hold: Statement
  readonly #tag: Statement
  readonly #remove: Statement

  constructor(connection: Connection) {
    this.#connection = connection
    this.#add = connection.prepare(
      `INSERT OR IGNORE INTO snapshots (id, number, series, time_ms, committed_ms, host, user, paths, tags, label,
         root, root_tree, summary, details, forgotten_ms, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#select = connection.prepare(
      `WITH wanted (of_series, of_host, of_path, after_ms, before_ms, forgotten) AS (VALUES (?, ?, ?, ?, ?, ?))
       SELECT ${COLUMNS} FROM snapshots, wanted
       WHERE coalesce(series = of_series, of_series IS NULL) AND coalesce(host = of_host, of_host IS NULL)
         AND (of_path IS NULL OR instr(paths, of_path) > 0)
         AND time_ms BETWEEN after_ms AND before_ms
         AND (forgotten = 2 OR (forgotten_ms IS NOT NULL) = forgotten)
       ORDER BY time_ms, number`,
    )
    this.#range = connection.prepare(
      `SELECT ${COLUMNS} FROM snapshots WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ${PREFIX_MATCHES_MAX}`,
    )
    this.#latest = connection.prepare(
      `SELECT ${COLUMNS} FROM snapshots WHERE series = ? AND time_ms <= ? AND forgotten_ms IS NULL
       ORDER BY time_ms DESC, number DESC LIMIT 1`,
    )
    this.#forget = connection.prepare('UPDATE snapshots SET forgotten_ms = ? WHERE id = ?')
    this.#setRoot = connection.prepare('UPDATE snapshots SET root_tree = ? WHERE id = ?')
    this.#hold = connection.prepare('UPDATE snapshots SET held = ? WHERE id = ?')
    this.#tag = connection.prepare('UPDATE snapshots SET tags = ? WHERE id = ?')
    this.#remove = connection.prepare('DELETE FROM snapshots WHERE id = ?')
  }

  /** Returns false, changing nothing, where the id is known. */
  add(row: SnapshotRow): boolean {
    const count = this.#add.run(
      fromHex(row.id),
      row.number,
      fromHex(row.series),
      row.timeMs,
      row.committedMs,
      row.host,
      row.user,
      JSON.stringify(row.paths),
      JSON.stringify(row.tags),
      row.label,
      row.root,
      row.rootTree,
      JSON.stringify(row.summary ?? null),
      JSON.stringify(row.details ?? null),
      row.forgottenMs,
      row.held ? 1 : 0,
    )
    return count === 1
  }

  /** In the order of their times. */
  list(filter: SnapshotFilter = {}): SnapshotRow[] {
    const { series, host, path, tag, forgotten = 'no' } = filter
    const rows = this.#select.all(
      series === undefined ? null : fromHex(series),
      host ?? null,
      // As it stands in the list: that spares the others from being decoded.
      path === undefined ? null : JSON.stringify(path),
      filter.notBeforeMs ?? Number.MIN_SAFE_INTEGER,
      filter.notAfterMs ?? Number.MAX_SAFE_INTEGER,
      { no: 0, only: 1, both: 2 }[forgotten],
    )
    // Paths and tags are compared here: SQLite's UTF-8 cannot hold the lone surrogates that stand for raw bytes.
    return rows
      .map((row) => this.#row(row))
      .filter((row) => path === undefined || row.paths.includes(path))
      .filter((row) => tag === undefined || row.tags.includes(tag))
  }

  /** Snapshots, forgotten ones too, whose id begins with up to 32 lower-case hex digits; at most `PREFIX_MATCHES_MAX`. */
  byPrefix(hex: string): SnapshotRow[] {
    assert(/^[0-9a-f]{0,32}$/.test(hex), 'a prefix of an id')
    const digits = ID_BYTES * 2
    const rows = this.#range.all(fromHex(hex.padEnd(digits, '0')), fromHex(hex.padEnd(digits, 'f')))
    return rows.map((row) => this.#row(row))
  }

  /** The newest snapshot of a series that is not forgotten. */
  latestOf(series: SeriesId, notAfterMs: number = Number.MAX_SAFE_INTEGER): SnapshotRow | undefined {
    const row = this.#latest.one(fromHex(series), notAfterMs)
    return row === undefined ? undefined : this.#row(row)
  }

  /** `null` takes it back. Returns false for an unknown id. */
  setForgotten(id: SnapshotId, timeMs: number | null): boolean {
    return this.#forget.run(timeMs, fromHex(id)) === 1
  }

  /** Returns false for an unknown id. */
  setHeld(id: SnapshotId, held: boolean): boolean {
    return this.#hold.run(held ? 1 : 0, fromHex(id)) === 1
  }

  /** Returns false for an unknown id. */
  setTags(id: SnapshotId, tags: readonly string[]): boolean {
    return this.#tag.run(JSON.stringify(tags), fromHex(id)) === 1
  }

  /** Returns false for an unknown id. */
  remove(id: SnapshotId): boolean {
    return this.#remove.run(fromHex(id)) === 1
  }

  /** Once the root tree was read or made. Returns false for an unknown id. */
  setRootTree(id: SnapshotId, tree: Uint8Array): boolean {
    return this.#setRoot.run(tree, fromHex(id)) === 1
  }

  #row(row: Stored): SnapshotRow {
    return {
      ...row,
      id: snapshotId(toHex(row.id)),
      series: seriesId(toHex(row.series)),
      paths: this.#texts(row.paths),
      tags: this.#texts(row.tags),
      summary: this.#connection.json(row.summary),
      details: this.#connection.json(row.details),
      held: row.held === 1,
    }
  }

  #texts(json: string): string[] {
    const value = this.#connection.json(json)
    return Array.isArray(value) ? value.map(String) : []
  }
}

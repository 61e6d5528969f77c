/**
 * Directories, each as its encoded bytes and stored once, however many snapshots hold it. Knows nothing of how they are
 * encoded; what is in them as rows is in `entries-table.ts`.
 */
import type { Connection, Statement } from './connection.ts'

/** An encoded directory above this is not kept here; it is read from the repository. */
export const TREE_KEPT_BYTES_MAX = 1_048_576

/** `bytes` as in the repository, `null` where they were too long to keep or are not known yet. */
export type TreeRow = { readonly no: number; readonly id: Uint8Array; readonly bytes: Uint8Array | null }

/** A directory by its number and id alone. */
export type TreeKey = { readonly no: number; readonly id: Uint8Array }

type Known = { readonly no: number; readonly lacksBytes: number }

export class TreesTable {
  readonly #insert: Statement
  readonly #setBytes: Statement
  readonly #known: Statement<Known>
  readonly #byId: Statement<TreeRow>
  readonly #bytesOf: Statement<Uint8Array | null>
  readonly #noOf: Statement<number>
  readonly #last: Statement<number | null>
  readonly #after: Statement<TreeKey>
  readonly #removals: readonly Statement[]

  constructor(connection: Connection) {
    this.#insert = connection.prepare('INSERT INTO trees (id, bytes) VALUES (?, ?)')
    this.#setBytes = connection.prepare('UPDATE trees SET bytes = ? WHERE no = ?')
    this.#known = connection.prepare('SELECT no, bytes IS NULL AS lacksBytes FROM trees WHERE id = ?')
    this.#byId = connection.prepare('SELECT no, id, bytes FROM trees WHERE id = ?')
    this.#bytesOf = connection.prepareValue('SELECT bytes FROM trees WHERE id = ?')
    this.#noOf = connection.prepareValue('SELECT no FROM trees WHERE id = ?')
    this.#last = connection.prepareValue('SELECT max(no) FROM trees')
    this.#after = connection.prepare('SELECT no, id FROM trees WHERE no > ? AND no <= ? ORDER BY no LIMIT ?')
    // The highest number stays taken: SQLite would give it to the next directory, and rows say what they belong to by numbers.
    this.#removals = [
      connection.prepare('DELETE FROM entries WHERE tree = ?'),
      connection.prepare('DELETE FROM entry_trees WHERE tree = ?'),
      connection.prepare('UPDATE trees SET bytes = NULL WHERE no = ?'),
      connection.prepare('DELETE FROM trees WHERE no = ? AND no < (SELECT max(no) FROM trees)'),
    ]
  }

  /**
   * Adds a directory and returns its number. The id names the content: a known id returns the number that it has, and bytes
   * are taken where there were none. `null`: the bytes are not known, the number alone is wanted. To be called within a
   * transaction, because other processes add directories too.
   */
  add(id: Uint8Array, bytes: Uint8Array | null): number {
    const kept = bytes !== null && bytes.length <= TREE_KEPT_BYTES_MAX ? bytes : null
    const known = this.#known.one(id)
    if (known === undefined) return this.#insert.insert(id, kept)
    if (known.lacksBytes === 1 && kept !== null) this.#setBytes.run(kept, known.no)
    return known.no
  }

  /** The number alone: reads no bytes. */
  noOf(id: Uint8Array): number | undefined {
    return this.#noOf.one(id)
  }

  byId(id: Uint8Array): TreeRow | undefined {
    return this.#byId.one(id)
  }

  /** The bytes alone; `undefined` where they are not here. */
  bytesOf(id: Uint8Array): Uint8Array | undefined {
    return this.#bytesOf.one(id) ?? undefined
  }

  /** The highest number; 0 where there are none. */
  lastNo(): number {
    return this.#last.one() ?? 0
  }

  /** Up to `limit` directories with numbers above `after` and up to `last`, in rising order. */
  keys(after: number, last: number, limit: number): TreeKey[] {
    return this.#after.all(after, last, limit)
  }

  /** Drops the directory's bytes and all its rows. To be called within a transaction. */
  remove(no: number): void {
    for (const removal of this.#removals) removal.run(no)
  }
}

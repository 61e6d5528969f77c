/**
 * What is in the directories, one row for each name, for questions over all snapshots. Rows are made when somebody asks:
 * `entry_trees` says which directories have theirs. Knows nothing of how directories are encoded.
 */
import type { Connection, Statement } from './connection.ts'

export type EntryRow = {
  /** Raw bytes. */
  readonly name: Uint8Array
  /** The type byte of the encoded entry: 1 file, 2 dir, 3 symlink ... */
  readonly type: number
  readonly size: number
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Equal for equal contents of files; `null` for all else. */
  readonly content: Uint8Array | null
  /** The number of a directory's tree; `null` for all else, and for a directory that was unreadable. */
  readonly child: number | null
}

/** A directory whose rows are not all there; `content`: what the repository knows it by. */
export type WaitingTree = { readonly tree: number; readonly content: Uint8Array }

/** An entry that names a directory as its child. */
export type ParentRow = { readonly tree: number; readonly name: Uint8Array }

export type MatchRow = EntryRow & { readonly tree: number }

/** Everything that is given must hold; times and types are inclusive. */
export type EntryFilter = {
  /** Bytes that the name holds somewhere. */
  readonly nameHolds: Uint8Array | undefined
  readonly type: number | undefined
  readonly notBefore: { readonly sec: number; readonly nsec: number } | undefined
  readonly notAfter: { readonly sec: number; readonly nsec: number } | undefined
}

/** Where a search goes on: behind this entry. */
export type EntryKey = { readonly tree: number; readonly name: Uint8Array }

const COLUMNS =
  'name, type, size, mtime_sec AS mtimeSec, mtime_nsec AS mtimeNsec, mode, uid, gid, content, child'

export class EntriesTable {
  readonly #insert: Statement
  readonly #wait: Statement
  readonly #waiting: Statement<WaitingTree>
  readonly #waitingCount: Statement<number>
  readonly #done: Statement
  readonly #hasRows: Statement<number>
  readonly #of: Statement<EntryRow>
  readonly #parents: Statement<ParentRow>
  readonly #lastTree: Statement<number | null>
  readonly #matching: Statement<MatchRow>

  constructor(connection: Connection) {
    this.#insert = connection.prepare(
      `INSERT OR IGNORE INTO entries (tree, name, type, size, mtime_sec, mtime_nsec, mode, uid, gid, content, child)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#wait = connection.prepare('INSERT OR IGNORE INTO entry_trees (tree, content) VALUES (?, ?)')
    this.#waiting = connection.prepare(
      'SELECT tree, content FROM entry_trees WHERE content IS NOT NULL ORDER BY tree DESC LIMIT ?',
    )
    this.#waitingCount = connection.prepareValue('SELECT count(*) FROM entry_trees WHERE content IS NOT NULL')
    this.#done = connection.prepare('UPDATE entry_trees SET content = NULL WHERE tree = ?')
    this.#hasRows = connection.prepareValue('SELECT content IS NULL FROM entry_trees WHERE tree = ?')
    this.#of = connection.prepare(`SELECT ${COLUMNS} FROM entries WHERE tree = ? ORDER BY name`)
    this.#parents = connection.prepare('SELECT tree, name FROM entries WHERE child = ? LIMIT ?')
    this.#lastTree = connection.prepareValue('SELECT max(tree) FROM entries')
    this.#matching = connection.prepare(
      `SELECT tree, ${COLUMNS} FROM entries WHERE (tree, name) > (?, ?) AND tree <= ?
         AND (? IS NULL OR instr(name, ?) > 0) AND (? IS NULL OR type = ?)
         AND (mtime_sec, mtime_nsec) >= (?, ?) AND (mtime_sec, mtime_nsec) <= (?, ?)
       ORDER BY tree, name LIMIT ?`,
    )
  }

  /** Adds a row; one that is there already is the same, because a tree's number stands for its content. */
  add(tree: number, row: EntryRow): void {
    const { name, type, size, mtimeSec, mtimeNsec, mode, uid, gid, content, child } = row
    this.#insert.run(tree, name, type, size, mtimeSec, mtimeNsec, mode, uid, gid, content, child)
  }

  /** The directory is to get its rows; returns false where it has them or waits already. */
  want(tree: number, content: Uint8Array): boolean {
    return this.#wait.run(tree, content) === 1
  }

  /** All rows of a directory were added, and its subdirectories are wanted. */
  finish(tree: number): void {
    this.#done.run(tree)
  }

  hasRows(tree: number): boolean {
    return this.#hasRows.one(tree) === 1
  }

  /** Up to `limit`, the highest number first: what a directory held before its siblings. */
  waiting(limit: number): WaitingTree[] {
    return this.#waiting.all(limit)
  }

  waitingCount(): number {
    return this.#waitingCount.one() ?? 0
  }

  /** In rising byte order of names. */
  of(tree: number): EntryRow[] {
    return this.#of.all(tree)
  }

  /** Up to `limit` entries, of any directory, that lead to this one. */
  parentsOf(tree: number, limit: number): ParentRow[] {
    return this.#parents.all(tree, limit)
  }

  /** The highest tree that has rows; 0 where none has. */
  lastTree(): number {
    return this.#lastTree.one() ?? 0
  }

  /** Matching rows behind `after`, of trees up to `lastTree`, in rising order of tree and name; at most `limit`. */
  matching(filter: EntryFilter, after: EntryKey, lastTree: number, limit: number): MatchRow[] {
    const { nameHolds = null, type = null, notBefore, notAfter } = filter
    return this.#matching.all(
      after.tree,
      after.name,
      lastTree,
      nameHolds,
      nameHolds,
      type,
      type,
      notBefore?.sec ?? Number.MIN_SAFE_INTEGER,
      notBefore?.nsec ?? 0,
      notAfter?.sec ?? Number.MAX_SAFE_INTEGER,
      notAfter?.nsec ?? 0,
      limit,
    )
  }
}

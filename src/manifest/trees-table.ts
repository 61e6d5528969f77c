/**
 * Directories and their entries. A tree is stored once, however many snapshots hold it, and its entries name their
 * directories by tree number. Knows nothing of how directories are encoded.
 */
import { assert } from '../base/assert.ts'
import type { Connection, Statement } from './connection.ts'

/** An encoded directory above this is not kept here; it is read from the repository. */
export const TREE_KEPT_BYTES_MAX = 1_048_576

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
  /** The number of a directory's tree. */
  readonly child: number | null
}

/** `bytes` as in the repository, `null` where they were too long to keep. */
export type TreeRow = { readonly no: number; readonly id: Uint8Array; readonly bytes: Uint8Array | null }

const COLUMNS = 'name, type, size, mtime_sec AS mtimeSec, mtime_nsec AS mtimeNsec, mode, uid, gid, child'

export class TreesTable {
  readonly #connection: Connection
  readonly #insert: Statement
  readonly #insertEntry: Statement
  readonly #byNo: Statement<TreeRow>
  readonly #byId: Statement<TreeRow>
  readonly #noOf: Statement<number>
  readonly #child: Statement<number | null>
  readonly #entry: Statement<EntryRow>
  readonly #entries: Statement<EntryRow>

  constructor(connection: Connection) {
    this.#connection = connection
    this.#insert = connection.prepare('INSERT INTO trees (id, bytes) VALUES (?, ?)')
    this.#insertEntry = connection.prepare(
      `INSERT INTO entries (tree, name, type, size, mtime_sec, mtime_nsec, mode, uid, gid, child)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#byNo = connection.prepare('SELECT no, id, bytes FROM trees WHERE no = ?')
    this.#byId = connection.prepare('SELECT no, id, bytes FROM trees WHERE id = ?')
    this.#noOf = connection.prepareValue('SELECT no FROM trees WHERE id = ?')
    this.#child = connection.prepareValue('SELECT child FROM entries WHERE tree = ? AND name = ?')
    this.#entry = connection.prepare(`SELECT ${COLUMNS} FROM entries WHERE tree = ? AND name = ?`)
    this.#entries = connection.prepare(`SELECT ${COLUMNS} FROM entries WHERE tree = ? ORDER BY name`)
  }

  /**
   * Adds a directory (its subdirectories first, for their numbers) in one transaction and returns its number. The id
   * names the content, so a known id returns the number it has and `rows` is not read.
   */
  add(id: Uint8Array, bytes: Uint8Array | null, rows: Iterable<EntryRow>): number {
    return this.#connection.transaction(() => {
      const known = this.#noOf.one(id)
      if (known !== undefined) return known
      const kept = bytes !== null && bytes.length <= TREE_KEPT_BYTES_MAX ? bytes : null
      const no = this.#insert.insert(id, kept)
      for (const { name, type, size, mtimeSec, mtimeNsec, mode, uid, gid, child } of rows) {
        this.#insertEntry.run(no, name, type, size, mtimeSec, mtimeNsec, mode, uid, gid, child)
      }
      return no
    })
  }

  /** The number alone: reads no bytes. */
  noOf(id: Uint8Array): number | undefined {
    return this.#noOf.one(id)
  }

  byNo(no: number): TreeRow | undefined {
    return this.#byNo.one(no)
  }

  byId(id: Uint8Array): TreeRow | undefined {
    return this.#byId.one(id)
  }

  /** `undefined` where the name is absent or no directory. */
  childTree(tree: number, name: Uint8Array): number | undefined {
    return this.#child.one(tree, name) ?? undefined
  }

  /** In rising byte order of names. */
  entriesOf(tree: number): EntryRow[] {
    return this.#entries.all(tree)
  }

  /** The entry at a path below `root`, which has one name at least; `undefined` where any of them is absent. */
  resolvePath(root: number, names: readonly Uint8Array[]): EntryRow | undefined {
    const last = names.at(-1)
    assert(last !== undefined, 'a path has one name at least')
    let tree: number | undefined = root
    for (const name of names.slice(0, -1)) {
      tree = this.childTree(tree, name)
      if (tree === undefined) return undefined
    }
    return this.#entry.one(tree, last)
  }
}

/** The index objects that the fold of the log knows, which packs they name, and whether those were taken in. */
import { fromHex, toHex } from '../base/bytes.ts'
import { type IndexId, indexId } from '../model/ids.ts'
import type { Connection, Statement } from './connection.ts'

/** In the order of the stored numbers. `pending`: named by the log, its packs not yet taken in. */
const STATES = ['pending', 'live', 'condemned'] as const
export type IndexState = (typeof STATES)[number]

export type IndexRow = {
  readonly id: IndexId
  /** Of the object's raw bytes. */
  readonly hash: Uint8Array
  readonly state: IndexState
  /** Of the stored object. */
  readonly bytes: number
}
type StoredIndex = Omit<IndexRow, 'id' | 'state'> & { readonly id: Uint8Array; readonly state: number }

export class IndexesTable {
  readonly #add: Statement
  readonly #setState: Statement
  readonly #remove: Statement
  readonly #all: Statement<StoredIndex>
  readonly #name: Statement
  readonly #unname: Statement
  readonly #named: Statement<number>

  constructor(connection: Connection) {
    this.#add = connection.prepare(
      'INSERT OR IGNORE INTO indexes (id, hash, state, bytes) VALUES (?, ?, ?, ?)',
    )
    this.#setState = connection.prepare('UPDATE indexes SET state = ? WHERE id = ?')
    this.#remove = connection.prepare('DELETE FROM indexes WHERE id = ?')
    this.#all = connection.prepare('SELECT id, hash, state, bytes FROM indexes ORDER BY id')
    this.#name = connection.prepare('INSERT OR IGNORE INTO index_packs (index_id, pack) VALUES (?, ?)')
    this.#unname = connection.prepare('DELETE FROM index_packs WHERE index_id = ?')
    this.#named = connection.prepareValue('SELECT pack FROM index_packs WHERE index_id = ? ORDER BY pack')
  }

  /**
   * `packs`: numbers of those that it names. Returns false, changing nothing, where the id is known. To be called within a
   * transaction.
   */
  add(index: IndexRow, packs: Iterable<number>): boolean {
    const { hash, state, bytes } = index
    const id = fromHex(index.id)
    if (this.#add.run(id, hash, STATES.indexOf(state), bytes) === 0) return false
    for (const pack of packs) this.#name.run(id, pack)
    return true
  }

  /** Numbers of the packs that it names; some may be known no more. */
  packsOf(id: IndexId): number[] {
    return this.#named.all(fromHex(id))
  }

  setState(id: IndexId, state: IndexState): boolean {
    return this.#setState.run(STATES.indexOf(state), fromHex(id)) === 1
  }

  remove(id: IndexId): boolean {
    this.#unname.run(fromHex(id))
    return this.#remove.run(fromHex(id)) === 1
  }

  list(state?: IndexState): IndexRow[] {
    const rows = this.#all.all().map((row) => ({
      id: indexId(toHex(row.id)),
      hash: row.hash,
      state: STATES[row.state] ?? 'condemned',
      bytes: row.bytes,
    }))
    return state === undefined ? rows : rows.filter((row) => row.state === state)
  }
}

/** Facts about the manifest as a whole: which repository it belongs to and the highest log entry that this client has seen. */
import { type RepositoryId, repositoryId } from '../model/ids.ts'
import type { Connection, SqlValue, Statement } from './connection.ts'

/** `hash` is that of the log object's raw bytes. */
export type Head = { readonly number: number; readonly hash: Uint8Array }

export class MetaTable {
  readonly #connection: Connection
  readonly #get: Statement<SqlValue>
  readonly #set: Statement

  constructor(connection: Connection) {
    this.#connection = connection
    this.#get = connection.prepareValue('SELECT value FROM meta WHERE key = ?')
    this.#set = connection.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
  }

  repositoryId(): RepositoryId | undefined {
    const value = this.#get.one('repository')
    return typeof value === 'string' ? repositoryId(value) : undefined
  }

  setRepositoryId(id: RepositoryId): void {
    this.#set.run('repository', id)
  }

  /** The fold of the log up to the head, as its owner encodes it. */
  logState(): Uint8Array | undefined {
    const value = this.#get.one('log state')
    return value instanceof Uint8Array ? value : undefined
  }

  setLogState(state: Uint8Array): void {
    this.#set.run('log state', state)
  }

  head(): Head | undefined {
    const number = this.#get.one('head number')
    const hash = this.#get.one('head hash')
    return typeof number === 'number' && hash instanceof Uint8Array ? { number, hash } : undefined
  }

  /** Only ever rises: returns false, changing nothing, where a head of that number or above is known. */
  setHead(number: number, hash: Uint8Array): boolean {
    return this.#connection.transaction(() => {
      if (number <= (this.head()?.number ?? -1)) return false
      this.#set.run('head number', number)
      this.#set.run('head hash', hash)
      return true
    })
  }
}

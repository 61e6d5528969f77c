/**
 * Tells of every transaction that a manifest is about to commit and has committed: between two operations on the storage
 * there may be several, and a process may die at each.
 */
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'

type Listener = (when: 'before' | 'after') => void
type Run = (this: Sqlite.Statement, ...values: unknown[]) => Sqlite.RunResult

/** Manifests lie one directory deeper: one for each repository. */
const cacheOf = (database: Sqlite.Database): string => dirname(dirname(database.name))

/** By cache directory. */
const listeners = new Map<string, Listener>()
const opened = new Map<string, Set<Sqlite.Database>>()

/** Everything that the program does to a manifest passes `prepare` and `run`. */
function watch(): void {
  using probe = disposable(new Sqlite(':memory:'))
  const statements = Object.getPrototypeOf(probe.database.prepare('SELECT 1')) as { run: Run }
  const databases = Object.getPrototypeOf(probe.database) as { prepare: Sqlite.Database['prepare'] }
  const { run } = statements
  const { prepare } = databases
  databases.prepare = function (this: Sqlite.Database, source: string) {
    const known = opened.get(cacheOf(this)) ?? new Set()
    opened.set(cacheOf(this), known.add(this))
    return prepare.call(this, source)
  } as typeof prepare
  statements.run = function (this: Sqlite.Statement, ...values: unknown[]) {
    const listener = listeners.get(cacheOf(this.database))
    const isCommit = this.source === 'COMMIT' || (!this.database.inTransaction && !/^BEGIN/.test(this.source))
    if (listener === undefined || !isCommit) return run.apply(this, values)
    listener('before')
    const result = run.apply(this, values)
    listener('after')
    return result
  }
}

function disposable(database: Sqlite.Database): Disposable & { database: Sqlite.Database } {
  return { database, [Symbol.dispose]: () => void database.close() }
}

let isWatching = false

/** Calls `listener` around each commit of the manifests in a cache directory until it is disposed of; then their connections are closed. */
export function watchManifests(cache: string, listener: Listener): Disposable {
  if (!isWatching) watch()
  isWatching = true
  listeners.set(cache, listener)
  return {
    [Symbol.dispose]: () => {
      listeners.delete(cache)
      for (const database of opened.get(cache) ?? []) database.close()
      opened.delete(cache)
    },
  }
}

/** What this machine remembers of its jobs: runs, sizes of repositories, and small values by name. Processes share it. */
import { join } from 'node:path'
import type { Clock } from '../../model/clock.ts'
import { isJobLocked, type JobLock, lockJob } from './job-lock.ts'
import { RunsTable } from './runs-table.ts'
import { SizesTable } from './sizes-table.ts'
import { type Database, isDamaged, openStateDatabase, setAsideDamaged, stateError } from './state-database.ts'

const FILE = 'state.sqlite'

export class State implements Disposable {
  readonly directory: string
  readonly runs: RunsTable
  readonly sizes: SizesTable
  readonly #database: Database
  readonly #path: string
  readonly #stamp: string

  /** `STATE_FAILED` where it cannot be used. The caller disposes of it. */
  static open(directory: string, clock: Clock): State {
    const path = join(directory, FILE)
    const stamp = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '')
    return new State(directory, path, stamp, openStateDatabase(path, stamp))
  }

  private constructor(directory: string, path: string, stamp: string, database: Database) {
    this.directory = directory
    this.#path = path
    this.#stamp = stamp
    this.#database = database
    this.runs = new RunsTable(database, (config, job) => isJobLocked(directory, config, job))
    this.sizes = new SizesTable(database)
  }

  /** `undefined` where the job runs already. */
  lock(config: string, job: string): JobLock | undefined {
    return lockJob(this.directory, config, job)
  }

  isRunning(config: string, job: string): boolean {
    return isJobLocked(this.directory, config, job)
  }

  /** The JSON value that was remembered under a name. */
  recall(name: string): unknown {
    const text = this.#database.prepare('SELECT value FROM remembered WHERE name = ?').pluck().get(name)
    if (typeof text !== 'string') return undefined
    try {
      return JSON.parse(text) as unknown
    } catch {
      return undefined
    }
  }

  remember(name: string, value: unknown): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO remembered (name, value) VALUES (?, ?)')
      .run(name, JSON.stringify(value))
  }

  /** Nobody else changes anything meanwhile. `work` is synchronous. */
  exclusively<T>(work: () => T): T {
    return this.#database.transaction(work).immediate()
  }

  /** What `work` gives; errors of the file are `STATE_FAILED`. Damage that shows only then sets it aside for whoever opens it next. */
  guarded<T>(work: (state: this) => T): T {
    try {
      return work(this)
    } catch (error) {
      if (isDamaged(error)) this.#setAside()
      throw stateError(this.#path, error)
    }
  }

  #setAside(): void {
    try {
      setAsideDamaged(this.#path, this.#stamp)
    } catch {
      // It stays where it is, and is told of again.
    }
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

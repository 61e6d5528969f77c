/** What this machine remembers of its jobs: runs, sizes of repositories, and small values by name. Processes share it. */
import { join } from 'node:path'
import type { Clock } from '../../model/clock.ts'
import { hasCode, type SnapError } from '../../model/errors.ts'
import { isJobLocked, type JobLock, lockJob } from './job-lock.ts'
import { Marks } from './marks.ts'
import { RunsTable } from './runs-table.ts'
import { SizesTable } from './sizes-table.ts'
import {
  copyInMemory,
  type Database,
  type FileId,
  fileIdOf,
  inMemory,
  isDamaged,
  openStateDatabase,
  setAsideDamaged,
  stateError,
  tryToWrite,
} from './state-database.ts'

const FILE = 'state.sqlite'
/** What is from a later time was remembered under a wrong clock. ms */
const AHEAD_MS = 3_600_000
/** Between two tries to open the file again. ms */
const RETRY_MS = 60_000

export type StateOptions = {
  /** Told of what became of the file, in a sentence. */
  readonly note?: (text: string) => void
}

type Open = {
  readonly database: Database
  readonly runs: RunsTable
  readonly sizes: SizesTable
  readonly file: FileId | undefined
}

export class State implements Disposable {
  readonly directory: string
  readonly #path: string
  readonly #stamp: string
  readonly #note: (text: string) => void
  readonly #marks: Marks
  #unkept: SnapError | undefined
  #open: Open
  /** By the monotonic clock. ms */
  #nextTry: number

  /** `STATE_FAILED` where it cannot be used. The caller disposes of it. */
  static open(directory: string, clock: Clock, options: StateOptions = {}): State {
    const { path, stamp } = placeOf(directory, clock)
    return new State(directory, path, stamp, openStateDatabase(path, stamp), options)
  }

  /** Never fails for the file: where it cannot be read, or not be written, what it says is taken into memory, and `unkept` says why. */
  static openAnyhow(directory: string, clock: Clock, options: StateOptions = {}): State {
    const { path, stamp } = placeOf(directory, clock)
    let state: State | undefined
    try {
      state = State.open(directory, clock, options)
      tryToWrite(state.#open.database, path)
      return state
    } catch (error) {
      state?.[Symbol.dispose]()
      if (!hasCode(error, 'STATE_FAILED')) throw error
      return new State(directory, path, stamp, inMemory(path), options, error)
    }
  }

  private constructor(
    directory: string,
    path: string,
    stamp: string,
    database: Database,
    { note = () => undefined }: StateOptions,
    unkept?: SnapError,
  ) {
    this.directory = directory
    this.#path = path
    this.#stamp = stamp
    this.#note = note
    this.#marks = new Marks(join(directory, 'marks'))
    this.#unkept = unkept
    this.#nextTry = unkept === undefined ? 0 : performance.now() + RETRY_MS
    this.#open = openOf(directory, path, database)
  }

  /** Why nothing that is written stays: then what was read of the file lies in memory. `undefined` where all is well. */
  get unkept(): SnapError | undefined {
    return this.#unkept
  }

  get runs(): RunsTable {
    return this.#open.runs
  }

  get sizes(): SizesTable {
    return this.#open.sizes
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
    const text = this.#open.database.prepare('SELECT value FROM remembered WHERE name = ?').pluck().get(name)
    if (typeof text !== 'string') return undefined
    try {
      return JSON.parse(text) as unknown
    } catch {
      return undefined
    }
  }

  remember(name: string, value: unknown): void {
    this.#open.database
      .prepare('INSERT OR REPLACE INTO remembered (name, value) VALUES (?, ?)')
      .run(name, JSON.stringify(value))
  }

  /** The moment that was remembered under a name, also by a process that could write nothing else. ms */
  recallTime(name: string, nowMs: number): number | undefined {
    const value = this.recall(name)
    const times = [this.#marks.get(name), typeof value === 'number' ? value : undefined].flatMap(
      (time) => time ?? [],
    )
    const plausible = times.filter((time) => time <= nowMs + AHEAD_MS)
    return plausible.length === 0 ? times[0] : Math.max(...plausible)
  }

  /** Also where the disk is full: then this fails, and it is remembered all the same. */
  rememberTime(name: string, ms: number): void {
    this.#marks.set(name, ms)
    this.remember(name, ms)
  }

  /** Nobody else changes anything meanwhile. `work` is synchronous. */
  exclusively<T>(work: () => T): T {
    return this.#open.database.transaction(work).immediate()
  }

  /** What `work` gives; errors of the file are `STATE_FAILED`. Damage that shows only then sets it aside for whoever opens it next. */
  guarded<T>(work: (state: this) => T): T {
    this.#follow()
    try {
      return work(this)
    } catch (error) {
      if (isDamaged(error)) this.#setAside()
      throw stateError(this.#path, error)
    }
  }

  /**
   * A file that was removed or replaced is nobody's but ours: the one at its place is opened, or made. Where that fails, what ours said
   * is taken into memory, until it can be.
   */
  #follow(): void {
    const isInPlace = this.#unkept === undefined && fileIdOf(this.#path) === this.#open.file
    if (isInPlace || this.#open.database.inTransaction || performance.now() < this.#nextTry) return
    this.#nextTry = performance.now() + RETRY_MS
    try {
      const database = openStateDatabase(this.#path, this.#stamp)
      tryToWrite(database, this.#path)
      this.#open.database.close()
      this.#open = openOf(this.directory, this.#path, database)
      this.#unkept = undefined
      this.#note(`the history of runs goes on in ${this.#path} as it is there now`)
    } catch (error) {
      if (!hasCode(error, 'STATE_FAILED')) throw error
      if (this.#unkept === undefined) this.#goOnInMemory(error)
    }
  }

  /** SQLite refuses to write to a file that has gone from its place. */
  #goOnInMemory(why: SnapError): void {
    const copy = copyInMemory(this.#open.database, this.#path)
    this.#open.database.close()
    this.#open = openOf(this.directory, this.#path, copy)
    this.#unkept = why
    this.#note(why.message)
  }

  #setAside(): void {
    try {
      setAsideDamaged(this.#path, this.#stamp)
    } catch {
      // It stays where it is, and is told of again.
    }
  }

  [Symbol.dispose](): void {
    this.#open.database.close()
  }
}

function openOf(directory: string, path: string, database: Database): Open {
  return {
    database,
    runs: new RunsTable(database, (config, job) => isJobLocked(directory, config, job)),
    sizes: new SizesTable(database),
    file: fileIdOf(path),
  }
}

function placeOf(directory: string, clock: Clock): { readonly path: string; readonly stamp: string } {
  const stamp = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '')
  return { path: join(directory, FILE), stamp }
}

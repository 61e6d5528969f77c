/** Runs of jobs and drills: what began when, by whom it was started, and how it ended. */
import type { Outcome, Run, RunKind } from './run.ts'
import { type Row, runOf } from './run-row.ts'
import type { Database } from './state-database.ts'

export type RunBeginning = Pick<
  Run,
  'id' | 'config' | 'job' | 'repository' | 'trigger' | 'dueMs' | 'startedMs'
> & {
  readonly kind?: RunKind | undefined
  readonly log?: string | undefined
  readonly pid: number
}

export type RunEnd = {
  readonly endedMs: number
  readonly outcome: Outcome
  readonly code?: string | undefined
  readonly message?: string | undefined
  readonly snapshot?: string | undefined
  readonly bytes?: Run['bytes']
}

export type RunFilter = {
  readonly config: string
  readonly job?: string | undefined
  /** ms; those that began then or later. */
  readonly sinceMs?: number | undefined
  readonly limit: number
}

/** Whether a run of the job is under way. */
export type IsRunning = (config: string, job: string) => boolean

export class RunsTable {
  readonly #database: Database
  readonly #isRunning: IsRunning

  constructor(database: Database, isRunning: IsRunning) {
    this.#database = database
    this.#isRunning = isRunning
  }

  /** Records that it begins; who does that holds the lock of the job, so that what is on record as running has died. */
  begin(run: RunBeginning): void {
    this.#database
      .transaction(() => {
        this.#bury(run.config, run.job)
        this.#insert(run, undefined)
      })
      .immediate()
  }

  /** Records one that did not come so far as to begin. */
  record(run: RunBeginning, outcome: Outcome, message: string): void {
    this.#insert(run, { outcome, message })
  }

  #insert(
    run: RunBeginning,
    ended: { readonly outcome: Outcome; readonly message: string } | undefined,
  ): void {
    const { id, kind = 'backup', config, job, repository, trigger, dueMs, startedMs, log, pid } = run
    this.#database
      .prepare(
        `INSERT INTO runs (id, kind, config, job, repository, trigger, due_ms, started_ms, pid, log, ended_ms, outcome, message)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
        kind,
        config,
        job,
        repository,
        trigger,
        dueMs ?? null,
        startedMs,
        pid,
        log ?? null,
        ended === undefined ? null : startedMs,
        ended?.outcome ?? null,
        ended?.message ?? null,
      )
  }

  /** `false` where it is not on record. */
  end(id: string, { endedMs, outcome, code, message, snapshot, bytes }: RunEnd): boolean {
    const { changes } = this.#database
      .prepare(
        `UPDATE runs SET ended_ms = ?, outcome = ?, code = ?, message = ?, snapshot = ?, bytes_read = ?, bytes_added = ?
         WHERE id = ?`,
      )
      .run(
        endedMs,
        outcome,
        code ?? null,
        message ?? null,
        snapshot ?? null,
        bytes?.read ?? null,
        bytes?.added ?? null,
        id,
      )
    return changes > 0
  }

  /** Newest first: the last that began, whatever the clock said. */
  list({ config, job, sinceMs, limit }: RunFilter): Run[] {
    // Over all jobs, from the end of the table: an index would have to be sorted.
    const which = job === undefined ? '+config = ?' : 'config = ? AND job = ?'
    return this.#all(
      `SELECT * FROM runs WHERE ${which} AND started_ms >= ? ORDER BY number DESC LIMIT ?`,
      config,
      ...(job === undefined ? [] : [job]),
      sinceMs ?? Number.MIN_SAFE_INTEGER,
      limit,
    )
  }

  /** How many runs that were begun since then have ended, and how many of them saved all. ms */
  count(
    config: string,
    job: string,
    sinceMs: number,
    kind: RunKind = 'backup',
  ): { readonly all: number; readonly good: number } {
    const { ended, good, open } = this.#database
      .prepare<unknown[], { ended: number; good: number; open: number }>(
        `SELECT count(outcome) AS ended, count(*) FILTER (WHERE outcome = 'ok') AS good,
           count(*) FILTER (WHERE outcome IS NULL) AS open
         FROM runs WHERE config = ? AND job = ? AND kind = ? AND started_ms >= ? AND outcome IS NOT 'skipped'`,
      )
      .get(config, job, kind, sinceMs) ?? { ended: 0, good: 0, open: 0 }
    return { all: ended + (open > 0 && !this.#isRunning(config, job) ? open : 0), good }
  }

  /** The newest run that was begun and has ended, however old. */
  lastEnded(config: string, job: string, kind: RunKind = 'backup'): Run | undefined {
    return this.#all(
      `SELECT * FROM runs WHERE config = ? AND job = ? AND kind = ? AND outcome IS NOT 'skipped' ORDER BY number DESC LIMIT 2`,
      config,
      job,
      kind,
    ).find(({ outcome }) => outcome !== undefined)
  }

  /** Whether the job was begun for the time at which it was due. */
  wasBegun(config: string, job: string, dueMs: number): boolean {
    const sql =
      "SELECT * FROM runs WHERE config = ? AND job = ? AND due_ms = ? AND outcome IS NOT 'skipped' LIMIT 1"
    return this.#database.prepare(sql).get(config, job, dueMs) !== undefined
  }

  /** The newest run of which a snapshot was saved whole, or that passed its checks, however old. */
  lastGood(config: string, job: string, kind: RunKind = 'backup'): Run | undefined {
    return this.#all(
      "SELECT * FROM runs WHERE config = ? AND job = ? AND kind = ? AND outcome = 'ok' ORDER BY number DESC LIMIT 1",
      config,
      job,
      kind,
    )[0]
  }

  /** Runs whose id begins so, at most two. */
  beginningWith(config: string, text: string): Run[] {
    return this.#all(
      'SELECT * FROM runs WHERE config = ? AND substr(id, 1, ?) = ? LIMIT 2',
      config,
      text.length,
      text,
    )
  }

  /** Forgets runs that began before; those that run stay, and of each job the last and the last good one. */
  forgetBefore(startedMs: number): void {
    this.#database
      .prepare(
        `DELETE FROM runs WHERE started_ms < ? AND outcome IS NOT NULL
         AND number NOT IN (SELECT max(number) FROM runs WHERE outcome = 'ok' GROUP BY config, job, kind)
         AND number NOT IN (SELECT max(number) FROM runs WHERE outcome <> 'skipped' GROUP BY config, job, kind)`,
      )
      .run(startedMs)
  }

  #bury(config: string, job: string): void {
    this.#database
      .prepare(
        "UPDATE runs SET outcome = 'died', message = ? WHERE config = ? AND job = ? AND outcome IS NULL",
      )
      .run(DIED, config, job)
  }

  /** Rows that are none of ours are left out. Reading writes nothing: what is on record as running, of a job that does not run, has died. */
  #all(sql: string, ...values: readonly unknown[]): Run[] {
    const rows = this.#database.prepare<unknown[], Row>(sql).all(...values)
    return rows
      .flatMap((row) => runOf(row) ?? [])
      .map((run) =>
        run.outcome === undefined && !this.#isRunning(run.config, run.job)
          ? { ...run, outcome: 'died', message: DIED }
          : run,
      )
  }
}

const DIED = 'its process ended without a word: it was killed, or the machine stopped'

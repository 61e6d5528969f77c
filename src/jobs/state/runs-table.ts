/** Runs of jobs: what began when, by whom it was started, and how it ended. */
import type { Database } from './state-database.ts'

/** Who started it: somebody at a command line, the schedule, or the API. */
export const TRIGGERS = ['hand', 'schedule', 'api'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** `died`: its process has gone without a word. `skipped`: it was due while the one before was running still. */
export const OUTCOMES = ['ok', 'incomplete', 'failed', 'interrupted', 'died', 'skipped'] as const
export type Outcome = (typeof OUTCOMES)[number]

export type Run = {
  readonly id: string
  /** The file of the configuration; with the job's name it tells jobs apart. */
  readonly config: string
  readonly job: string
  readonly repository: string
  readonly trigger: Trigger
  /** When it was to start by its schedule. ms */
  readonly dueMs: number | undefined
  /** ms */
  readonly startedMs: number
  /** ms; `undefined` while it runs, and where nobody knows. */
  readonly endedMs: number | undefined
  /** `undefined`: it runs. */
  readonly outcome: Outcome | undefined
  /** Of its error. */
  readonly code: string | undefined
  readonly message: string | undefined
  readonly snapshot: string | undefined
  /** Bytes read, and added to the repository. */
  readonly bytes: { readonly read: number; readonly added: number } | undefined
  /** The file of its log. */
  readonly log: string | undefined
}

export type RunBeginning = Pick<
  Run,
  'id' | 'config' | 'job' | 'repository' | 'trigger' | 'dueMs' | 'startedMs'
> & {
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

type Row = {
  readonly id: string
  readonly config: string
  readonly job: string
  readonly repository: string
  readonly trigger: string
  readonly due_ms: number | null
  readonly started_ms: number
  readonly ended_ms: number | null
  readonly pid: number
  readonly outcome: string | null
  readonly code: string | null
  readonly message: string | null
  readonly snapshot: string | null
  readonly bytes_read: number | null
  readonly bytes_added: number | null
  readonly log: string | null
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
    const { id, config, job, repository, trigger, dueMs, startedMs, log, pid } = run
    this.#database
      .prepare(
        `INSERT INTO runs (id, config, job, repository, trigger, due_ms, started_ms, pid, log, ended_ms, outcome, message)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
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

  end(id: string, { endedMs, outcome, code, message, snapshot, bytes }: RunEnd): void {
    this.#database
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
  }

  /** Newest first. */
  list({ config, job, sinceMs, limit }: RunFilter): Run[] {
    this.#buryDead()
    return this.#database
      .prepare<unknown[], Row>(
        `SELECT * FROM runs WHERE config = $config AND ($job IS NULL OR job = $job) AND started_ms >= $since
         ORDER BY started_ms DESC, id DESC LIMIT $limit`,
      )
      .all({ config, job: job ?? null, since: sinceMs ?? Number.MIN_SAFE_INTEGER, limit })
      .map(runOf)
  }

  /** Whether the job was begun for the time at which it was due. */
  wasBegun(config: string, job: string, dueMs: number): boolean {
    const sql =
      "SELECT * FROM runs WHERE config = ? AND job = ? AND due_ms = ? AND outcome IS NOT 'skipped' LIMIT 1"
    return this.#one(sql, config, job, dueMs) !== undefined
  }

  /** The newest run of which a snapshot was saved whole, however old. */
  lastGood(config: string, job: string): Run | undefined {
    return this.#one(
      "SELECT * FROM runs WHERE config = ? AND job = ? AND outcome = 'ok' ORDER BY started_ms DESC LIMIT 1",
      config,
      job,
    )
  }

  /** Runs whose id begins so, at most two. */
  beginningWith(config: string, text: string): Run[] {
    return this.#database
      .prepare<unknown[], Row>('SELECT * FROM runs WHERE config = ? AND substr(id, 1, ?) = ? LIMIT 2')
      .all(config, text.length, text)
      .map(runOf)
  }

  /** Forgets runs that began before; those that run stay. */
  forgetBefore(startedMs: number): void {
    this.#database.prepare('DELETE FROM runs WHERE started_ms < ? AND outcome IS NOT NULL').run(startedMs)
  }

  /** Of jobs that do not run, what is on record as running has ended, nobody knows when. */
  #buryDead(): void {
    const running = this.#database
      .prepare<unknown[], Pick<Row, 'config' | 'job'>>(
        'SELECT DISTINCT config, job FROM runs WHERE outcome IS NULL',
      )
      .all()
    for (const { config, job } of running) if (!this.#isRunning(config, job)) this.#bury(config, job)
  }

  #bury(config: string, job: string): void {
    this.#database
      .prepare(
        "UPDATE runs SET outcome = 'died', message = ? WHERE config = ? AND job = ? AND outcome IS NULL",
      )
      .run('its process ended without a word: it was killed, or the machine stopped', config, job)
  }

  #one(sql: string, ...values: readonly unknown[]): Run | undefined {
    const row = this.#database.prepare<unknown[], Row>(sql).get(...values)
    return row === undefined ? undefined : runOf(row)
  }
}

function runOf(row: Row): Run {
  const { bytes_read: read, bytes_added: added } = row
  return {
    id: row.id,
    config: row.config,
    job: row.job,
    repository: row.repository,
    trigger: TRIGGERS.find((known) => known === row.trigger) ?? 'hand',
    dueMs: row.due_ms ?? undefined,
    startedMs: row.started_ms,
    endedMs: row.ended_ms ?? undefined,
    outcome: OUTCOMES.find((known) => known === row.outcome),
    code: row.code ?? undefined,
    message: row.message ?? undefined,
    snapshot: row.snapshot ?? undefined,
    bytes: read === null || added === null ? undefined : { read, added },
    log: row.log ?? undefined,
  }
}

/**
 * A run of a job as this machine keeps it: one at a time, with a log and an entry in the history. What is to be remembered never
 * keeps a run from being done: where it cannot be, that is a warning.
 */
import { formatDuration } from '../../base/duration.ts'
import type { Clock, Random } from '../../model/clock.ts'
import { hasCode, messageOf, SnapError } from '../../model/errors.ts'
import type { JobLock } from '../state/job-lock.ts'
import type { Run, RunEnd, Trigger } from '../state/runs-table.ts'
import { State } from '../state/state.ts'
import { type Journal, type JournalFile, openJournal } from './journal.ts'
import { logDirectory, logFile, removeLogsBefore } from './log-files.ts'
import { newRunId } from './run-id.ts'

export type RunRequest = {
  /** The configuration, as the history names it. */
  readonly config: string
  readonly job: string
  readonly repository: string
  readonly trigger: Trigger
  /** ms */
  readonly dueMs: number | undefined
  /** Given by whoever started it; else a new one. */
  readonly id: string | undefined
  readonly secrets: readonly string[]
  /** How long runs and their logs are kept. ms */
  readonly keepRunsMs: number
  readonly keepLogsMs: number
}

export type RunPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly warn: (text: string) => void
}

export class RunRecord implements Disposable {
  readonly id: string
  /** `undefined` where nothing can be written. */
  readonly journal: Journal | undefined
  readonly #state: State | undefined
  #lock: JobLock | undefined
  readonly #file: JournalFile | undefined
  readonly #ports: RunPorts

  /** `JOB_RUNNING` where a run of the job is under way. `directory`: of the state. */
  static begin(directory: string, request: RunRequest, ports: RunPorts): RunRecord {
    const startedMs = ports.clock.now()
    const id = request.id ?? newRunId(startedMs, ports.random)
    let state: State | undefined
    let lock: JobLock | undefined
    try {
      state = State.open(directory, ports.clock)
      lock = state.guarded(
        (open) => open.lock(request.config, request.job) ?? refuse(open, request, startedMs),
      )
      state.guarded((open) => refuseAgain(open, request))
      const log = logFile(directory, id)
      state.guarded(({ runs }) => {
        const { config, job, repository, trigger, dueMs } = request
        runs.begin({ id, config, job, repository, trigger, dueMs, startedMs, log, pid: process.pid })
        runs.forgetBefore(startedMs - request.keepRunsMs)
      })
      removeLogsBefore(directory, startedMs - request.keepLogsMs)
      const failed = (reason: string): void => ports.warn(`the log ${log} cannot be written: ${reason}`)
      const { job, secrets } = request
      const file = openJournal(logDirectory(directory), log, {
        run: id,
        job,
        clock: ports.clock,
        secrets,
        failed,
      })
      return new RunRecord(id, ports, state, lock, file)
    } catch (error) {
      lock?.[Symbol.dispose]()
      state?.[Symbol.dispose]()
      if (!hasCode(error, 'STATE_FAILED')) throw error
      ports.warn(`${error.message}: this run is not on record`)
      return new RunRecord(id, ports, undefined, undefined, undefined)
    }
  }

  private constructor(
    id: string,
    ports: RunPorts,
    state: State | undefined,
    lock: JobLock | undefined,
    file: JournalFile | undefined,
  ) {
    this.id = id
    this.journal = file
    this.#ports = ports
    this.#state = state
    this.#lock = lock
    this.#file = file
  }

  /** From here on the job may run again. */
  end(end: Omit<RunEnd, 'endedMs'>): void {
    try {
      const endedMs = this.#ports.clock.now()
      this.#state?.guarded(({ runs }) => runs.end(this.id, { ...end, endedMs }))
    } catch (error) {
      if (!hasCode(error, 'STATE_FAILED')) throw error
      this.#ports.warn(`${error.message}: how this run ended is not on record`)
    }
    this.#lock?.[Symbol.dispose]()
    this.#lock = undefined
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]()
    this.#lock?.[Symbol.dispose]()
    this.#state?.[Symbol.dispose]()
  }
}

/** Where two keep the schedule, one of them is the first. */
function refuseAgain({ runs }: State, { config, job, dueMs }: RunRequest): void {
  if (dueMs === undefined || !runs.wasBegun(config, job, dueMs)) return
  throw new SnapError('JOB_RUNNING', `${job} was run already for ${new Date(dueMs).toISOString()}`, {
    hint: 'Does another daemon, or cron, keep the same schedule?',
  })
}

function refuse({ runs }: State, { config, job }: RunRequest, nowMs: number): never {
  const running: Run | undefined = runs
    .list({ config, job, limit: 1 })
    .find(({ outcome }) => outcome === undefined)
  const since = running === undefined ? '' : ` since ${formatDuration(nowMs - running.startedMs)}`
  throw new SnapError(
    'JOB_RUNNING',
    `${job} is running${since}${running === undefined ? '' : ` (${running.id})`}`,
    {
      hint: 'Wait until it has ended; `snap runs` tells of it.',
    },
  )
}

/** What the history says of an error. */
export function failureOf(error: unknown): Omit<RunEnd, 'endedMs'> {
  const outcome = hasCode(error, 'INTERRUPTED')
    ? 'interrupted'
    : hasCode(error, 'INCOMPLETE')
      ? 'incomplete'
      : 'failed'
  return { outcome, message: messageOf(error), ...(error instanceof SnapError ? { code: error.code } : {}) }
}

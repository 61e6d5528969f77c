/**
 * A run of a job or a drill as this machine keeps it: one at a time, with a log and an entry in the history. What is to be remembered never
 * keeps a run from being done: where it cannot be, that is a warning.
 */
import { formatDuration } from '../../base/duration.ts'
import type { Clock, Random } from '../../model/clock.ts'
import { hasCode, messageOf, SnapError } from '../../model/errors.ts'
import { type JobLock, lockJob } from '../state/job-lock.ts'
import type { Run, RunKind, Trigger } from '../state/run.ts'
import type { RunEnd } from '../state/runs-table.ts'
import { State } from '../state/state.ts'
import { isDamaged } from '../state/state-database.ts'
import { type Journal, type JournalFile, openJournal } from './journal.ts'
import { logDirectory, logFile, removeLogsBefore } from './log-files.ts'
import { newRunId } from './run-id.ts'

export type RunRequest = {
  /** The configuration, as the history names it. */
  readonly config: string
  readonly kind: RunKind
  /** The name of the job, or of the drill. */
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

/** Behind the running one come those that were skipped meanwhile. */
const RUNS_SEEN = 100

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
    const unlocked: string[] = []
    const lock = lockOf(directory, request, { ...ports, warn: (text) => unlocked.push(text) })
    try {
      const state = entered(directory, id, startedMs, request, ports)
      // Where nothing can be kept at all that has been said.
      if (state !== undefined) for (const text of unlocked) ports.warn(text)
      // Where there cannot be a lock there cannot be a log.
      const file = lock === undefined ? undefined : journalOf(directory, id, request, ports)
      removeLogsBefore(directory, startedMs - request.keepLogsMs)
      return new RunRecord(id, ports, state, lock, file)
    } catch (error) {
      lock?.[Symbol.dispose]()
      throw error
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

  /** From here on the job may run again. `false` where the history does not say how it ended. */
  end(end: Omit<RunEnd, 'endedMs'>): boolean {
    const endedMs = this.#ports.clock.now()
    const isOnRecord = unlessFailed(this.#ports, 'how this run ended is not on record', () =>
      this.#state?.guarded(({ runs }) => runs.end(this.id, { ...end, endedMs })),
    )
    this.#lock?.[Symbol.dispose]()
    this.#lock = undefined
    return isOnRecord === true
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

/** `undefined`, and a warning, where the state cannot be used. */
function unlessFailed<T>({ warn }: RunPorts, consequence: string, act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (!hasCode(error, 'STATE_FAILED')) throw error
    warn(`${error.message}: ${consequence}`)
    return undefined
  }
}

/** Also where the history cannot be kept: two at once would be in each other's way. */
function lockOf(directory: string, request: RunRequest, ports: RunPorts): JobLock | undefined {
  return unlessFailed(ports, 'another run may begin meanwhile', () => {
    const { config, job } = request
    return lockJob(directory, config, job) ?? refuse(directory, request, ports)
  })
}

/** The history, in which the run is. */
function entered(
  directory: string,
  id: string,
  startedMs: number,
  request: RunRequest,
  ports: RunPorts,
): State | undefined {
  const { config, kind, job, repository, trigger, dueMs, keepRunsMs } = request
  const enter = (): State => {
    const state = State.open(directory, ports.clock)
    try {
      const log = logFile(directory, id)
      const run = { id, kind, config, job, repository, trigger, dueMs, startedMs, log, pid: process.pid }
      state.guarded((open) => refuseAgain(open, request))
      state.guarded(({ runs }) => {
        runs.begin(run)
        runs.forgetBefore(startedMs - keepRunsMs)
      })
      return state
    } catch (error) {
      state[Symbol.dispose]()
      throw error
    }
  }
  return unlessFailed(ports, 'this run is not on record', () => {
    try {
      return enter()
    } catch (error) {
      // Damage that showed only now has set the file aside, and a new one begins.
      if (error instanceof SnapError && isDamaged(error.cause)) return enter()
      throw error
    }
  })
}

function journalOf(directory: string, run: string, request: RunRequest, ports: RunPorts): JournalFile {
  const path = logFile(directory, run)
  return openJournal(logDirectory(directory), path, {
    run,
    job: request.job,
    clock: ports.clock,
    secrets: request.secrets,
    failed: (reason) => ports.warn(`the log ${path} cannot be written: ${reason}`),
  })
}

function refuse(directory: string, { config, job }: RunRequest, { clock }: RunPorts): never {
  const running = runningRun(directory, config, job, clock)
  const since = running === undefined ? '' : ` since ${formatDuration(clock.now() - running.startedMs)}`
  throw new SnapError(
    'JOB_RUNNING',
    `${job} is running${since}${running === undefined ? '' : ` (${running.id})`}`,
    {
      hint: 'Wait until it has ended; `snap runs` tells of it.',
    },
  )
}

/** `undefined` where it is not on record. */
function runningRun(directory: string, config: string, job: string, clock: Clock): Run | undefined {
  try {
    using state = State.open(directory, clock)
    return state
      .guarded(({ runs }) => runs.list({ config, job, limit: RUNS_SEEN }))
      .find(({ outcome }) => outcome === undefined)
  } catch (error) {
    if (!hasCode(error, 'STATE_FAILED')) throw error
    return undefined
  }
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

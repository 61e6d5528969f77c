/**
 * Keeps the schedules of a configuration: starts jobs and drills when they are due, looks now and then for what is stale or full, and takes orders.
 * What the jobs do is done by processes of their own.
 */
import type { Config } from '../jobs/config/config.ts'
import { newRunId } from '../jobs/runs/run-id.ts'
import { runnableOf, runnablesOf } from '../jobs/schedule/runnables.ts'
import { Scheduler, type SkipReason } from '../jobs/schedule/scheduler.ts'
import type { Outcome, Trigger } from '../jobs/state/run.ts'
import type { State } from '../jobs/state/state.ts'
import type { Clock, Random } from '../model/clock.ts'
import { hasCode, messageOf, SnapError } from '../model/errors.ts'
import { Checks } from './checks.ts'
import { Events } from './events.ts'
import type { EndedRun, JobProcesses, ProcessesOptions, RunOrder } from './job-processes.ts'
import type { ServiceManager } from './service-manager.ts'

export type DaemonOptions = {
  readonly config: Config
  /** Of the configuration in the history. */
  readonly key: string
  readonly host: string
  readonly state: State
}

export type Processes = Pick<JobProcesses, 'has' | 'count' | 'start' | 'stop' | 'drain' | 'change'>

export type ProcessEvents = Pick<ProcessesOptions, 'began' | 'ended'>

export type DaemonPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly manager: ServiceManager
  /** A sentence about what happens. */
  readonly note: (text: string) => void
  readonly warn: (text: string) => void
  /** Resolves after `ms`, and when `signal` is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** What runs jobs, and tells of each. */
  readonly processes: (events: Events, told: ProcessEvents) => Processes
  /** Looks for what is stale or full, and tells of it. */
  readonly check: (config: Config, signal: AbortSignal) => Promise<void>
}

/** Of one that runs for years, the first tell enough. */
const FAILED_MAX = 100
/** As the command line ends where the job runs already: somebody else was faster. */
const EXIT_RUNNING = 11
/** However far off the next run is: a clock may be set, and a machine may have slept. ms */
const SLEEP_MS_MAX = 30_000
const MINUTE_MS = 60_000
const checkedName = (key: string): string => `checked ${key}`
const dueName = (key: string, job: string): string => `due ${key} ${job}`

export class Daemon {
  readonly events: Events = new Events()
  readonly #options: DaemonOptions
  readonly #ports: DaemonPorts
  readonly #processes: Processes
  #config: Config
  #scheduler: Scheduler
  #woken = new AbortController()
  readonly #failed: string[] = []
  #isUnkeptTold = false
  readonly #checks: Checks

  constructor(options: DaemonOptions, ports: DaemonPorts) {
    this.#options = options
    this.#ports = ports
    this.#config = options.config
    this.#processes = ports.processes(this.events, {
      began: (run) => this.#began(run),
      ended: (run) => this.#ended(run),
    })
    this.#scheduler = this.#newScheduler()
    this.#checks = this.#newChecks()
  }

  get config(): Config {
    return this.#config
  }

  /** Until `signal`; then the jobs that run are ended, and this returns. */
  async run(signal: AbortSignal): Promise<void> {
    const { manager, note } = this.#ports
    manager.ready()
    while (!signal.aborted) {
      let nextMs: number | undefined
      // What cannot be read now may be read in a moment: nobody would run the jobs if this ended.
      this.#saving(() => {
        nextMs = this.tick(signal)
      })
      this.#tellStatus(nextMs)
      await this.#sleep(nextMs, signal)
    }
    manager.stopping()
    if (this.#processes.count > 0) note('ending the jobs that run')
    await this.#processes.stop()
    await this.#checks.drain()
  }

  /** Starts what is due by now, and waits for it: for whoever is called now and then. Returns what did not end well. */
  async once(signal: AbortSignal): Promise<readonly string[]> {
    this.tick(signal)
    using _stopping = onAbort(signal, () => void this.#processes.stop())
    await this.#processes.drain()
    await this.#checks.drain()
    return this.#failed
  }

  /** Starts what is due by now. Returns when something is due next. ms */
  tick(signal: AbortSignal): number | undefined {
    const next = this.#scheduler.tick()
    this.#checks.tick(this.#config, this.#ports.clock.now(), signal)
    return next
  }

  /** From now on. Jobs that run go on. */
  reload(config: Config): void {
    this.#config = config
    this.#processes.change({ atOnce: config.daemon.jobsAtOnce })
    this.#scheduler = this.#newScheduler()
    this.#checks.want()
    this.events.emit({ event: 'reloaded' })
    this.wake()
  }

  wake(): void {
    this.#woken.abort()
  }

  /** Starts a run of a job or a drill, with more arguments. Returns its id. `JOB_RUNNING` where it runs already; `RUN_UNKNOWN` where there is none of the name. */
  start(job: string, trigger: Trigger, args: readonly string[] = []): string {
    const { clock, random } = this.#ports
    if (this.#isRunning(job))
      throw new SnapError('JOB_RUNNING', `${job} is running`, { hint: 'Wait until it has ended.' })
    const id = newRunId(clock.now(), random)
    this.#processes.start({ id, job, command: this.#commandOf(job), trigger, args })
    return id
  }

  #newScheduler(): Scheduler {
    const { host } = this.#options
    const { clock, random, note } = this.#ports
    const jobs = runnablesOf(this.#config).flatMap(({ name, schedule }) =>
      schedule === undefined ? [] : [{ name, schedule }],
    )
    return new Scheduler(jobs, {
      clock,
      host,
      lastHandled: (job) => this.#lastHandled(job),
      handled: (job, dueMs) => this.#handled(job, dueMs),
      isRunning: (job) => this.#isRunning(job),
      start: (job, dueMs) => {
        const id = newRunId(clock.now(), random)
        note(`${job} begins (${id})`)
        this.#processes.start({ id, job, command: this.#commandOf(job), trigger: 'schedule', dueMs })
      },
      skipped: (job, dueMs, why) => this.#skipped(job, dueMs, why),
    })
  }

  #newChecks(): Checks {
    const { state, key } = this.#options
    const { check, warn } = this.#ports
    return new Checks({
      last: (nowMs) => state.guarded((open) => open.recallTime(checkedName(key), nowMs)),
      began: (nowMs) =>
        this.#saving(() => state.guarded((open) => open.rememberTime(checkedName(key), nowMs))),
      isKept: () => state.unkept === undefined,
      check,
      warn,
    })
  }

  #commandOf(name: string): RunOrder['command'] {
    const known = runnableOf(this.#config, name)
    if (known === undefined)
      throw new SnapError('RUN_UNKNOWN', `there is no job and no drill "${name}"`, {
        hint: '`snap schedule list` lists them.',
      })
    return known.command
  }

  #isRunning(job: string): boolean {
    const { state, key } = this.#options
    return this.#processes.has(job) || state.guarded((open) => open.isRunning(key, job))
  }

  #skipped(job: string, dueMs: number, why: SkipReason): void {
    const { clock, random, note } = this.#ports
    const message =
      why === 'running' ? 'the run before was still under way' : 'it was missed, and is not to be caught up'
    const id = newRunId(clock.now(), random)
    note(`${job} was due and is skipped: ${message}`)
    this.events.emit({ event: 'run_skipped', run_id: id, job, message })
    this.#saving(() => this.#record({ id, job, trigger: 'schedule', dueMs }, 'skipped', message))
  }

  #record(
    { id, job, trigger, dueMs }: Pick<EndedRun, 'id' | 'job' | 'trigger' | 'dueMs'>,
    outcome: Outcome,
    message: string,
  ): void {
    const { state, key } = this.#options
    const startedMs = this.#ports.clock.now()
    const { kind, repository = '' } = runnableOf(this.#config, job) ?? {}
    const run = { id, kind, config: key, job, repository, trigger, dueMs, startedMs, pid: process.pid }
    state.guarded(({ runs }) => runs.record(run, outcome, message))
  }

  /** Where nothing can be remembered at all, as cron has it: what is due in this minute. */
  #lastHandled(job: string): number | undefined {
    const { state, key } = this.#options
    const nowMs = this.#ports.clock.now()
    const last = state.guarded((open) => open.recallTime(dueName(key, job), nowMs))
    return last === undefined && state.unkept !== undefined ? nowMs - MINUTE_MS : last
  }

  #handled(job: string, dueMs: number): void {
    const { state, key } = this.#options
    this.#saving(() => state.guarded((open) => open.rememberTime(dueName(key, job), dueMs)))
  }

  #began({ job, dueMs }: RunOrder): void {
    if (dueMs !== undefined) this.#handled(job, dueMs)
  }

  /** A run whose process did not come so far as to record it is recorded here. */
  #ended(run: EndedRun): void {
    const { state, key } = this.#options
    const { note, warn } = this.#ports
    const { id, job, status, message } = run
    let outcome: Outcome = status === 0 ? 'ok' : status === EXIT_RUNNING ? 'skipped' : 'failed'
    this.#saving(() => {
      const known = state.guarded(({ runs }) => runs.beginningWith(key, id)[0])
      if (known === undefined && outcome === 'failed')
        this.#record(run, outcome, message ?? `it ended with status ${status}`)
      outcome = known?.outcome ?? outcome
    })
    const said = `${job} ended: ${outcome}${message === undefined ? '' : `: ${message}`} (${id})`
    if (outcome === 'ok' || outcome === 'skipped') note(said)
    else {
      warn(said)
      this.#addFailed(`${job} ${outcome}`)
    }
    this.events.emit({ event: 'run_ended', run_id: id, job, outcome, exit_status: status, message })
    if (outcome !== 'ok') this.#checks.want()
    this.wake()
  }

  /** That something cannot be written down does not keep jobs from running. */
  #saving(act: () => void): void {
    const { state } = this.#options
    try {
      act()
      if (state.unkept !== undefined && !this.#isUnkeptTold) this.#tellUnkept(state.unkept)
      this.#isUnkeptTold = state.unkept !== undefined
    } catch (error) {
      if (!hasCode(error, 'STATE_FAILED')) throw error
      this.#tellUnkept(error)
    }
  }

  #tellUnkept(error: SnapError): void {
    this.#ports.warn(messageOf(error))
    this.#addFailed('the history of runs cannot be kept')
  }

  #addFailed(text: string): void {
    if (this.#failed.length < FAILED_MAX && !this.#failed.includes(text)) this.#failed.push(text)
  }

  #tellStatus(nextMs: number | undefined): void {
    const running = this.#processes.count
    const next = nextMs === undefined ? 'nothing is scheduled' : `next at ${new Date(nextMs).toISOString()}`
    this.#ports.manager.status(running === 0 ? next : `${running} running, ${next}`)
  }

  async #sleep(nextMs: number | undefined, signal: AbortSignal): Promise<void> {
    const ms = Math.min(
      SLEEP_MS_MAX,
      Math.max(0, (nextMs ?? Number.POSITIVE_INFINITY) - this.#ports.clock.now()),
    )
    const woken = this.#woken.signal
    await this.#ports.sleep(ms, AbortSignal.any([signal, woken]))
    if (woken.aborted) this.#woken = new AbortController()
  }
}

function onAbort(signal: AbortSignal, act: () => void): Disposable {
  signal.addEventListener('abort', act, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', act) }
}

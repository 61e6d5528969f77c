/**
 * Runs of jobs and drills as processes of their own: so many at once, the others wait in line. A run writes its own history and log; the daemon
 * holds no key of any repository.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { runEnvironment } from '../jobs/runs/run-variables.ts'
import type { Trigger } from '../jobs/state/run.ts'
import { eachLine, jsonFields } from './child-lines.ts'
import type { Events } from './events.ts'

export type RunOrder = {
  readonly id: string
  /** The name of a job, or of a drill. */
  readonly job: string
  /** How snap is told to run it. */
  readonly command: readonly [string, ...string[]]
  readonly trigger: Trigger
  /** ms */
  readonly dueMs?: number | undefined
  /** More arguments behind the command. */
  readonly args?: readonly string[]
}

export type EndedRun = RunOrder & {
  /** `null`: a signal ended it, or it was never started. */
  readonly status: number | null
  /** What it said last of an error. */
  readonly message: string | undefined
}

export type ProcessesOptions = {
  /** The program and its first arguments: what runs this very program. */
  readonly program: readonly [string, ...string[]]
  /** Absolute. */
  readonly configFile: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly atOnce: number
  readonly events: Events
  /** Its process is there. */
  readonly began: (run: RunOrder) => void
  readonly ended: (run: EndedRun) => void
}

/** Of one that does not want to end. Its hooks may take long to start again what they have stopped. ms */
const GRACE_MS = 900_000
/** Of its progress, what is passed on. */
const PROGRESS = [
  'percent_done',
  'total_files',
  'files_done',
  'total_bytes',
  'bytes_done',
  'seconds_remaining',
]

export class JobProcesses {
  #options: ProcessesOptions
  readonly #waiting: RunOrder[] = []
  readonly #running = new Map<string, ChildProcess>()
  readonly #jobs = new Map<string, string>()
  #isStopped = false
  readonly #idle: (() => void)[] = []

  constructor(options: ProcessesOptions) {
    this.#options = options
  }

  /** What runs goes on as it is. */
  change(options: Pick<ProcessesOptions, 'atOnce'>): void {
    this.#options = { ...this.#options, ...options }
    this.#startNext()
  }

  /** Running or in line. */
  has(job: string): boolean {
    return this.#jobs.has(job)
  }

  /** The id of its run. */
  runOf(job: string): string | undefined {
    return this.#jobs.get(job)
  }

  get count(): number {
    return this.#jobs.size
  }

  /** The job must not run or wait already. */
  start(order: RunOrder): void {
    if (this.#isStopped) return
    this.#jobs.set(order.job, order.id)
    this.#waiting.push(order)
    this.#options.events.emit({
      event: 'run_queued',
      run_id: order.id,
      job: order.job,
      trigger: order.trigger,
    })
    this.#startNext()
  }

  /** Resolves when nothing runs and nothing waits. */
  async drain(): Promise<void> {
    if (this.#jobs.size === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Ends all; resolves when none runs any more. What waits is not begun. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const { job } of this.#waiting.splice(0)) this.#jobs.delete(job)
    for (const child of this.#running.values()) child.kill('SIGTERM')
    const timer = setTimeout(() => {
      for (const child of this.#running.values()) child.kill('SIGKILL')
    }, GRACE_MS)
    await this.drain()
    clearTimeout(timer)
  }

  #startNext(): void {
    while (this.#running.size < this.#options.atOnce) {
      const order = this.#waiting.shift()
      if (order === undefined) return
      this.#spawn(order)
    }
  }

  #spawn(order: RunOrder): void {
    const { program, configFile, env, events } = this.#options
    const [node, ...first] = program
    const { id, job, command, trigger, dueMs, args = [] } = order
    const child = spawn(node, [...first, ...command, '--json', '--config', configFile, ...args], {
      env: {
        ...env,
        ...runEnvironment({ id, trigger, dueMs }),
        NOTIFY_SOCKET: undefined,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C would reach it beside what `stop` sends, and a second signal ends it without its hooks.
      detached: process.platform !== 'win32',
    })
    this.#running.set(id, child)
    if (child.pid !== undefined) this.#options.began(order)
    events.emit({ event: 'run_started', run_id: id, job, trigger })
    let message: string | undefined
    eachLine(child.stdout, (line) => this.#progress(order, line))
    eachLine(child.stderr, (line) => {
      const said = jsonFields(line)
      if (said?.get('message_type') === 'exit_error') message = String(said.get('message'))
    })
    let failure: string | undefined
    child.once('error', (error) => {
      failure = `it cannot be started: ${error.message}`
    })
    child.once('close', (status) => {
      this.#running.delete(id)
      this.#jobs.delete(job)
      this.#options.ended({ ...order, status, message: failure ?? message })
      if (!this.#isStopped) this.#startNext()
      if (this.#jobs.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    })
  }

  #progress({ id, job }: RunOrder, line: string): void {
    const { events } = this.#options
    if (events.listeners === 0) return
    const fields = jsonFields(line)
    if (fields?.get('message_type') !== 'status') return
    const numbers = PROGRESS.flatMap((name) => {
      const value = fields.get(name)
      return typeof value === 'number' ? [[name, value] as const] : []
    })
    events.emit({ event: 'run_progress', run_id: id, job, ...Object.fromEntries(numbers) })
  }
}

/**
 * Starts jobs and drills when they are due, whoever keeps the time: it is asked now and then, starts what is due by then, and says when it wants to
 * be asked again. What was missed, because nobody asked, is started once. It knows neither timers nor processes.
 */
import type { Clock } from '../../model/clock.ts'
import type { Schedule } from './schedule.ts'

export type ScheduledJob = {
  readonly name: string
  readonly schedule: Schedule
}

export type SchedulerPorts = {
  readonly clock: Clock
  /** Of this machine: delays are its own. */
  readonly host: string
  /** When a job was last due and was seen to: what `handled` was told, also by earlier processes. ms */
  readonly lastHandled: (job: string) => number | undefined
  readonly handled: (job: string, dueMs: number) => void
  readonly isRunning: (job: string) => boolean
  /** `handled` is to be told by whoever begins it. */
  readonly start: (job: string, dueMs: number) => void
  /** It was due and is not started. */
  readonly skipped: (job: string, dueMs: number, why: SkipReason) => void
}

/** `late`: it was missed, and is not to be caught up. */
export type SkipReason = 'running' | 'late'

const HOUR_MS = 3_600_000
/** A run that begins so much later than it was due was missed. ms */
const LATE_MS = 600_000
/** A clock that was put back by more shows that it was wrong before. ms */
const CLOCK_AHEAD_MS = HOUR_MS

export class Scheduler {
  readonly #jobs: readonly ScheduledJob[]
  readonly #ports: SchedulerPorts
  /** Here too: what cannot be written down is not started again and again. */
  readonly #handled = new Map<string, number>()
  /** When each begins next, as it was worked out last: `undefined` for never. Until then there is nothing to see to. */
  readonly #next = new Map<string, number | undefined>()
  #lastTickMs = Number.NEGATIVE_INFINITY

  constructor(jobs: readonly ScheduledJob[], ports: SchedulerPorts) {
    this.#jobs = jobs
    this.#ports = ports
  }

  /** Starts what is due. Returns when something is due next; `undefined`: nothing ever. ms */
  tick(): number | undefined {
    const nowMs = this.#ports.clock.now()
    // A clock that was put back changes what comes next.
    if (nowMs < this.#lastTickMs) this.#next.clear()
    this.#lastTickMs = nowMs
    for (const job of this.#jobs) {
      const next = this.#next.get(job.name) ?? Number.POSITIVE_INFINITY
      if (this.#next.has(job.name) && nowMs < next) continue
      this.#see(job, nowMs)
      this.#next.set(job.name, this.#nextStart(job, nowMs))
    }
    const starts = [...this.#next.values()].flatMap((next) => next ?? [])
    return starts.length === 0 ? undefined : Math.min(...starts)
  }

  #see({ name, schedule }: ScheduledJob, nowMs: number): void {
    const { isRunning, start, skipped } = this.#ports
    const last = this.#lastHandled(name, nowMs)
    const dueMs = this.#dueBetween(name, schedule, last, nowMs)
    if (dueMs === undefined) return
    const isLate = nowMs - dueMs - this.#delay(name, schedule, dueMs) > LATE_MS
    if (!isRunning(name) && !(isLate && !schedule.texts.catchUp)) {
      start(name, dueMs)
      // It may wait in line for long: whoever begins it writes that down, so that nothing is lost with what waits.
      this.#handled.set(name, dueMs)
      return
    }
    skipped(name, dueMs, isRunning(name) ? 'running' : 'late')
    this.#remember(name, dueMs)
  }

  /** Of a job that was never seen before, everything up to here counts as seen to. */
  #lastHandled(name: string, nowMs: number): number {
    const last = this.#handled.get(name) ?? this.#ports.lastHandled(name)
    if (last !== undefined && last <= nowMs + CLOCK_AHEAD_MS) return last
    this.#remember(name, nowMs)
    return nowMs
  }

  #remember(name: string, dueMs: number): void {
    this.#handled.set(name, dueMs)
    this.#ports.handled(name, dueMs)
  }

  /** The last time after `last` at which it was due and whose delay has passed. */
  #dueBetween(name: string, schedule: Schedule, last: number, nowMs: number): number | undefined {
    const has = (dueMs: number | undefined): boolean =>
      dueMs !== undefined && dueMs > last && dueMs + this.#delay(name, schedule, dueMs) <= nowMs
    const newest = schedule.until(nowMs)
    if (has(newest)) return newest
    const before = newest === undefined ? undefined : schedule.until(newest - 1)
    return has(before) ? before : undefined
  }

  #nextStart({ name, schedule }: ScheduledJob, nowMs: number): number | undefined {
    const last = schedule.until(nowMs)
    if (last !== undefined && last > this.#lastHandled(name, nowMs)) {
      const start = last + this.#delay(name, schedule, last)
      if (start > nowMs) return start
    }
    const next = schedule.after(nowMs)
    return next === undefined ? undefined : next + this.#delay(name, schedule, next)
  }

  #delay(name: string, schedule: Schedule, dueMs: number): number {
    return schedule.delay(dueMs, `${this.#ports.host} ${name}`)
  }
}

/**
 * The daemon over a simulated year: its clock and its sleep are the test's, its state is a real one. The runs that it starts are
 * held against a table that is made minute by minute from wall clocks alone, without the program's scheduling.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Daemon, type ProcessEvents, type Processes } from '../../../src/daemon/daemon.ts'
import type { RunOrder } from '../../../src/daemon/job-processes.ts'
import { serviceManager } from '../../../src/daemon/service-manager.ts'
import type { Config } from '../../../src/jobs/config/config.ts'
import { readConfig } from '../../../src/jobs/config/read-config.ts'
import { State } from '../../../src/jobs/state/state.ts'
import { fastScratch } from '../../support/snap.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const KEY = 'here:/snap.yaml'
const BEGIN = Date.UTC(2026, 0, 1)
const END = Date.UTC(2027, 0, 1)

type Wall = {
  readonly minuteOfDay: number
  readonly weekday: number
  readonly day: number
  readonly lastDay: number
}

type JobPlan = {
  readonly yaml: string
  readonly zone: string
  /** By the wall clock, whether it is due in that minute. */
  readonly isDue: (wall: Wall) => boolean
  /** It is due in each hour or more often: then nothing is left out where a clock is put back. */
  readonly isHourly?: boolean
  readonly catchUp?: boolean
  /** How long a run takes. ms */
  readonly takes: number
}

const at = (hour: number, minute = 0): number => hour * 60 + minute
const SUNDAY = 0

/** Zones on both sides of the equator, one of which moves its clock by half an hour. */
const PLANS: Readonly<Record<string, JobPlan>> = {
  daily: {
    yaml: "{ at: 'daily at 02:00', timezone: UTC }",
    zone: 'UTC',
    isDue: ({ minuteOfDay }) => minuteOfDay === at(2),
    takes: 25 * MINUTE,
  },
  weekly: {
    yaml: "{ at: 'sunday at 01:00', timezone: UTC }",
    zone: 'UTC',
    isDue: ({ minuteOfDay, weekday }) => weekday === SUNDAY && minuteOfDay === at(1),
    takes: 5 * HOUR,
  },
  monthly: {
    yaml: "{ at: 'first sunday at 00:00', timezone: UTC }",
    zone: 'UTC',
    isDue: ({ minuteOfDay, weekday, day }) => weekday === SUNDAY && day <= 7 && minuteOfDay === 0,
    takes: 9 * HOUR,
  },
  gap: {
    yaml: "{ at: 'daily at 02:30', timezone: Europe/Berlin }",
    zone: 'Europe/Berlin',
    isDue: ({ minuteOfDay }) => minuteOfDay === at(2, 30),
    takes: MINUTE,
  },
  lateOnly: {
    yaml: "{ at: '15 2 * * *', timezone: Australia/Lord_Howe, catch-up: false }",
    zone: 'Australia/Lord_Howe',
    isDue: ({ minuteOfDay }) => minuteOfDay === at(2, 15),
    catchUp: false,
    takes: MINUTE,
  },
  hourly: {
    yaml: '{ at: hourly, timezone: America/New_York }',
    zone: 'America/New_York',
    isDue: ({ minuteOfDay }) => minuteOfDay % 60 === 0,
    isHourly: true,
    takes: 20 * MINUTE,
  },
  often: {
    yaml: "{ at: '*/20 8-17 * * 1-5', timezone: Europe/Berlin }",
    zone: 'Europe/Berlin',
    isDue: ({ minuteOfDay, weekday }) =>
      minuteOfDay % 20 === 0 && minuteOfDay >= at(8) && minuteOfDay < at(18) && weekday >= 1 && weekday <= 5,
    isHourly: true,
    takes: 50 * MINUTE,
  },
  lastFriday: {
    yaml: "{ at: ['last friday at 18:30', 'monthly at 04:00'], timezone: America/New_York }",
    zone: 'America/New_York',
    isDue: ({ minuteOfDay, weekday, day, lastDay }) =>
      (weekday === 5 && day > lastDay - 7 && minuteOfDay === at(18, 30)) ||
      (day === 1 && minuteOfDay === at(4)),
    takes: 3 * HOUR,
  },
}

/** The machine is off: a short time, a night, a fortnight, over a change of the clock, and for a moment exactly at the full hour. */
const OFF: readonly (readonly [from: number, to: number])[] = [
  [Date.UTC(2026, 1, 3, 1, 59), Date.UTC(2026, 1, 3, 2, 3)],
  [Date.UTC(2026, 2, 28, 20), Date.UTC(2026, 2, 29, 7)],
  [Date.UTC(2026, 5, 1, 12), Date.UTC(2026, 5, 15, 12, 30)],
  [Date.UTC(2026, 9, 24, 22), Date.UTC(2026, 9, 25, 0, 45)],
  [Date.UTC(2026, 10, 11, 10), Date.UTC(2026, 10, 11, 10, 1)],
]

/** `JOB DUE STARTED`, or `JOB DUE skipped`. */
type Line = string
const line = (job: string, dueMs: number, what: number | 'skipped'): Line =>
  `${job} ${iso(dueMs)} ${what === 'skipped' ? what : iso(what)}`
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16)

/** What wall clocks of a zone show in each minute of the year, and all times at which a job is due. */
function dueTimes(plan: JobPlan): number[] {
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: plan.zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  /** The wall clock as if it were UTC, by the offset of that hour's quarter: offsets change at such a time only. */
  const offsetAt = (ms: number): number => {
    const parts = Object.fromEntries(clock.formatToParts(ms).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 1, day = 0, hour = 0, minute = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute) - ms
  }
  const isDueAt = (wallMs: number): boolean => {
    const date = new Date(wallMs)
    const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
    return plan.isDue({
      minuteOfDay: date.getUTCHours() * 60 + date.getUTCMinutes(),
      weekday: date.getUTCDay(),
      day: date.getUTCDate(),
      lastDay,
    })
  }
  const due: number[] = []
  let before = offsetAt(BEGIN - MINUTE)
  let shown = BEGIN - MINUTE + before
  let newest = shown
  for (let ms = BEGIN; ms < END; ms += MINUTE) {
    const offset = ms % (15 * MINUTE) === 0 ? offsetAt(ms) : before
    const wall = ms + offset
    // Put forward: what would fall into the gap is due at its end, once.
    let isDue = isDueAt(wall)
    for (let skipped = shown + MINUTE; skipped < wall; skipped += MINUTE) isDue ||= isDueAt(skipped)
    // Put back: the wall clock shows for the second time what it has shown.
    const isRepeated = wall <= newest
    if (isDue && (plan.isHourly === true || !isRepeated)) due.push(ms)
    before = offset
    shown = wall
    newest = Math.max(newest, wall)
  }
  return due
}

/** What should have been run, worked out minute by minute. */
function expectedRuns(): Line[] {
  const lines: { readonly ms: number; readonly text: Line }[] = []
  for (const [job, plan] of Object.entries(PLANS)) {
    const due = new Set(dueTimes(plan))
    let busyUntil = Number.NEGATIVE_INFINITY
    let missed: number | undefined
    let isFresh = true
    for (let ms = BEGIN; ms < END; ms += MINUTE) {
      const off = OFF.find(([from, to]) => ms >= from && ms < to)
      if (due.has(ms) && !isFresh) missed = ms
      if (off !== undefined) {
        // What runs when the machine goes off ends there.
        busyUntil = Math.min(busyUntil, off[0])
        continue
      }
      // At the first moment nothing was missed yet.
      isFresh = false
      if (missed === undefined) continue
      const isLate = ms - missed > 10 * MINUTE
      if (busyUntil > ms || (isLate && plan.catchUp === false))
        lines.push({ ms, text: line(job, missed, 'skipped') })
      else {
        lines.push({ ms, text: line(job, missed, ms) })
        busyUntil = ms + plan.takes
      }
      missed = undefined
    }
  }
  return lines.map(({ text }) => text).sort()
}

/** Of the plans those that are drills of a job, and are run as the jobs are. */
const DRILLS: readonly string[] = ['weekly', 'lastFriday']

function configOf(): Config {
  const linesOf = (kind: 'jobs' | 'drills', what: string): string[] =>
    Object.entries(PLANS)
      .filter(([name]) => DRILLS.includes(name) === (kind === 'drills'))
      .map(([name, { yaml }]) => `  ${name}: { ${what}, schedule: ${yaml} }`)
  const jobs = [...linesOf('jobs', 'sources: [s]'), 'drills:', ...linesOf('drills', 'job: daily')]
  const text = `repositories: { r: { path: /r } }\nsources: { s: { files: [/s] } }\njobs:\n${jobs.join('\n')}\ndaemon: { check-every: 7d }`
  return readConfig({ file: '/snap.yaml', text, env: {} }).config
}

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A machine with the daemon on it, whose time passes as fast as the test wants. */
class Machine {
  readonly lines: Line[] = []
  readonly directory: string = mkdtempSync(join(fastScratch(50_000_000), 'snapkeep-year-'))
  nowMs: number = BEGIN
  checks = 0
  readonly #busy = new Map<string, { readonly untilMs: number; readonly ended: () => void }>()

  constructor() {
    directories.push(this.directory)
  }

  /** Until `toMs`, then it goes off. `step`: wakes at least so often, as the real one does. */
  async runUntil(toMs: number, config: Config, step: number = Number.POSITIVE_INFINITY): Promise<void> {
    const controller = new AbortController()
    using state = State.open(this.directory, { now: () => this.nowMs })
    const processes = (told: ProcessEvents): Processes => ({
      has: (job) => this.#busy.has(job),
      get count() {
        return 0
      },
      start: (order) => this.#start(order, told),
      stop: async () => this.#busy.clear(),
      drain: async () => undefined,
      change: () => undefined,
    })
    const daemon: Daemon = new Daemon(
      { config, key: KEY, host: 'here', state },
      {
        clock: { now: () => this.nowMs },
        random: { bytes: (count) => new Uint8Array(count).fill(this.lines.length % 256) },
        manager: serviceManager(undefined, () => 0n),
        note: () => undefined,
        warn: (text) => expect(text).toBe(''),
        processes: (_events, told) => processes(told),
        sleep: async () => {
          const next = daemon.tick(controller.signal) ?? Number.POSITIVE_INFINITY
          const ends = [...this.#busy.values()].map(({ untilMs }) => untilMs)
          this.nowMs = Math.min(toMs, next, this.nowMs + step, ...ends)
          for (const [job, { untilMs, ended }] of [...this.#busy]) {
            if (untilMs > this.nowMs) continue
            this.#busy.delete(job)
            ended()
          }
          if (this.nowMs >= toMs) controller.abort()
        },
        check: async () => {
          this.checks += 1
        },
      },
    )
    await daemon.run(controller.signal)
    for (const run of state.runs.list({ config: KEY, limit: 100_000 }))
      if (run.outcome === 'skipped') this.#skipped.add(line(run.job, run.dueMs ?? 0, 'skipped'))
  }

  readonly #skipped = new Set<Line>()

  get all(): Line[] {
    return [...this.lines, ...this.#skipped].sort()
  }

  #start(order: RunOrder, { began, ended }: ProcessEvents): void {
    const { job, dueMs = 0 } = order
    began(order)
    this.lines.push(line(job, dueMs, this.nowMs))
    const untilMs = this.nowMs + PLANS[job]!.takes
    this.#busy.set(job, {
      untilMs,
      ended: () => ended({ ...order, status: 0, message: undefined }),
    })
  }
}

/** Over all times at which it is on. */
async function live(machine: Machine, step?: number): Promise<void> {
  const config = configOf()
  for (const [from, to] of OFF) {
    await machine.runUntil(from, config, step)
    machine.nowMs = to
  }
  await machine.runUntil(END, config, step)
}

describe('the daemon over a year', () => {
  it('runs exactly what an independent table says: zones, changes of the clock, what was missed, what overlaps', async () => {
    const expected = expectedRuns()
    const machine = new Machine()
    await live(machine)
    expect(machine.all).toEqual(expected)
    // The table has something of everything.
    const of = (job: string): Line[] => expected.filter((text) => text.startsWith(`${job} `))
    expect(of('daily')).toContain('daily 2026-02-03T02:00 2026-02-03T02:03')
    expect(of('daily').filter((text) => text.includes('2026-06-'))).toContain(
      'daily 2026-06-15T02:00 2026-06-15T12:30',
    )
    expect(of('gap')).toContain('gap 2026-03-29T01:00 2026-03-29T07:00')
    expect(of('lateOnly').filter((text) => text.endsWith('skipped')).length).toBeGreaterThan(0)
    expect(of('often').filter((text) => text.endsWith('skipped')).length).toBeGreaterThan(1_000)
    expect(of('monthly').filter((text) => !text.endsWith('skipped'))).toHaveLength(12)
    expect(expected.length).toBeGreaterThan(15_000)
    expect(machine.checks).toBeGreaterThanOrEqual(52)
  }, 120_000)

  it('does so too where it wakes each 30 seconds, over the days around changes of the clock', async () => {
    const expected = new Set(expectedRuns())
    for (const from of [Date.UTC(2026, 2, 27), Date.UTC(2026, 9, 23)]) {
      const machine = new Machine()
      machine.nowMs = from
      const config = configOf()
      await machine.runUntil(from + 1, config)
      machine.lines.length = 0
      await machine.runUntil(from + 20 * HOUR, config, 30_000)
      expect(machine.lines.filter((text) => !expected.has(text))).toEqual([])
      expect(machine.lines.length).toBeGreaterThan(30)
    }
  }, 60_000)

  it('goes on where the clock was a year ahead for a while, and runs nothing twice where it is put back a little', async () => {
    const machine = new Machine()
    const config = configOf()
    const two = BEGIN + 3 * DAY + 2 * HOUR
    await machine.runUntil(two + 10_000, config)
    machine.nowMs = two - 20_000
    await machine.runUntil(two + 5 * MINUTE, config)
    expect(machine.lines.filter((text) => text.startsWith('daily 2026-01-04T02:00'))).toHaveLength(1)
    machine.nowMs = BEGIN + 368 * DAY
    await machine.runUntil(machine.nowMs + MINUTE, config)
    machine.nowMs = two + HOUR
    const ahead = machine.lines.length
    await machine.runUntil(BEGIN + 4 * DAY + 3 * HOUR, config)
    const later = machine.lines.slice(ahead)
    expect(later).toContain('daily 2026-01-05T02:00 2026-01-05T02:00')
    expect(new Set(later).size).toBe(later.length)
  })
})

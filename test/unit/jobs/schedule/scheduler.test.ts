import { describe, expect, it } from 'vitest'
import { Schedule } from '../../../../src/jobs/schedule/schedule.ts'
import { Scheduler } from '../../../../src/jobs/schedule/scheduler.ts'

const NOON = Date.UTC(2026, 0, 1, 12)
const TWO = Date.UTC(2026, 0, 2, 2)
const DAY = 86_400_000
/** What is written down outlives a scheduler; what one has started does not. */
function world(catchUp = true) {
  const schedule = new Schedule({ at: ['daily at 02:00'], timeZone: 'UTC', jitterMs: 0, catchUp })
  const written = new Map<string, number>()
  const started: number[] = []
  let nowMs = NOON
  const scheduler = (isRunning = false): Scheduler =>
    new Scheduler([{ name: 'nightly', schedule }], {
      clock: { now: () => nowMs },
      host: 'here',
      lastHandled: (job) => written.get(job),
      handled: (job, dueMs) => written.set(job, dueMs),
      isRunning: () => isRunning,
      start: (_, dueMs) => started.push(dueMs),
      skipped: () => undefined,
    })
  return {
    written,
    started,
    scheduler,
    setTime: (ms: number) => {
      nowMs = ms
    },
  }
}

describe('a scheduler', () => {
  it('starts what is due once, though it is asked again and again', () => {
    const { scheduler, started, setTime } = world()
    const one = scheduler()
    expect(one.tick()).toBe(TWO)
    setTime(TWO)
    one.tick()
    one.tick()
    expect(started).toEqual([TWO])
  })

  it('starts again what waited in line, and was not begun, when the one before ended', () => {
    const { scheduler, started, setTime, written } = world()
    const one = scheduler()
    one.tick()
    setTime(TWO)
    one.tick()
    setTime(TWO + 60_000)
    scheduler().tick()
    expect(started).toEqual([TWO, TWO])
    // From when on it is written down that it was begun, it is not.
    written.set('nightly', TWO)
    scheduler().tick()
    expect(started).toEqual([TWO, TWO])
  })

  it('looks anew where the clock was put back: what is due by then is not waited for until it would be due by the other', () => {
    const { scheduler, started, setTime } = world()
    const one = scheduler()
    setTime(TWO + DAY + 3_600_000)
    one.tick()
    setTime(NOON)
    expect(one.tick()).toBe(TWO)
    setTime(TWO)
    one.tick()
    expect(started).toEqual([TWO])
  })

  it('passes over what was missed and is not to be caught up, and starts what comes next', () => {
    const { scheduler, started, setTime } = world(false)
    const one = scheduler()
    one.tick()
    setTime(TWO + 3_600_000)
    expect(one.tick()).toBe(TWO + DAY)
    expect(started).toEqual([])
    setTime(TWO + DAY)
    one.tick()
    expect(started).toEqual([TWO + DAY])
  })

  it('does not believe what a clock that was a year ahead has written down', () => {
    const { scheduler, started, setTime, written } = world()
    written.set('nightly', TWO + 365 * DAY)
    scheduler().tick()
    setTime(TWO)
    scheduler().tick()
    expect(started).toEqual([TWO])
  })

  it('does not start later what was skipped for a run that was under way', () => {
    const { scheduler, started, setTime } = world()
    scheduler().tick()
    setTime(TWO)
    scheduler(true).tick()
    scheduler().tick()
    expect(started).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { cronOf } from '../../../../src/jobs/schedule/cron-words.ts'
import { Schedule } from '../../../../src/jobs/schedule/schedule.ts'

function schedule(at: string | string[], timeZone = 'UTC', jitterMs = 0): Schedule {
  return new Schedule({ at: [at].flat(), timeZone, jitterMs, catchUp: true })
}

function timesAfter(of: Schedule, from: string, count: number): string[] {
  const times: string[] = []
  for (let at = of.after(Date.parse(from)); at !== undefined && times.length < count; at = of.after(at))
    times.push(new Date(at).toISOString().slice(0, 16))
  return times
}

describe('words of a schedule', () => {
  it.each([
    ['daily at 02:00', '0 2 * * *'],
    ['daily 2:05', '5 2 * * *'],
    ['daily', '0 0 * * *'],
    ['hourly', '0 * * * *'],
    ['weekly', '0 0 * * 0'],
    ['weekly at 05:00', '0 5 * * 0'],
    ['hourly at 0:20', '20 * * * *'],
    ['monthly at 03:30', '30 3 1 * *'],
    ['yearly at 01:00', '0 1 1 1 *'],
    ['Sunday at 01:00', '0 1 * * 0'],
    ['Thursday 23:59', '59 23 * * 4'],
    ['first sunday at 00:00', '0 0 * * 0#1'],
    ['last  friday at 18:30', '30 18 * * 5#L'],
    ['*/5 1-4 * * mon', '*/5 1-4 * * MON'],
  ])('%s is %s', (text, cron) => {
    expect(cronOf(text)).toBe(cron)
  })

  it.each([
    '',
    'sometimes',
    'daily at 24:00',
    'daily at 02:60',
    'hourly at 03:20',
    'sixth sunday',
    '* * * *',
    '0 2 * * * *',
  ])('do not take %j', (text) => {
    expect(() => schedule(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  it.each(['61 * * * *', '0 0 30 2 *', '0 0 * * FOO'])('do not take the cron expression %j', (text) => {
    expect(() => schedule(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  it('do not take a zone that nobody knows', () => {
    expect(() => schedule('daily', 'Mars/Base')).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('a schedule', () => {
  it('finds the first Sunday of each month', () => {
    expect(timesAfter(schedule('first sunday at 00:00'), '2026-01-01T00:00Z', 4)).toEqual([
      '2026-01-04T00:00',
      '2026-02-01T00:00',
      '2026-03-01T00:00',
      '2026-04-05T00:00',
    ])
  })

  it('is due at the end of the gap where the clock is put forward', () => {
    expect(timesAfter(schedule('daily at 02:30', 'Europe/Berlin'), '2026-03-28T00:00Z', 3)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ])
  })

  it('is due once where the clock is put back, and each hour where it is hourly', () => {
    expect(timesAfter(schedule('daily at 02:30', 'Europe/Berlin'), '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ])
    expect(timesAfter(schedule('hourly', 'Europe/Berlin'), '2026-10-24T23:00Z', 4)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T01:00',
      '2026-10-25T02:00',
      '2026-10-25T03:00',
    ])
  })

  it('looks back to the very moment and no further ahead', () => {
    const daily = schedule('daily at 02:00')
    const at = Date.parse('2026-05-05T02:00Z')
    expect(daily.until(at)).toBe(at)
    expect(daily.until(at - 1)).toBe(at - 86_400_000)
    expect(daily.after(at)).toBe(at + 86_400_000)
    expect(daily.after(at - 1)).toBe(at)
  })

  it('of several times takes the nearest', () => {
    const both = schedule(['daily at 02:00', 'sunday at 01:00'])
    expect(timesAfter(both, '2026-01-03T12:00Z', 3)).toEqual([
      '2026-01-04T01:00',
      '2026-01-04T02:00',
      '2026-01-05T02:00',
    ])
  })

  it('delays each machine by its own share, the same each time', () => {
    const jittered = schedule('daily', 'UTC', 600_000)
    const delays = Array.from({ length: 200 }, (_, host) => jittered.delay(0, `host${host} nightly`))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...delays)).toBeLessThan(600_000)
    expect(new Set(delays.map((delay) => Math.floor(delay / 60_000))).size).toBe(10)
    expect(jittered.delay(0, 'host7 nightly')).toBe(delays[7])
    expect(schedule('daily').delay(0, 'host7 nightly')).toBe(0)
  })
})

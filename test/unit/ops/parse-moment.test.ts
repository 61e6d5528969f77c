import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/model/errors.ts'
import { parseMoment } from '../../../src/ops/parse-moment.ts'
import { formatLocalTime } from '../../../src/ops/zoned-time.ts'

const NOW = Date.parse('2025-11-19T10:20:30.456Z') // a Wednesday
const berlin = (text: string, now = NOW): string => at(text, 'Europe/Berlin', now)
const at = (text: string, timeZone: string, now = NOW, edge?: 'first' | 'last'): string =>
  new Date(parseMoment(text, { now, timeZone, edge })).toISOString()

describe('parseMoment', () => {
  it.each([
    ['now', '2025-11-19T10:20:30.456Z'],
    ['2025-11-19T02:00Z', '2025-11-19T02:00:00.000Z'],
    ['2025-11-19t02:00z', '2025-11-19T02:00:00.000Z'],
    ['2025-11-19 02:00 UTC', '2025-11-19T02:00:00.000Z'],
    ['2025-11-19T02:00:00+01:00', '2025-11-19T01:00:00.999Z'],
    ['2025-11-19T02:00:00.5-0330', '2025-11-19T05:30:00.500Z'],
    ['2025-11-19T02:00:00,123456789+05', '2025-11-18T21:00:00.123Z'],
    ['2025-11-19T02:00', '2025-11-19T01:00:00.000Z'],
    ['  2025-11-19   2:00 ', '2025-11-19T01:00:00.000Z'],
    ['2025-11-19T02:00:05', '2025-11-19T01:00:05.999Z'],
    ['2025-11-19T24:00', '2025-11-19T23:00:00.000Z'],
    ['2025-11-19', '2025-11-19T22:59:59.999Z'],
    ['2024-02-29', '2024-02-29T22:59:59.999Z'],
    ['today', '2025-11-19T22:59:59.999Z'],
    ['Yesterday', '2025-11-18T22:59:59.999Z'],
    ['yesterday 14:30', '2025-11-18T13:30:00.000Z'],
    ['today at 9:00', '2025-11-19T08:00:00.000Z'],
    ['09:15', '2025-11-19T08:15:00.000Z'],
    ['last monday', '2025-11-17T22:59:59.999Z'],
    ['tuesday', '2025-11-18T22:59:59.999Z'],
    ['last wednesday', '2025-11-12T22:59:59.999Z'],
    ['2 hours ago', '2025-11-19T08:20:30.456Z'],
    ['90 min ago', '2025-11-19T08:50:30.456Z'],
    ['1h 30m ago', '2025-11-19T08:50:30.456Z'],
    ['1 hour and 30 minutes ago', '2025-11-19T08:50:30.456Z'],
    ['an hour ago', '2025-11-19T09:20:30.456Z'],
    ['a week ago', '2025-11-12T10:20:30.456Z'],
    ['1 week ago', '2025-11-12T10:20:30.456Z'],
    ['3d ago', '2025-11-16T10:20:30.456Z'],
    ['6 months ago', '2025-05-19T09:20:30.456Z'],
    ['1y ago', '2024-11-19T10:20:30.456Z'],
    ['@1700000000', '2023-11-14T22:13:20.000Z'],
    ['@1700000000.25', '2023-11-14T22:13:20.250Z'],
    ['@-1', '1969-12-31T23:59:59.000Z'],
  ])('reads %s', (text, expected) => {
    expect(berlin(text)).toBe(expected)
  })

  it.each([
    '',
    ' ',
    'soon',
    '2025-13-01',
    '2025-02-30',
    '2025-11-19T25:00',
    '2025-11-19T24:01',
    '2025-11-19T02:60',
    '2025-11-19T02:00:60',
    '2025-11-19T',
    '2025-11-19T02:00+25:00',
    '2025-11-19T02:00 Mars',
    '19.11.2025',
    '0999-01-01',
    '2 hours',
    'ago',
    '2 fortnights ago',
    '2 constructor ago',
    '-1 day ago',
    'last',
    'last noon',
    '@',
    '@9999999999999',
    '99999 years ago',
    '999999999 days ago',
    '2025-11-19\u0000',
    'yesterday 25:00',
    `${'a'.repeat(5000)} ago`,
  ])('refuses %j with examples in the hint', (text) => {
    let caught: unknown
    try {
      parseMoment(text, { now: NOW, timeZone: 'Europe/Berlin' })
    } catch (error) {
      caught = error
    }
    expect(hasCode(caught, 'TIME_UNPARSABLE')).toBe(true)
    expect(hasCode(caught, 'TIME_UNPARSABLE') && caught.hint).toContain('2 hours ago')
  })

  it('takes the last day of a month that is shorter', () => {
    const now = Date.parse('2025-03-31T10:00:00Z')
    expect(berlin('1 month ago', now)).toBe('2025-02-28T11:00:00.000Z')
  })

  it('keeps the wall time over a change of the clocks for days, and the duration for hours', () => {
    const now = Date.parse('2025-10-27T09:00:00Z') // 10:00 in Berlin, one day after clocks went back
    expect(berlin('2 days ago', now)).toBe('2025-10-25T08:00:00.000Z')
    expect(berlin('48 hours ago', now)).toBe('2025-10-25T09:00:00.000Z')
  })

  // Transitions from the IANA tz database, 2025.
  it.each([
    ['Europe/Berlin', '2025-03-30T01:59', '2025-03-30T00:59:00.000Z'],
    ['Europe/Berlin', '2025-03-30T02:00', '2025-03-30T01:00:00.000Z'],
    ['Europe/Berlin', '2025-03-30T02:30', '2025-03-30T01:00:00.000Z'],
    ['Europe/Berlin', '2025-03-30T03:00', '2025-03-30T01:00:00.000Z'],
    ['Europe/Berlin', '2025-10-26T02:30', '2025-10-26T01:30:00.000Z'],
    ['Europe/Berlin', '2025-10-26T03:00', '2025-10-26T02:00:00.000Z'],
    ['Europe/Berlin', '2025-10-26', '2025-10-26T22:59:59.999Z'],
    ['America/New_York', '2025-03-09T02:30', '2025-03-09T07:00:00.000Z'],
    ['America/New_York', '2025-11-02T01:30', '2025-11-02T06:30:00.000Z'],
    ['America/New_York', '2025-11-02', '2025-11-03T04:59:59.999Z'],
    ['Australia/Lord_Howe', '2025-10-05T02:15', '2025-10-04T15:30:00.000Z'],
    ['Australia/Lord_Howe', '2025-04-06T01:45', '2025-04-05T15:15:00.000Z'],
    ['America/Havana', '2025-11-01', '2025-11-02T03:59:59.999Z'],
    ['Pacific/Apia', '2011-12-29', '2011-12-30T09:59:59.999Z'],
    ['Pacific/Apia', '2011-12-30T12:00', '2011-12-30T10:00:00.000Z'],
    ['Asia/Kathmandu', '2025-06-01T00:00', '2025-05-31T18:15:00.000Z'],
  ])('decides gaps and overlaps in %s: %s', (zone, text, expected) => {
    expect(at(text, zone)).toBe(expected)
  })

  it('takes the first instant that a text names where asked to', () => {
    expect(at('2025-11-19', 'Europe/Berlin', NOW, 'first')).toBe('2025-11-18T23:00:00.000Z')
    expect(at('2025-11-19T02:00:05', 'UTC', NOW, 'first')).toBe('2025-11-19T02:00:05.000Z')
    expect(at('2025-10-26T02:30', 'Europe/Berlin', NOW, 'first')).toBe('2025-10-26T00:30:00.000Z')
  })

  it('uses the zone of the machine where none is given', () => {
    const local = new Date(2025, 5, 1, 12, 30)
    expect(parseMoment('2025-06-01T12:30', { now: NOW })).toBe(local.getTime())
  })

  it('refuses an unknown zone as a usage error', () => {
    expect(() => parseMoment('2025-06-01', { now: NOW, timeZone: 'Europe/Atlantis' })).toThrow(
      'Europe/Atlantis',
    )
  })

  const instants = fc.integer({ min: Date.UTC(1971, 0), max: Date.UTC(2100, 0) })
  const zones = fc.constantFrom(
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'UTC',
    'Asia/Kolkata',
  )

  it('reads back what Date prints', () => {
    fc.assert(
      fc.property(instants, zones, (instant, timeZone) => {
        expect(parseMoment(new Date(instant).toISOString(), { now: NOW, timeZone })).toBe(instant)
      }),
    )
  })

  it('is not before an instant whose local time it reads, and at most a repeated hour after it', () => {
    fc.assert(
      fc.property(instants, zones, (instant, timeZone) => {
        const read = parseMoment(formatLocalTime(instant, timeZone), { now: NOW, timeZone })
        expect(read).toBeGreaterThanOrEqual(instant)
        expect(read - instant).toBeLessThan(3_601_000)
        expect(formatLocalTime(read, timeZone)).toBe(formatLocalTime(instant, timeZone))
      }),
    )
  })

  it('ends a day one millisecond before the next one starts', () => {
    fc.assert(
      fc.property(instants, zones, (instant, timeZone) => {
        const date = formatLocalTime(instant, timeZone).slice(0, 10)
        const end = parseMoment(date, { now: NOW, timeZone })
        expect(end).toBeGreaterThanOrEqual(instant)
        expect(formatLocalTime(end, timeZone)).toBe(`${date} 23:59:59`)
        expect(formatLocalTime(end + 1, timeZone).slice(0, 10) > date).toBe(true)
      }),
    )
  })

  it('either reads a text or refuses it as unparsable', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0129-:T.@+zagodhmn yest'.split('')) }), (text) => {
        try {
          expect(Number.isSafeInteger(parseMoment(text, { now: NOW, timeZone: 'UTC' }))).toBe(true)
        } catch (error) {
          if (!hasCode(error, 'TIME_UNPARSABLE')) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })
})

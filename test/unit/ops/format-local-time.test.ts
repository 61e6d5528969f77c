import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { formatLocalTime } from '../../../src/ops/zoned-time.ts'

const before = process.env['TZ']

afterEach(() => {
  if (before === undefined) delete process.env['TZ']
  else process.env['TZ'] = before
})

test.each(['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Pacific/Apia', 'Australia/Lord_Howe'])(
  'property: without a zone it is the time of the machine, as in %s',
  (zone) => {
    process.env['TZ'] = zone
    const instants = fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2100, 0) })
    fc.assert(
      fc.property(instants, (instant) => {
        expect(formatLocalTime(instant)).toBe(formatLocalTime(instant, zone))
      }),
      { numRuns: 300 },
    )
  },
)

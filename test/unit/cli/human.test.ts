import { expect, it } from 'vitest'
import {
  clock,
  humanBytes,
  humanCount,
  humanDuration,
  humanPercent,
  humanRate,
  plural,
} from '../../../src/cli/output/human.ts'

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_048_575, '1.0 MiB'],
  [12.34 * 1024 ** 2, '12.3 MiB'],
  [1024 ** 3, '1.00 GiB'],
  [1.5 * 1024 ** 4, '1.50 TiB'],
  [2 ** 53 - 1, '8.00 PiB'],
])('shows %d bytes', (bytes, text) => {
  expect(humanBytes(bytes)).toBe(text)
})

it.each([
  [0, '0.00 s'],
  [350, '0.35 s'],
  [9_999, '10.0 s'],
  [59_949, '59.9 s'],
  [59_960, '1:00 min'],
  [65_000, '1:05 min'],
  [3_599_600, '1:00:00 h'],
  [7_384_000, '2:03:04 h'],
])('shows a duration of %d ms', (ms, text) => {
  expect(humanDuration(ms)).toBe(text)
})

it('shows rates, shares and counts', () => {
  expect(humanRate(2048, 2000)).toBe('1.0 KiB/s')
  expect(humanRate(1, 0)).toBe('-')
  expect(humanPercent(1, 8)).toBe('12.5%')
  expect(humanPercent(0, 0)).toBe('-')
  expect(humanCount(1_234_567)).toBe('1,234,567')
  expect(humanCount(999)).toBe('999')
  expect(plural(1, 'file')).toBe('1 file')
  expect(plural(2000, 'entry', 'entries')).toBe('2,000 entries')
  expect(clock(3725)).toBe('1:02:05')
})

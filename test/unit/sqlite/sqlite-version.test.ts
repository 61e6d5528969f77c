import { expect, test } from 'vitest'
import { isUnsafeSqlite } from '../../../src/sqlite/sqlite-version.ts'

test.each(['3.7.0', '3.7', '3.9.2', '3.44.6', '3.50.7', '3.51.0', '3.51.2'])('%s is refused', (version) => {
  expect(isUnsafeSqlite(version)).toBe(true)
})

test.each(['3.6.23', '3.51.3', '3.52.0', '3.53.2', '3.100.0', '4.0.0'])('%s is accepted', (version) => {
  expect(isUnsafeSqlite(version)).toBe(false)
})

test.each(['', 'unknown', '3', '3.x.1', '3.53.2-beta'])(
  'text that is no version is refused: "%s"',
  (version) => {
    expect(isUnsafeSqlite(version)).toBe(true)
  },
)

import { expect, it } from 'vitest'
import { renderLogLine } from '../../../src/cli/render/log-line.ts'

it('a line of a log has sizes as people read them, and other fields as they are', () => {
  const fields = {
    level: 'info',
    message: 'saved',
    files: 3,
    read_bytes: 3 * 1024 ** 2,
    added_bytes: 0,
    odd_bytes: 'x',
  }
  expect(renderLogLine(JSON.stringify(fields))).toBe('saved (files=3 read=3.0 MiB added=0 B odd_bytes=x)\n')
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readSecret } from '../../../../src/jobs/sources/secret-file.ts'
import { copyDatabase, inspectDatabase } from '../../../../src/sqlite/online-copy.ts'

let scratch = ''
const path = (name: string): string => join(scratch, name)
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-secret-'))
  writeFileSync(path('secret'), 'of one line \r\n')
  symlinkSync(path('secret'), path('link'))
  writeFileSync(path('large'), 'x'.repeat(65_537))
  mkdirSync(path('directory'))
  execFileSync('mkfifo', [path('pipe')])
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

it('is the text of a file without one line end, also by a link', () => {
  expect(readSecret(path('secret'))).toBe('of one line ')
  expect(readSecret(path('link'))).toBe('of one line ')
})

it.each([
  ['pipe', 'it is no file'],
  ['directory', 'it is no file'],
  ['large', 'it is too large to be a secret'],
  ['none', 'no such file or directory'],
])('is not looked for in what is none, which would be waited for: %s', (name, why) => {
  expect(() => readSecret(path(name))).toThrow(`${path(name)} cannot be read: ${why}`)
})

it('is as little a database', async () => {
  expect(() => inspectDatabase(path('pipe'))).toThrow('it is no file')
  await expect(copyDatabase(path('pipe'), path('copy'), AbortSignal.timeout(1_000))).rejects.toThrow(
    'it is no file',
  )
})

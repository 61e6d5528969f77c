import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type JournalOptions, openJournal } from '../../../../src/jobs/runs/journal.ts'
import type { Json } from '../../../support/snap.ts'
import { smallFileSystem } from '../../../support/storage/scratch.ts'

const RUN = '20251119-020000-k3fp'
const SECRET = 'p/ss "word"'

let directory: string
let failures: string[]
beforeEach(() => {
  const scratch = mkdtempSync(join(tmpdir(), 'snapkeep-journal-'))
  directory = join(scratch, 'logs')
  failures = []
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }))
})

const file = (): string => join(directory, `${RUN}.log`)

function opened(more: Partial<JournalOptions> = {}) {
  const journal = openJournal(directory, file(), {
    run: RUN,
    job: 'nightly',
    clock: { now: () => Date.UTC(2025, 10, 19, 2) },
    secrets: [SECRET],
    failed: (reason) => failures.push(reason),
    ...more,
  })
  onTestFinished(() => journal[Symbol.dispose]())
  return journal
}

const lines = (): Json[] =>
  readFileSync(file(), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('the log of a run', () => {
  it('has a line of JSON for each thing that is said, and is the user alone', () => {
    const journal = opened()
    journal.note('began', { snap: '0.1.0', missing: undefined })
    journal.remark('hook: done')
    journal.warning('no such file', { path: '/x' })
    journal.failure('it failed', { code: 'HOOK_FAILED' })
    const common = { time: '2025-11-19T02:00:00.000Z', run: RUN, job: 'nightly' }
    expect(lines()).toEqual([
      { level: 'info', ...common, snap: '0.1.0', message: 'began' },
      { level: 'info', ...common, message: 'hook: done' },
      { level: 'warn', ...common, path: '/x', message: 'no such file' },
      { level: 'error', ...common, code: 'HOOK_FAILED', message: 'it failed' },
    ])
    expect([statSync(directory).mode & 0o777, statSync(file()).mode & 0o777]).toEqual([0o700, 0o600])
    expect(failures).toEqual([])
  })

  it('has no secret in it, in no shape', () => {
    const journal = opened()
    const shapes = [
      SECRET,
      encodeURIComponent(SECRET),
      JSON.stringify(SECRET),
      Buffer.from(SECRET).toString('base64'),
    ]
    for (const shape of shapes) {
      journal.remark(`it said ${shape}!`)
      journal.warning('x', { path: `/a/${shape}/b` })
    }
    const text = readFileSync(file(), 'utf8')
    for (const shape of [...shapes, 'word', 'ss%20'].map((each) => each.replaceAll('"', '\\"')))
      expect(text).not.toContain(shape)
    expect(lines()[0].message).toBe('it said ***!')
  })

  it('has no part of a secret in it either, where a line is cut in the middle of one', () => {
    const journal = opened()
    for (let before = 16_384 - SECRET.length - 2; before <= 16_384; before++)
      journal.remark('.'.repeat(before) + SECRET)
    for (const { message } of lines()) expect(message).toMatch(/^\.+\**…?$/)
  })

  it('stands whatever bytes others print, on one line each', () => {
    const journal = opened()
    const texts = ['two\nlines', '\0\u0007\u001b[2J', '\ud800 alone', 'é\u2028', '']
    for (const text of texts) journal.remark(text)
    // What is no Unicode has no bytes in UTF-8.
    expect(lines().map(({ message }) => message)).toEqual(
      texts.map((text) => text.replace('\ud800', '\ufffd')),
    )
  })

  it('is bounded, and says how it ended behind that', () => {
    const journal = opened({ bytesMax: 10_000 })
    for (let number = 0; number < 1_000; number++) {
      journal.remark(`hook: ${'x'.repeat(100)}`)
      journal.warning('no such file', { path: `/${number}` })
    }
    journal.note('saved', { snapshot: 's' })
    journal.failure('it failed')
    const said = lines().map(({ message }) => message)
    expect(statSync(file()).size).toBeLessThan(11_000)
    expect(said.slice(-3)).toEqual(['the log is full: what else was said is left out', 'saved', 'it failed'])
    expect(said.filter((text) => text.startsWith('the log is full'))).toHaveLength(1)
  })

  it('is bounded at 16 MiB where nothing else is said', { timeout: 60_000 }, () => {
    const journal = opened()
    for (let number = 0; number < 12_000; number++) journal.remark('x'.repeat(10_000))
    expect(statSync(file()).size / 1_048_576).toBeCloseTo(16, 0)
  })

  it('has so much of a line of ten megabytes', () => {
    const journal = opened()
    journal.remark(`${'word '.repeat(2_000_000)}`)
    const [{ message }] = lines()
    expect(message.length).toBeLessThanOrEqual(16_384)
    expect(message).toMatch(/^(?:word )+word…$/)
  })

  it.runIf(process.getuid?.() === 0)('on a full disk is a warning, once, and nothing more', () => {
    directory = join(smallFileSystem(64 * 1_024), 'logs')
    const journal = opened()
    for (let number = 0; number < 200; number++) journal.remark('x'.repeat(1_000))
    journal.failure('it failed')
    journal[Symbol.dispose]()
    journal[Symbol.dispose]()
    journal.remark('after the end')
    expect(failures).toEqual([expect.stringContaining('ENOSPC')])
    expect(readFileSync(file(), 'utf8')).toMatch(/^\{"level":"info"/)
  })

  it('that cannot be made, or is there, is a warning, once, and nothing more', () => {
    writeFileSync(directory, 'a file')
    const journal = opened()
    journal.note('began')
    journal.failure('it failed')
    expect(failures).toEqual([expect.stringContaining('EEXIST')])
    rmSync(directory)
    opened().note('first')
    opened().note('second')
    expect(lines().map(({ message }) => message)).toEqual(['first'])
    expect(failures).toHaveLength(2)
  })
})

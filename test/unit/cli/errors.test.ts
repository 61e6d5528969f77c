import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AssertionError } from '../../../src/base/assert.ts'
import {
  EXIT_CLOSED_PIPE,
  EXIT_FETCH_FAILED,
  EXIT_STATUS,
  exitStatus,
  isClosedPipe,
  renderError,
} from '../../../src/cli/output/errors.ts'
import { fetchesWal } from '../../../src/cli/program.ts'
import { ERROR_CODES, SnapError } from '../../../src/model/errors.ts'

const TEXT = { json: false, verbosity: 0 }

function systemError(): unknown {
  try {
    statSync('/nowhere/at/all')
  } catch (error) {
    return error
  }
  return undefined
}

describe('renderError', () => {
  const error = new SnapError('KEY_WRONG', 'no slot opens\n\u001b[2J', {
    hint: 'Check the password.',
    cause: new Error('inner', { cause: systemError() }),
  })

  it('prints message and hint in two safe lines', () => {
    expect(renderError(error, TEXT)).toBe('snap: no slot opens\\x0a\\x1b[2J\nhint: Check the password.\n')
    expect(renderError(new SnapError('USAGE', 'x'), TEXT)).toBe('snap: x\n')
  })

  it('adds the chain of causes with -v', () => {
    const text = renderError(error, { json: false, verbosity: 1 })
    expect(text).toContain('caused by: inner\ncaused by: ENOENT')
  })

  it('writes the exit_error line of restic under --json', () => {
    expect(JSON.parse(renderError(error, { json: true, verbosity: 0 }))).toEqual({
      message_type: 'exit_error',
      code: 12,
      message: 'no slot opens\n\u001b[2J',
      error: 'KEY_WRONG',
      hint: 'Check the password.',
    })
  })

  it('calls our own mistakes a bug and shows where they are', () => {
    for (const bug of [new AssertionError('count'), new TypeError('undefined is not a function')]) {
      expect(renderError(bug, TEXT)).toContain('bug in snap')
      expect(renderError(bug, TEXT)).toContain('errors.test.ts')
      expect(exitStatus(bug)).toBe(1)
      expect(JSON.parse(renderError(bug, { json: true, verbosity: 0 })).message).toContain('bug in snap')
    }
  })

  it('does not call an error of the system a bug', () => {
    expect(renderError(systemError(), TEXT)).toMatch(/^snap: ENOENT.*\n$/)
  })
})

describe('docs/errors.md', () => {
  const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const sections = new Map(
    [...text.matchAll(/^### `([A-Z_]+)` \((?:exit )(\d+)\)\n([^#]+)/gm)].map((match) => [match[1], match]),
  )

  it('has one heading for each code, in their order', () => {
    expect([...sections.keys()]).toEqual([...ERROR_CODES])
  })

  it.each(ERROR_CODES)('gives the exit status of %s, its meaning and what to do', (code) => {
    const [, , status, body = ''] = sections.get(code) ?? []
    expect(Number(status)).toBe(EXIT_STATUS[code])
    expect(body.trim().split(/\.\s/).length).toBeGreaterThanOrEqual(2)
  })

  it('lists every status that the table uses', () => {
    const listed = [...text.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]))
    const used = new Set([0, 1, ...Object.values(EXIT_STATUS), EXIT_CLOSED_PIPE, EXIT_FETCH_FAILED])
    expect(listed).toEqual([...used].sort((a, b) => a - b))
  })
})

describe('the status of `snap wal fetch`', () => {
  const of = (error: unknown): number => exitStatus(error, { fetchesWal: true })

  it('says that there is no more WAL for one code alone', () => {
    const others = ERROR_CODES.filter((code) => code !== 'WAL_MISSING')
    expect(of(new SnapError('WAL_MISSING', 'x'))).toBe(1)
    expect(others.filter((code) => of(new SnapError(code, 'x')) <= 125)).toEqual([])
    expect(of(systemError())).toBeGreaterThan(125)
    expect(of(new TypeError('a bug'))).toBeGreaterThan(125)
    expect(of(new SnapError('INTERRUPTED', 'x'))).toBe(130)
  })

  it('is what the JSON says', () => {
    const output = { json: true, verbosity: 0, fetchesWal: true }
    expect(JSON.parse(renderError(new SnapError('KEY_WRONG', 'x'), output)).code).toBe(200)
  })

  it.each<[string, boolean]>([
    ['wal fetch cluster F P', true],
    ['--config /etc/snap.yaml wal fetch', true],
    ['--json wal --cache-dir /c fetch cluster --bogus', true],
    ['wal push cluster P', false],
    ['backup wal fetch', false],
    ['--config wal fetch', false],
    ['', false],
  ])('is that of `snap %s`: %s', (line, expected) => {
    expect(fetchesWal(line.split(' '))).toBe(expected)
  })
})

describe('isClosedPipe', () => {
  it('knows the error of a write to a reader that has gone, and no other', async () => {
    const child = spawn('sh', ['-c', 'exec <&-; echo closed; exec sleep 30'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    const failed = new Promise((resolve) => child.stdin.on('error', resolve))
    child.stdin.write(Buffer.alloc(1_000_000))
    expect(isClosedPipe(await failed)).toBe(true)
    child.kill('SIGKILL')
    expect(isClosedPipe(systemError())).toBe(false)
  })
})

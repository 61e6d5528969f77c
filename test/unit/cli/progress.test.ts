import { describe, expect, it } from 'vitest'
import { displayWidth } from '../../../src/cli/output/display-width.ts'
import {
  type ProgressOptions,
  type ProgressReporter,
  progressReporter,
} from '../../../src/cli/output/progress.ts'
import { type ProgressState, progressLine } from '../../../src/cli/output/progress-line.ts'

const MIB = 1024 * 1024

const STATE: ProgressState = {
  filesDone: 1234,
  bytesDone: 420 * MIB,
  filesTotal: 5000,
  bytesTotal: 1000 * MIB,
  totalFinal: true,
  bytesPerSecond: 58 * MIB,
  current: '/srv/日本語/very/long/path/to/a/\u001b[2Jfile.txt',
}

describe('progressLine', () => {
  it('shows bar, percent, bytes, rate, ETA, files and the path', () => {
    expect(progressLine(STATE, 160)).toBe(
      '[========>           ] 42.0%  420.0 MiB / 1000.0 MiB  58.0 MiB/s  ETA 0:10  1,234 files  /srv/日本語/very/long/path/to/a/\\x1b[2Jfile.txt',
    )
  })

  it('leaves out the least important first and never fills the last column', () => {
    expect(progressLine(STATE, 69)).toBe('42.0%  420.0 MiB / 1000.0 MiB  58.0 MiB/s  ETA 0:10  1,234 files')
    expect(progressLine(STATE, 40)).toBe('42.0%  420.0 MiB / 1000.0 MiB')
    expect(progressLine(STATE, 10)).toBe('42.0%')
    expect(progressLine(STATE, 3)).toBe('')
    for (let columns = 0; columns < 200; columns++) {
      expect(displayWidth(progressLine(STATE, columns))).toBeLessThanOrEqual(Math.max(0, columns - 1))
    }
  })

  it('shows no share and no ETA while the total still grows', () => {
    expect(progressLine({ ...STATE, totalFinal: false, current: undefined }, 100)).toBe(
      '420.0 MiB  58.0 MiB/s  1,234 files',
    )
  })

  it('says 100% only when all is done', () => {
    expect(progressLine({ ...STATE, bytesDone: 1000 * MIB - 1 }, 30)).toContain('99.9%')
    expect(progressLine({ ...STATE, bytesDone: 1000 * MIB }, 100)).toContain('[====================] 100.0%')
  })
})

type Bench = { reporter: ProgressReporter; out: string[]; err: string[]; advance(ms: number): void }

function bench(change: Partial<ProgressOptions> = {}, isTTY = true): Bench {
  let now = 1_000_000
  const out: string[] = []
  const err: string[] = []
  const reporter = progressReporter({
    json: false,
    quiet: false,
    hidden: false,
    clock: { now: () => now },
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text), isTTY, columns: 60 },
    ...change,
  })
  return {
    reporter,
    out,
    err,
    advance: (ms) => {
      now += ms
    },
  }
}

describe('progressReporter', () => {
  it('redraws one line at most ten times a second and clears it at the end', () => {
    const { reporter, err, advance } = bench()
    reporter.on({ kind: 'total', files: 100, bytes: 100 * MIB, final: true })
    for (let file = 0; file < 100; file++) {
      advance(10)
      reporter.on({ kind: 'done', files: 1, bytes: MIB })
    }
    expect(err).toHaveLength(10)
    expect(err.at(-1)).toContain('100.0%')
    expect(err.at(-1)).toContain('100.0 MiB/s')
    expect(err.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true)
    reporter.close()
    reporter.close()
    expect(err.slice(10)).toEqual(['\r\u001b[K'])
  })

  it('prints a warning on a line of its own, made safe', () => {
    const { reporter, err, advance } = bench()
    advance(200)
    reporter.on({ kind: 'file', path: '/a' })
    reporter.on({ kind: 'warning', path: '/a\n\udcff', reason: 'EACCES' })
    expect(err.slice(1)).toEqual(['\r\u001b[K', 'warning: /a\\x0a\\xff: EACCES\n'])
    reporter.on({ kind: 'failure', path: '/b', reason: 'EIO' })
    expect(err.slice(3)).toEqual(['failed: /b: EIO\n'])
    expect(reporter.warnings).toBe(2)
  })

  it.each([
    ['--quiet', { quiet: true }, true],
    ['--no-progress', { hidden: true }, true],
    ['a stderr that is no terminal', {}, false],
  ])('draws nothing with %s, but still warns', (_, change, isTTY) => {
    const { reporter, out, err, advance } = bench(change, isTTY)
    advance(5000)
    reporter.on({ kind: 'done', files: 1, bytes: 1 })
    reporter.on({ kind: 'warning', path: 'p', reason: 'r' })
    reporter.close()
    expect(out).toEqual([])
    expect(err).toEqual(['warning: p: r\n'])
  })

  it('writes status lines for programs, the last one at the end', () => {
    const { reporter, out, err, advance } = bench({ json: true })
    reporter.on({ kind: 'total', files: 4, bytes: 400, final: true })
    advance(2000)
    reporter.on({ kind: 'done', files: 1, bytes: 100 })
    reporter.on({ kind: 'file', path: 'b\udcff' })
    reporter.on({ kind: 'warning', path: 'b\udcff', reason: 'EIO' })
    reporter.on({ kind: 'done', files: 3, bytes: 300 })
    reporter.close()
    expect(out.map((line) => JSON.parse(line))).toEqual([
      {
        message_type: 'status',
        seconds_elapsed: 2,
        seconds_remaining: 6,
        percent_done: 0.25,
        total_files: 4,
        files_done: 1,
        total_bytes: 400,
        bytes_done: 100,
        current_files: [],
      },
      {
        message_type: 'status',
        seconds_elapsed: 2,
        seconds_remaining: 0,
        percent_done: 1,
        total_files: 4,
        files_done: 4,
        total_bytes: 400,
        bytes_done: 400,
        error_count: 1,
        current_files: ['b\ufffd'],
      },
    ])
    expect(err.map((line) => JSON.parse(line))).toEqual([
      { message_type: 'error', error: { message: 'EIO' }, item: 'b\ufffd', item_b64: 'Yv8=' },
    ])
  })

  it('takes the rate of the last seconds', () => {
    const { reporter, err, advance } = bench()
    reporter.on({ kind: 'total', files: 1, bytes: 10_000 * MIB, final: true })
    for (let second = 0; second < 60; second++) {
      advance(1000)
      reporter.on({ kind: 'done', files: 0, bytes: second < 30 ? 100 * MIB : 10 * MIB })
    }
    expect(err.at(-1)).toContain(' 10.0 MiB/s')
  })
})

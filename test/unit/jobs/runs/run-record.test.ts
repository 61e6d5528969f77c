import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { systemRandom } from '../../../../src/crypto/random.ts'
import { logDirectory, logFile, logOf, removeLogsBefore } from '../../../../src/jobs/runs/log-files.ts'
import { readLog } from '../../../../src/jobs/runs/read-log.ts'
import { newRunId, RUN_ID } from '../../../../src/jobs/runs/run-id.ts'
import { failureOf, RunRecord, type RunRequest } from '../../../../src/jobs/runs/run-record.ts'
import { RUN_VARIABLES, runEnvironment, runVariables } from '../../../../src/jobs/runs/run-variables.ts'
import { TRIGGERS } from '../../../../src/jobs/state/run.ts'
import { State } from '../../../../src/jobs/state/state.ts'
import { SnapError } from '../../../../src/model/errors.ts'

const NOW = Date.UTC(2025, 10, 19, 2)
const DAY = 86_400_000
let now: number
const clock = { now: () => now }
let scratch: string
let directory: string
let warnings: string[]
const REQUEST: RunRequest = {
  config: 'host:/snap.yaml',
  kind: 'backup',
  job: 'nightly',
  repository: 'local',
  trigger: 'hand',
  dueMs: undefined,
  id: undefined,
  secrets: [],
  keepRunsMs: 400 * DAY,
  keepLogsMs: 90 * DAY,
}

beforeEach(() => {
  now = NOW
  warnings = []
  scratch = mkdtempSync(join(tmpdir(), 'snapkeep-record-'))
  directory = join(scratch, 'state')
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }))
})

function begun(more: Partial<RunRequest> = {}): RunRecord {
  const record = RunRecord.begin(
    directory,
    { ...REQUEST, ...more },
    { clock, random: systemRandom, warn: (text) => warnings.push(text) },
  )
  onTestFinished(() => record[Symbol.dispose]())
  return record
}

function runs(): ReturnType<State['runs']['list']> {
  using state = State.open(directory, clock)
  return state.runs.list({ config: REQUEST.config, limit: 100 })
}

const errorOf = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe('a run', () => {
  it('is on record from its beginning to its end, with its log, and alone', () => {
    const record = begun()
    record.journal?.note('began')
    expect(runs()).toMatchObject([{ id: record.id, outcome: undefined, startedMs: NOW }])
    now += 90_000
    expect(errorOf(begun)).toMatchObject({
      code: 'JOB_RUNNING',
      message: `nightly is running since 1m 30s (${record.id})`,
    })
    begun({ job: 'weekly' })[Symbol.dispose]()
    expect(record.end({ outcome: 'ok', snapshot: 's', bytes: { read: 1, added: 2 } })).toBe(true)
    begun()[Symbol.dispose]()
    expect(runs().map(({ outcome }) => outcome)).toEqual(['died', 'died', 'ok'])
    expect(readFileSync(logFile(directory, record.id), 'utf8')).toContain('began')
    expect(warnings).toEqual([])
  })

  it('names the running one, though others were skipped meanwhile', () => {
    const record = begun()
    using state = State.open(directory, clock)
    for (let number = 0; number < 40; number++)
      state.runs.record({ ...REQUEST, id: `s${number}`, startedMs: NOW, pid: 1 }, 'skipped', 'late')
    expect(String(errorOf(begun))).toContain(record.id)
  })

  it('is done where the history is a database of another program: with its log, and alone', () => {
    begun()[Symbol.dispose]()
    const file = join(directory, 'state.sqlite')
    rmSync(file)
    writeFileSync(file, '')
    chmodSync(file, 0o600)
    {
      using state = State.open(join(scratch, 'other'), clock)
      state.remember('x', 1)
    }
    const bytes = readFileSync(join(scratch, 'other', 'state.sqlite'))
    bytes.write('else', 68)
    writeFileSync(file, bytes)
    const record = begun()
    expect(warnings).toEqual([`${file} is a database of another program: this run is not on record`])
    expect(errorOf(begun)).toMatchObject({ code: 'JOB_RUNNING', message: 'nightly is running' })
    record.journal?.note('began')
    expect(record.end({ outcome: 'ok' })).toBe(false)
    expect(existsSync(logFile(directory, record.id))).toBe(true)
  })

  it('is done where nothing can be kept, with one warning', () => {
    writeFileSync(directory, 'a file')
    const record = begun()
    expect(record.journal).toBeUndefined()
    expect(record.end({ outcome: 'ok' })).toBe(false)
    expect(warnings).toEqual([
      expect.stringMatching(/^the history of runs cannot be kept at .*: this run is not on record$/),
    ])
  })

  it('goes on in a new history where the old one turns out to be damaged', () => {
    {
      using state = State.open(directory, clock)
      state.exclusively(() => {
        for (let number = 0; number < 500; number++)
          state.runs.record({ ...REQUEST, id: `r${number}`, startedMs: NOW, pid: 1 }, 'ok', 'x'.repeat(100))
      })
    }
    const file = join(directory, 'state.sqlite')
    const bytes = readFileSync(file)
    bytes.fill(0xa5, 3 * 4_096)
    writeFileSync(file, bytes)
    const record = begun()
    expect(record.end({ outcome: 'ok' })).toBe(true)
    expect(runs().map(({ id }) => id)).toEqual([record.id])
  })

  it('for a time at which it was due is run once', () => {
    const record = begun({ dueMs: NOW - 5 })
    record.end({ outcome: 'failed' })
    expect(errorOf(() => begun({ dueMs: NOW - 5 }))).toMatchObject({ code: 'JOB_RUNNING' })
    begun({ dueMs: NOW }).end({ outcome: 'ok' })
    expect(runs()).toHaveLength(2)
  })

  it('that failed says so by its code', () => {
    expect(failureOf(new SnapError('TIME_LIMIT', 'late'))).toEqual({
      outcome: 'failed',
      message: 'late',
      code: 'TIME_LIMIT',
    })
    expect(failureOf(new SnapError('INTERRUPTED', 'x')).outcome).toBe('interrupted')
    expect(failureOf(new TypeError('a bug'))).toEqual({ outcome: 'failed', message: 'a bug' })
  })
})

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const line of lines) found.push(line)
  return found
}

describe('logs', () => {
  it('that were written long ago go, and nothing else', () => {
    mkdirSync(logDirectory(directory), { recursive: true })
    const names = [
      '20250101-020000-aaaa.log',
      '20250101-020000-bbbb.log',
      'notes.log',
      '20250101-020000-aaaa.log.gz',
    ]
    for (const name of names) writeFileSync(join(logDirectory(directory), name), 'x')
    for (const name of names.slice(1)) utimesSync(join(logDirectory(directory), name), 1, 1)
    removeLogsBefore(directory, NOW)
    expect(names.map((name) => existsSync(join(logDirectory(directory), name)))).toEqual([
      true,
      false,
      true,
      true,
    ])
    removeLogsBefore(join(scratch, 'nowhere'), NOW)
  })

  it('lie where the state lies, whatever the history says', () => {
    const id = '20250101-020000-aaaa'
    expect(logOf('/state', { id, log: '/etc/passwd' })).toBe(`/state/logs/${id}.log`)
    expect(logOf('/state', { id, log: undefined })).toBeUndefined()
    expect(logOf('/state', { id: '../../etc/passwd', log: 'x' })).toBeUndefined()
  })

  it('are read while they are written, a line at a time, however the writes fall', async () => {
    mkdirSync(directory)
    const path = join(directory, 'log')
    const whole = Buffer.from('{"a":"é"}\n{"b":2}\nrest without an end')
    writeFileSync(path, '')
    let written = 0
    const goesOn = (): boolean => {
      if (written === whole.length) return false
      written = Math.min(whole.length, written + 7)
      writeFileSync(path, whole.subarray(0, written))
      return true
    }
    const lines = await all(readLog(path, goesOn, new AbortController().signal))
    expect(lines).toEqual(['{"a":"é"}', '{"b":2}', 'rest without an end'])
    const gone = all(readLog(`${path}.gone`, () => false, new AbortController().signal))
    await expect(gone).rejects.toMatchObject({
      code: 'STATE_FAILED',
      hint: expect.stringContaining('keep-logs'),
    })
  })
})

describe('the name of a run', () => {
  it('sorts as the runs began, and is one that is known again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: Date.UTC(9999, 0) }),
        fc.integer({ min: 1_000, max: 1e12 }),
        (at, later) => {
          fc.pre(at + later < Date.UTC(9999, 11))
          const [first, second] = [newRunId(at, systemRandom), newRunId(at + later, systemRandom)]
          expect(first).toMatch(RUN_ID)
          expect(first < second).toBe(true)
        },
      ),
    )
    expect(newRunId(NOW, { bytes: () => new Uint8Array(4) })).toBe('20251119-020000-bbbb')
    expect(new Set(Array.from({ length: 200 }, () => newRunId(NOW, systemRandom))).size).toBeGreaterThan(180)
  })

  it('and whose it is pass through the environment; what is no such thing counts as not said', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TRIGGERS),
        fc.option(fc.integer({ min: 1, max: 8.64e15 }), { nil: undefined }),
        (trigger, dueMs) => {
          const told = { id: newRunId(NOW, systemRandom), trigger, dueMs }
          expect(runVariables(runEnvironment(told))).toEqual(told)
        },
      ),
    )
    const nothing = { id: undefined, trigger: 'hand', dueMs: undefined }
    for (const text of ['', 'x', '../../etc', '-1', '1e400', 'NaN', '0x10', '20251119-020000-AAAA'])
      expect(runVariables(Object.fromEntries(RUN_VARIABLES.map((name) => [name, text]))).id).toBeUndefined()
    expect(runVariables({})).toEqual(nothing)
    expect(runVariables(runEnvironment({ id: undefined, trigger: 'hand', dueMs: undefined }))).toEqual(
      nothing,
    )
  })
})

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { renderRuns } from '../../../../src/cli/render/runs.ts'
import { jsonOfRun } from '../../../../src/jobs/state/run-json.ts'
import type { RunBeginning } from '../../../../src/jobs/state/runs-table.ts'
import { State } from '../../../../src/jobs/state/state.ts'
import { SnapError } from '../../../../src/model/errors.ts'
import { Sqlite } from '../../../../src/sqlite/database.ts'
import { kept } from '../../../../src/sqlite/kept-alive.ts'
import { smallFileSystem } from '../../../support/storage/scratch.ts'

const CONFIG = 'host:/etc/snap.yaml'
const NOW = Date.UTC(2025, 10, 19, 2)
const DAY = 86_400_000
const clock = { now: () => NOW }

let directory: string
beforeEach(() => {
  const scratch = mkdtempSync(join(tmpdir(), 'snapkeep-state-'))
  directory = join(scratch, 'state')
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }))
})

const file = (): string => join(directory, 'state.sqlite')

function opened(): State {
  const state = State.open(directory, clock)
  onTestFinished(() => state[Symbol.dispose]())
  return state
}

/** Writes into the file what the program would not. */
function sql(text: string, ...values: unknown[]): void {
  const database = kept(new Sqlite(file()))
  database.prepare(text).run(...values)
  database.close()
}

function versionOfFile(): unknown {
  const database = kept(new Sqlite(file()))
  const version = database.pragma('user_version', { simple: true })
  database.close()
  return version
}

function failure(act: () => unknown): SnapError {
  try {
    act()
  } catch (error) {
    if (error instanceof SnapError) return error
    throw error
  }
  return expect.unreachable('it did not fail')
}

const run = (id: string, startedMs: number, more: Partial<RunBeginning> = {}): RunBeginning => ({
  id,
  config: CONFIG,
  job: 'nightly',
  repository: 'local',
  trigger: 'hand',
  dueMs: undefined,
  startedMs,
  pid: 1,
  ...more,
})
const ids = (runs: readonly { readonly id: string }[]): string[] => runs.map(({ id }) => id)

describe('runs', () => {
  it('are as they were begun and ended, the last that began first', () => {
    const { runs } = opened()
    runs.begin(run('a', NOW, { trigger: 'schedule', dueMs: NOW - 5, log: '/x' }))
    expect(
      runs.end('a', { endedMs: NOW + 9, outcome: 'ok', snapshot: 's', bytes: { read: 2, added: 1 } }),
    ).toBe(true)
    runs.begin(run('b', NOW + 10))
    expect(runs.end('b', { endedMs: NOW + 20, outcome: 'failed', code: 'KEY_WRONG', message: 'no' })).toBe(
      true,
    )
    runs.record(run('c', NOW + 30), 'skipped', 'late')
    const [skipped, failed, good] = runs.list({ config: CONFIG, limit: 10 })
    expect(skipped).toMatchObject({ id: 'c', outcome: 'skipped', message: 'late' })
    expect(failed).toMatchObject({
      id: 'b',
      outcome: 'failed',
      code: 'KEY_WRONG',
      message: 'no',
      snapshot: undefined,
    })
    expect(good).toEqual({
      id: 'a',
      kind: 'backup',
      config: CONFIG,
      job: 'nightly',
      repository: 'local',
      trigger: 'schedule',
      dueMs: NOW - 5,
      startedMs: NOW,
      endedMs: NOW + 9,
      outcome: 'ok',
      code: undefined,
      message: undefined,
      snapshot: 's',
      bytes: { read: 2, added: 1 },
      log: '/x',
    })
    expect(runs.lastGood(CONFIG, 'nightly')?.id).toBe('a')
    expect(runs.lastEnded(CONFIG, 'nightly')?.id).toBe('b')
    expect(runs.count(CONFIG, 'nightly', NOW)).toEqual({ all: 2, good: 1 })
    expect(runs.end('nobody', { endedMs: NOW, outcome: 'ok' })).toBe(false)
  })

  it('of several configurations and jobs are kept apart', () => {
    const { runs } = opened()
    for (const [id, config, job] of [
      ['a', CONFIG, 'nightly'],
      ['b', 'host:/home/me/snap.yaml', 'nightly'],
      ['c', CONFIG, 'weekly'],
    ] as const)
      runs.record(run(id, NOW, { config, job }), 'ok', '')
    expect(ids(runs.list({ config: CONFIG, limit: 9 }))).toEqual(['c', 'a'])
    expect(ids(runs.list({ config: CONFIG, job: 'nightly', limit: 9 }))).toEqual(['a'])
    expect(ids(runs.list({ config: CONFIG, limit: 1 }))).toEqual(['c'])
    expect(runs.lastGood('host:/home/me/snap.yaml', 'nightly')?.id).toBe('b')
    expect(runs.lastGood('host:/home/me/snap.yaml', 'weekly')).toBeUndefined()
  })

  it('that are on record as running have died where nobody holds the lock, and run where somebody does', () => {
    const state = opened()
    {
      using _lock = state.lock(CONFIG, 'nightly')
      state.runs.begin(run('a', NOW))
      expect(state.runs.list({ config: CONFIG, limit: 9 })[0]?.outcome).toBeUndefined()
      expect(state.runs.lastEnded(CONFIG, 'nightly')).toBeUndefined()
      expect(state.runs.count(CONFIG, 'nightly', 0)).toEqual({ all: 0, good: 0 })
    }
    const died = { outcome: 'died', message: expect.stringContaining('killed'), endedMs: undefined }
    expect(state.runs.list({ config: CONFIG, limit: 9 })).toMatchObject([died])
    expect(state.runs.beginningWith(CONFIG, 'a')).toMatchObject([died])
    expect(state.runs.lastEnded(CONFIG, 'nightly')).toMatchObject(died)
    expect(state.runs.count(CONFIG, 'nightly', 0)).toEqual({ all: 1, good: 0 })
    state.runs.begin(run('b', NOW + 1))
    state.runs.end('b', { endedMs: NOW + 2, outcome: 'ok' })
    expect(state.runs.list({ config: CONFIG, limit: 9 })).toMatchObject([{ outcome: 'ok' }, died])
  })

  it('are in the order in which they began where the clock was a year ahead, or back', () => {
    const { runs } = opened()
    for (const [id, at] of [
      ['a', NOW],
      ['b', NOW + 365 * DAY],
      ['c', NOW - 365 * DAY],
      ['d', NOW + 1_000],
    ] as const) {
      runs.begin(run(id, at))
      runs.end(id, { endedMs: at, outcome: id === 'd' ? 'failed' : 'ok' })
    }
    expect(ids(runs.list({ config: CONFIG, limit: 9 }))).toEqual(['d', 'c', 'b', 'a'])
    expect(runs.lastEnded(CONFIG, 'nightly')?.id).toBe('d')
    expect(runs.lastGood(CONFIG, 'nightly')?.id).toBe('c')
  })

  it('are forgotten when they are old, but not the last of a job, nor its last good one, nor one that runs', () => {
    const state = opened()
    const { runs } = state
    for (const [id, job, outcome] of [
      ['a', 'nightly', 'ok'],
      ['b', 'nightly', 'ok'],
      ['c', 'nightly', 'failed'],
      ['d', 'nightly', 'failed'],
      ['e', 'nightly', 'skipped'],
      ['f', 'weekly', 'ok'],
    ] as const)
      runs.record(run(id, NOW, { job }), outcome, '')
    using _lock = state.lock(CONFIG, 'monthly')
    runs.begin(run('g', NOW, { job: 'monthly' }))
    runs.forgetBefore(NOW)
    expect(runs.list({ config: CONFIG, limit: 9 })).toHaveLength(7)
    runs.forgetBefore(NOW + 400 * DAY)
    expect(ids(runs.list({ config: CONFIG, limit: 9 }))).toEqual(['g', 'f', 'd', 'b'])
  })

  it('that somebody else wrote into the file break nothing', () => {
    const { runs } = opened()
    runs.record(run('good', NOW), 'ok', '')
    const columns = [
      'id',
      'job',
      'repository',
      'trigger',
      'due_ms',
      'started_ms',
      'ended_ms',
      'outcome',
      'code',
      'message',
      'snapshot',
      'bytes_read',
      'bytes_added',
      'log',
    ]
    const hostile: unknown[] = [
      '',
      'text',
      1e300,
      -1e300,
      1.5,
      2n ** 62n,
      Buffer.from([0xff, 0]),
      '\u001b[2J',
      '../../etc/passwd',
      Number.MAX_SAFE_INTEGER,
    ]
    let count = 0
    for (const column of columns)
      for (const value of hostile) {
        count += 1
        const row: Record<string, unknown> = {
          id: `x${count}`,
          config: CONFIG,
          job: 'nightly',
          repository: 'r',
          trigger: 'hand',
          started_ms: NOW,
          pid: 1,
          outcome: 'ok',
        }
        row[column] = column === 'id' && typeof value === 'string' ? `${value}${count}` : value
        const names = Object.keys(row)
        try {
          sql(`INSERT INTO runs (${names}) VALUES (${names.map(() => '?')})`, ...Object.values(row))
        } catch (error) {
          // The same id once more.
          if (!(error instanceof Sqlite.SqliteError)) throw error
        }
      }
    const all = runs.list({ config: CONFIG, limit: 1_000 })
    expect(all.length).toBeGreaterThan(80)
    expect(renderRuns(all, NOW, 'UTC')).not.toContain('\u001b')
    for (const each of all) expect(JSON.stringify(jsonOfRun(each))).toContain('run_id')
    for (const each of ['lastGood', 'lastEnded'] as const)
      expect(() => runs[each](CONFIG, 'nightly')).not.toThrow()
  })

  it('are found fast among 100,000', { timeout: 60_000 }, () => {
    const state = opened()
    state.exclusively(() => {
      for (let number = 0; number < 100_000; number++) {
        const job = number % 1_000 === 0 ? 'rare' : `job${number % 10}`
        state.runs.record(
          run(`20251119-020000-${number}`, NOW - number, { job }),
          number % 7 === 0 ? 'failed' : 'ok',
          'x'.repeat(60),
        )
      }
    })
    const took = (act: () => unknown): number => {
      const began = performance.now()
      act()
      return performance.now() - began
    }
    const { runs } = state
    // Some milliseconds each; the bound is for a machine that does ten other things.
    expect(took(() => runs.list({ config: CONFIG, limit: 30 }))).toBeLessThan(500)
    expect(took(() => runs.list({ config: CONFIG, job: 'rare', limit: 30 }))).toBeLessThan(500)
    expect(took(() => runs.count(CONFIG, 'job3', NOW - 30 * DAY))).toBeLessThan(1_000)
    expect(took(() => runs.lastGood(CONFIG, 'rare'))).toBeLessThan(200)
    expect(took(() => runs.lastEnded(CONFIG, 'rare'))).toBeLessThan(200)
    expect(took(() => runs.forgetBefore(NOW - 50_000))).toBeLessThan(5_000)
    expect(runs.list({ config: CONFIG, limit: 100_000 }).length).toBeLessThan(50_100)
  })
})

describe('the file', () => {
  it('and its directory are the user alone', () => {
    using state = opened()
    state.lock(CONFIG, 'nightly')?.[Symbol.dispose]()
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const { mode } = statSync(join(directory, name))
      expect(mode & 0o077, name).toBe(0)
    }
  })

  it('that is no database is set aside, and a new one begins', () => {
    mkdirSync(directory)
    writeFileSync(file(), 'this is no database, but long enough for one'.repeat(100))
    const { runs } = opened()
    runs.record(run('a', NOW), 'ok', '')
    expect(ids(runs.list({ config: CONFIG, limit: 9 }))).toEqual(['a'])
    const [aside] = readdirSync(directory).filter((name) => name.includes('damaged'))
    expect(aside).toBe('state.sqlite.damaged-2025-11-19T020000000Z')
    expect(readFileSync(join(directory, aside ?? ''), 'utf8')).toContain('this is no database')
  })

  it('whose damage shows only later is set aside then', () => {
    {
      using state = State.open(directory, clock)
      state.exclusively(() => {
        for (let number = 0; number < 500; number++)
          state.runs.record(run(`r${number}`, NOW), 'ok', 'x'.repeat(100))
      })
    }
    const bytes = readFileSync(file())
    // Behind the header and the schema, which are read when it is opened.
    bytes.fill(0xa5, 3 * 4_096)
    writeFileSync(file(), bytes)
    using state = State.open(directory, clock)
    const error = failure(() => state.guarded(({ runs }) => runs.list({ config: CONFIG, limit: 1_000 })))
    expect(error).toMatchObject({ code: 'STATE_FAILED', message: expect.stringContaining('is damaged') })
    const { runs } = opened()
    expect(runs.list({ config: CONFIG, limit: 9 })).toEqual([])
    expect(readdirSync(directory).some((name) => name.includes('.damaged-'))).toBe(true)
  })

  it('of a newer version, and that of another program, is refused and left as it is', () => {
    State.open(directory, clock)[Symbol.dispose]()
    sql('PRAGMA user_version = 99')
    const before = readFileSync(file())
    expect(failure(() => State.open(directory, clock)).message).toContain(
      'was written by a newer version of snap',
    )
    expect(readFileSync(file()).equals(before)).toBe(true)
    rmSync(file())
    writeFileSync(file(), '')
    sql('CREATE TABLE accounts (id)')
    expect(failure(() => State.open(directory, clock)).message).toContain('is a database of another program')
    expect(readdirSync(directory)).toEqual(['state.sqlite'])
  })

  it.runIf(process.getuid?.() === 0)('can be read on a full disk', () => {
    directory = join(smallFileSystem(512 * 1_024), 'state')
    const state = opened()
    state.runs.record(run('a', NOW), 'ok', '')
    state.runs.begin(run('b', NOW))
    try {
      for (;;) writeFileSync(join(directory, 'filler'), Buffer.alloc(4_096), { flag: 'a' })
    } catch {
      // Full.
    }
    using again = State.open(directory, clock)
    expect(ids(again.runs.list({ config: CONFIG, limit: 9 }))).toEqual(['b', 'a'])
    expect(again.runs.lastEnded(CONFIG, 'nightly')?.outcome).toBe('died')
    const large = run('c', NOW, { repository: 'x'.repeat(100_000) })
    const full = failure(() => again.guarded(({ runs }) => runs.record(large, 'ok', '')))
    expect(full).toMatchObject({ code: 'STATE_FAILED', message: expect.stringContaining('full') })
    expect(readdirSync(directory).some((name) => name.includes('damaged'))).toBe(false)
  })

  it('that is removed or replaced while it is open is opened anew, which is said once', () => {
    const notes: string[] = []
    using state = State.open(directory, clock, { note: (text) => notes.push(text) })
    state.guarded(({ runs }) => runs.record(run('a', NOW), 'ok', ''))
    expect(notes).toEqual([])
    rmSync(directory, { recursive: true })
    state.guarded(({ runs }) => runs.record(run('b', NOW), 'ok', ''))
    using other = State.open(directory, clock)
    expect(ids(other.runs.list({ config: CONFIG, limit: 9 }))).toEqual(['b'])
    expect(ids(state.guarded(({ runs }) => runs.list({ config: CONFIG, limit: 9 })))).toEqual(['b'])
    expect(notes).toEqual([expect.stringContaining(file())])
  })

  it('that cannot be made anew is gone on with in memory', () => {
    const notes: string[] = []
    using state = State.open(directory, clock, { note: (text) => notes.push(text) })
    state.guarded(({ runs }) => runs.record(run('a', NOW), 'ok', ''))
    rmSync(directory, { recursive: true })
    writeFileSync(directory, 'a file')
    for (const id of ['b', 'c']) state.guarded(({ runs }) => runs.record(run(id, NOW), 'ok', ''))
    expect(ids(state.guarded(({ runs }) => runs.list({ config: CONFIG, limit: 9 })))).toEqual(['c', 'b', 'a'])
    expect(notes).toEqual([state.unkept?.message])
  })

  it('that cannot be used is read into memory, as far as it can be read', () => {
    State.open(directory, clock)[Symbol.dispose]()
    sql("INSERT INTO remembered (name, value) VALUES ('x', '1')")
    const current = versionOfFile()
    sql('PRAGMA user_version = 99')
    using newer = State.openAnyhow(directory, clock)
    expect(newer.unkept?.message).toContain('newer version')
    newer.guarded((open) => open.remember('y', 2))
    expect([newer.recall('x'), newer.recall('y')]).toEqual([undefined, 2])
    sql(`PRAGMA user_version = ${current}`)
    using good = State.openAnyhow(directory, clock)
    expect([good.unkept, good.recall('x'), good.recall('y')]).toEqual([undefined, 1, undefined])
  })

  it('that cannot be made says where and why', () => {
    writeFileSync(directory, 'a file')
    const error = failure(() => State.open(directory, clock))
    expect(error).toMatchObject({ code: 'STATE_FAILED', hint: expect.stringContaining('SNAP_STATE_DIR') })
    expect(error.message).toContain(directory)
    rmSync(directory)
    mkdirSync(directory)
    chmodSync(directory, 0o700)
  })
})

describe('what is remembered', () => {
  it('is a moment by its name, also for others, and never one to come while another is known', () => {
    const state = opened()
    expect(state.recallTime('due', NOW)).toBeUndefined()
    state.rememberTime('due', NOW - 5_000)
    expect(opened().recallTime('due', NOW)).toBe(NOW - 5_000)
    state.remember('due', NOW + DAY)
    expect(state.recallTime('due', NOW)).toBe(NOW - 5_000)
    state.remember('due', NOW - 1_000)
    expect(state.recallTime('due', NOW)).toBe(NOW - 1_000)
  })

  it('is a value by its name, and nothing where somebody else wrote it', () => {
    const state = opened()
    expect(state.recall('x')).toBeUndefined()
    state.remember('x', { a: [1, 'b'] })
    state.remember('x', { a: [2] })
    expect(state.recall('x')).toEqual({ a: [2] })
    sql("INSERT INTO remembered VALUES ('y', '{not json')")
    sql("INSERT INTO remembered VALUES ('z', x'ff00')")
    expect([state.recall('y'), state.recall('z')]).toEqual([undefined, undefined])
  })

  it('of sizes is one for each day, without those of a clock that was ahead', () => {
    const { sizes } = opened()
    sizes.note('r', NOW, 5)
    sizes.note('r', NOW + 1, 7)
    sizes.note('r', NOW + 400 * DAY, 100)
    sizes.note('r', NOW - DAY, 3)
    sizes.note('other', NOW, 1)
    expect(sizes.between('r', NOW - 30 * DAY, NOW).map(({ bytes }) => bytes)).toEqual([3, 7])
    sizes.forgetBefore(NOW)
    expect(sizes.between('r', 0, NOW).map(({ bytes }) => bytes)).toEqual([7])
  })
})

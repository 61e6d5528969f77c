import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { renderStatus, renderStatusJson } from '../../../../src/cli/render/status.ts'
import { conditionsOf } from '../../../../src/jobs/alerts/conditions-of.ts'
import type { Config } from '../../../../src/jobs/config/config.ts'
import { readConfig } from '../../../../src/jobs/config/read-config.ts'
import type { Outcome } from '../../../../src/jobs/state/run.ts'
import { State } from '../../../../src/jobs/state/state.ts'
import { factsIn, type RepositoryFacts, verifyFactsIn } from '../../../../src/jobs/status/facts.ts'
import { gatherReport, reportOfRepository, worst } from '../../../../src/jobs/status/gather.ts'
import { daysUntilFull, growthOf } from '../../../../src/jobs/status/growth.ts'
import { recallSeen, rememberFacts, rememberVerified } from '../../../../src/jobs/status/memory.ts'
import { jsonOfReport } from '../../../../src/jobs/status/report-json.ts'

const NOW = Date.UTC(2025, 10, 19, 12)
const HOUR = 3_600_000
const DAY = 24 * HOUR
const KEY = 'web1:/etc/snap.yaml'

function configOf(text: string): Config {
  return readConfig({ file: '/etc/snap.yaml', text, env: {} }).config
}

const CONFIG = configOf(`
repositories: { local: { path: /repo }, far: { path: /far } }
sources: { files: { files: [/data] } }
jobs:
  nightly: { repository: local, sources: [files], max-age: 26h, schedule: daily at 02:00 }
  weekly: { repository: local, sources: [files], host: db1 }
`)

let state: State
beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'snapkeep-gather-'))
  state = State.open(directory, { now: () => NOW })
  onTestFinished(() => {
    state[Symbol.dispose]()
    rmSync(directory, { recursive: true, force: true })
  })
})

let count = 0
function record(
  outcome: Outcome,
  startedMs: number,
  more: { job?: string; snapshot?: string; config?: string } = {},
): string {
  count += 1
  const id = `run-${count}`
  const { job = 'nightly', config = KEY, snapshot } = more
  state.runs.begin({
    id,
    config,
    job,
    repository: 'local',
    trigger: 'hand',
    dueMs: undefined,
    startedMs,
    pid: 1,
  })
  state.runs.end(id, {
    endedMs: startedMs + 5,
    outcome,
    snapshot,
    message: outcome === 'ok' ? undefined : 'why',
  })
  return id
}

const gathered = (more: { maxAgeMs?: number; nowMs?: number; config?: Config } = {}) =>
  gatherReport(state, { config: CONFIG, key: KEY, host: 'web1', nowMs: NOW, ...more })
const jobIn = (report: ReturnType<typeof gathered>, name = 'nightly') =>
  report.jobs.find(({ job }) => job === name)!

const FACTS: RepositoryFacts = {
  at: NOW,
  snapshots: 5,
  size: 1_000,
  disk: { free: 10_000, total: 50_000 },
  series: [
    {
      host: 'web1',
      job: 'nightly',
      paths: ['/data'],
      snapshots: 3,
      last: { id: 'n2', time: NOW - HOUR },
      lastGood: { id: 'n1', time: NOW - 30 * HOUR },
    },
    {
      host: 'db1',
      job: 'weekly',
      paths: ['/data'],
      snapshots: 1,
      last: { id: 'w', time: NOW - DAY },
      lastGood: { id: 'w', time: NOW - DAY },
    },
    {
      host: 'web2',
      job: 'nightly',
      paths: ['/data'],
      snapshots: 1,
      last: { id: 'o', time: NOW - DAY },
      lastGood: { id: 'o', time: NOW - DAY },
    },
  ],
}

describe('archived WAL', () => {
  const CLUSTER = configOf(`
repositories: { local: { path: /repo } }
sources: { db: { postgres-cluster: { wal-age: 15m } }, other: { postgres-cluster: {} } }
categories: { critical: { database: [db, other] } }
jobs: { base: { scope: [critical] }, weekly: { sources: [db] } }
`)
  const series = (job: string, ago: number, host = 'web1') => {
    const moment = { id: job, time: NOW - ago }
    return { host, job, paths: [], snapshots: 1, last: moment, lastGood: moment }
  }
  const seen = (all: ReturnType<typeof series>[], more: Partial<RepositoryFacts> = {}, nowMs = NOW) => {
    rememberFacts(state, 'web1', '/repo', { at: NOW, series: all, ...more })
    return gathered({ config: CLUSTER, nowMs })
  }
  const MIN = 60_000

  it('is late where the newest is older than it may be, as of when the repository was looked at', () => {
    const fresh = seen([series('base', DAY), series('base/@db', 15 * MIN)], {}, NOW + HOUR)
    expect(fresh.archives).toEqual([
      { source: 'db', repository: 'local', last: NOW - 15 * MIN, maxAgeMs: 15 * MIN, late: undefined },
    ])
    const late = seen([series('base', DAY), series('base/@db', 16 * MIN), series('base/@db', MIN, 'web2')])
    expect(late.archives).toMatchObject([
      { late: { since: NOW - MIN, reason: 'its newest archived WAL is 16m old, and may be 15m' } },
    ])
    expect(late.health).toBe('stale')
    expect(conditionsOf(late)).toMatchObject([
      {
        kind: 'stale',
        severity: 'critical',
        key: 'stale-wal:db local',
        title: 'the WAL of db is not archived',
      },
    ])
    expect(renderStatus(late, 'UTC')).toContain('db: its newest archived WAL is 16m old')
    expect(jsonOfReport(late)['archives']).toMatchObject([
      { source: 'db', health: 'stale', max_age_seconds: 900 },
    ])
  })

  it('is late where none came since the base backup, and is of any job that saves the cluster', () => {
    expect(seen([series('base', 16 * MIN)]).archives).toMatchObject([
      { last: undefined, late: { reason: expect.stringContaining('no WAL was archived in the 16m') } },
    ])
    expect(seen([series('base', 14 * MIN)]).archives).toMatchObject([{ late: undefined }])
    expect(seen([series('base', DAY), series('weekly/@db', MIN)]).archives).toMatchObject([
      { late: undefined },
    ])
  })

  it('is nothing to be waited for without a base backup, and while the repository is away', () => {
    expect(seen([series('base/@db', DAY)]).archives).toEqual([])
    expect(seen([series('base', DAY)], { unreachable: 'it is away' }).archives).toEqual([])
  })
})

describe('a report', () => {
  it('is of what the history and the repositories say together', () => {
    rememberFacts(state, 'web1', '/repo', FACTS)
    rememberVerified(state, 'web1', '/repo', { at: NOW - DAY, isGood: true })
    const failed = record('failed', NOW - 3 * HOUR)
    const report = gathered()
    expect(report).toMatchObject({ at: NOW, host: 'web1', health: 'critical' })
    expect(jobIn(report)).toMatchObject({
      health: 'critical',
      lastGood: { id: 'n1' },
      last: { id: 'n2' },
      lastRun: { id: failed, outcome: 'failed', error: 'why' },
      isRunning: false,
      nextRun: Date.UTC(2025, 10, 20, 2),
      runs: { all: 1, good: 0 },
    })
    expect(jobIn(report, 'weekly')).toMatchObject({
      health: 'healthy',
      lastGood: { id: 'w' },
      nextRun: undefined,
    })
    expect(report.repositories).toMatchObject([
      { repository: 'local', snapshots: 5, lastVerify: { isGood: true }, growth: undefined },
      { repository: 'far', snapshots: undefined },
    ])
    expect(report.series).toMatchObject([{ host: 'web2', repository: 'local', health: undefined }])
    // A snapshot that was saved since the repository was looked at is known from its run.
    record('ok', NOW - 60_000, { snapshot: 'n3' })
    expect(jobIn(gathered())).toMatchObject({ health: 'healthy', lastGood: { id: 'n3' }, last: { id: 'n3' } })
  })

  it('knows a failure however long ago it was, and whatever was skipped since', () => {
    const failed = record('failed', NOW - 100 * DAY)
    for (let number = 0; number < 3; number++)
      state.runs.record(
        {
          id: `s${number}`,
          config: KEY,
          job: 'nightly',
          repository: 'r',
          trigger: 'schedule',
          dueMs: NOW,
          startedMs: NOW,
          pid: 1,
        },
        'skipped',
        'late',
      )
    expect(jobIn(gathered())).toMatchObject({ health: 'critical', lastRun: { id: failed }, runs: { all: 0 } })
    using _lock = state.lock(KEY, 'nightly')
    state.runs.begin({
      id: 'running',
      config: KEY,
      job: 'nightly',
      repository: 'r',
      trigger: 'hand',
      dueMs: undefined,
      startedMs: NOW,
      pid: 1,
    })
    expect(jobIn(gathered())).toMatchObject({ health: 'critical', isRunning: true, lastRun: { id: failed } })
  })

  it('is of its own configuration, not of another with a job of that name', () => {
    record('failed', NOW - HOUR, { config: 'web1:/home/me/snap.yaml' })
    record('ok', NOW - HOUR, { snapshot: 'n' })
    expect(jobIn(gathered())).toMatchObject({ health: 'healthy', runs: { all: 1, good: 1 } })
  })

  it('shows what a job that is gone has saved as another series', () => {
    rememberFacts(state, 'web1', '/repo', FACTS)
    const without = configOf('repositories: { local: { path: /repo } }')
    const { jobs, series } = gathered({ config: without, maxAgeMs: 20 * HOUR })
    expect(jobs).toEqual([])
    expect(series.map(({ host, job, health }) => `${host} ${job} ${health}`)).toEqual([
      'web1 nightly stale',
      'db1 weekly stale',
      'web2 nightly stale',
    ])
  })

  it('does not believe a clock that was a year ahead, once it is right again', () => {
    record('ok', NOW + 365 * DAY, { snapshot: 'ahead' })
    expect(jobIn(gathered({ nowMs: NOW + 365 * DAY + HOUR })).health).toBe('healthy')
    expect(jobIn(gathered())).toMatchObject({
      health: 'stale',
      reasons: [expect.stringContaining('is a clock wrong?')],
    })
    record('failed', NOW - HOUR)
    expect(jobIn(gathered())).toMatchObject({ health: 'critical', lastRun: { outcome: 'failed' } })
    record('ok', NOW - 60_000, { snapshot: 'right' })
    expect(jobIn(gathered())).toMatchObject({ health: 'healthy', lastGood: { id: 'right' }, reasons: [] })
    const scheduled = configOf(`
repositories: { local: { path: /repo } }
sources: { files: { files: [/data] } }
jobs: { nightly: { sources: [files], schedule: daily at 02:00 } }`)
    gathered({ config: scheduled, nowMs: NOW + 365 * DAY })
    for (const value of [NOW + 365 * DAY, -1e300, 1e300, 'x', null]) {
      state.remember(`known ${KEY} nightly`, value)
      expect(() => gathered({ config: scheduled })).not.toThrow()
      expect(state.recall(`known ${KEY} nightly`)).toBe(NOW)
    }
  })

  it('says what was seen last of a repository that is away, and that it is', () => {
    rememberFacts(state, 'web1', '/repo', FACTS)
    rememberFacts(state, 'web1', '/repo', { at: NOW, unreachable: 'no such directory' })
    record('ok', NOW - HOUR, { snapshot: 'n' })
    expect(gathered()).toMatchObject({
      health: 'critical',
      repositories: [{ unreachable: 'no such directory', snapshots: 5 }, {}],
    })
    expect(jobIn(gathered()).reasons).toEqual(['its repository cannot be opened: no such directory'])
    rememberFacts(state, 'web1', '/repo', FACTS)
    expect(recallSeen(state, 'web1', '/repo').facts?.unreachable).toBeUndefined()
    expect(gathered().health).not.toBe('critical')
  })

  it('of a repository alone is of its series', () => {
    const of = (maxAgeMs?: number) =>
      reportOfRepository(state, { path: '/repo', host: 'web1', nowMs: NOW, maxAgeMs })
    expect(of().health).toBe('unknown')
    rememberFacts(state, 'web1', '/repo', FACTS)
    expect(of().health).toBe('healthy')
    expect(of(20 * HOUR).health).toBe('stale')
    expect(of(10 * HOUR).health).toBe('critical')
    rememberFacts(state, 'web1', '/repo', { at: NOW, unreachable: 'away' })
    expect(of().health).toBe('critical')
  })

  it('is as bad as the worst of it', () => {
    expect(worst([])).toBe('healthy')
    expect(worst(['healthy', 'unknown'])).toBe('unknown')
    expect(worst(['critical', 'stale', 'unknown'])).toBe('critical')
  })
})

describe('growth', () => {
  it.each([
    [[], undefined],
    [[{ day: 1, bytes: 5 }], undefined],
    [
      [
        { day: 1, bytes: 5 },
        { day: 3, bytes: 25 },
      ],
      10,
    ],
    [
      [
        { day: 1, bytes: 25 },
        { day: 2, bytes: 0 },
        { day: 6, bytes: 5 },
      ],
      -4,
    ],
  ])('of %j is %s', (sizes, growth) => {
    expect(growthOf(sizes)).toBe(growth)
  })

  it('says when a disk is full, where it is known and grows', () => {
    expect(daysUntilFull(100, 10)).toBe(10)
    for (const [free, growth] of [
      [undefined, 5],
      [5, undefined],
      [5, 0],
      [5, -1],
    ] as const)
      expect(daysUntilFull(free, growth)).toBeUndefined()
  })
})

/** The value with another in one of its places. */
const damaged = (value: unknown): fc.Arbitrary<unknown> => {
  const paths: (readonly string[])[] = []
  const walk = (at: unknown, path: readonly string[]): void => {
    paths.push(path)
    if (typeof at === 'object' && at !== null)
      for (const [key, each] of Object.entries(at)) walk(each, [...path, key])
  }
  walk(value, [])
  const put = (at: unknown, [key, ...rest]: readonly string[], other: unknown): unknown => {
    if (key === undefined) return other
    const changed = put((at as Record<string, unknown>)[key], rest, other)
    return Array.isArray(at)
      ? at.map((each, index) => (String(index) === key ? changed : each))
      : { ...(at as object), [key]: changed }
  }
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(1e300, -1, 0.5, Number.MAX_SAFE_INTEGER, '\u001b[2J'),
  )
  return fc.tuple(fc.constantFrom(...paths), hostile).map(([path, other]) => put(value, path, other))
}

describe('what is remembered of a repository', () => {
  it('is shown, or taken for nothing, whatever stands in its place', () => {
    fc.assert(
      fc.property(damaged(FACTS), damaged({ at: NOW, isGood: true }), (facts, verified) => {
        state.remember('facts web1:/repo', facts)
        state.remember('verified web1:/repo', verified)
        const report = gathered({ maxAgeMs: HOUR })
        expect(renderStatus(report, 'UTC')).not.toContain('\u001b')
        expect(JSON.parse(renderStatusJson(report)).message_type).toBe('status_report')
      }),
      { numRuns: 300 },
    )
    expect(factsIn(JSON.parse(JSON.stringify(FACTS)))).toEqual(FACTS)
    expect(verifyFactsIn({ at: 1, isGood: false })).toEqual({ at: 1, isGood: false })
  })
})

describe('the report for programs', () => {
  it('leaves out what is not known, and has all that is', () => {
    expect(jsonOfReport(gathered({ config: configOf('repositories: { local: { path: /repo } }') }))).toEqual({
      time: '2025-11-19T12:00:00.000000000Z',
      host: 'web1',
      health: 'healthy',
      jobs: [],
      drills: [],
      repositories: [{ repository: 'local', path: '/repo' }],
      archives: [],
      series: [],
    })
    rememberFacts(state, 'web1', '/repo', { ...FACTS, at: NOW - 2 * DAY, size: 600 })
    rememberFacts(state, 'web1', '/repo', FACTS)
    rememberVerified(state, 'web1', '/repo', { at: NOW, isGood: false })
    record('incomplete', NOW - HOUR)
    const { jobs, repositories } = jsonOfReport(gathered()) as { jobs: object[]; repositories: object[] }
    expect(jobs[0]).toMatchObject({
      job: 'nightly',
      last_good_snapshot: 'n1',
      last_good_age_seconds: 108_000,
      last_snapshot: 'n2',
      max_age_seconds: 93_600,
      stale_since: '2025-11-19T08:00:00.000000000Z',
      running: false,
      last_run: { outcome: 'incomplete', message: 'why' },
      next_run: '2025-11-20T02:00:00.000000000Z',
      runs: 1,
      good_runs: 0,
    })
    expect(repositories[0]).toMatchObject({
      growth_per_day: 200,
      days_until_full: 50,
      damaged: true,
      disk_free: 10_000,
    })
  })
})

describe('the report for people', () => {
  it('has a table of each kind, and why something is not well', () => {
    rememberFacts(state, 'web1', '/repo', FACTS)
    rememberVerified(state, 'web1', '/repo', { at: NOW, isGood: false })
    rememberFacts(state, 'web1', '/far', { at: NOW, unreachable: 'away\u001b[2J' })
    record('failed', NOW - HOUR)
    const text = renderStatus(gathered(), 'UTC')
    expect(text).toMatch(
      /^job +health +last good +age +last run +good runs +next run\nnightly +critical +n1 +2025-11-18 06:00:00/,
    )
    expect(text).toContain('nightly: the last run failed: why\n')
    expect(text).toContain('2025-11-19 12:00:00 DAMAGED')
    expect(text).toContain('far: cannot be opened: away\\x1b[2J\n')
    expect(text).toMatch(/web2 nightly +o 2025-11-18/)
  })
})

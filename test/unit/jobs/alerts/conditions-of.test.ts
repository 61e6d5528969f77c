import { describe, expect, it } from 'vitest'
import { anomaliesOf } from '../../../../src/jobs/alerts/anomaly.ts'
import { conditionsOf, DEFAULT_THRESHOLDS } from '../../../../src/jobs/alerts/conditions-of.ts'
import type {
  JobStatus,
  RepositoryStatus,
  RunMoment,
  RunOutcome,
  StatusReport,
} from '../../../../src/jobs/status/report.ts'

const HOUR = 3_600_000
const NOW = Date.UTC(2025, 10, 19, 2)
const GIB = 1024 ** 3

const run = (outcome: RunOutcome, more: Partial<RunMoment> = {}): RunMoment => ({
  id: '17',
  startedMs: NOW - HOUR,
  endedMs: NOW,
  outcome,
  error: undefined,
  bytes: undefined,
  ...more,
})

const job = (more: Partial<JobStatus> = {}): JobStatus => ({
  job: 'nightly',
  repository: 'local',
  health: 'healthy',
  reasons: [],
  lastGood: { id: '1a2b3c4d5e6f', time: NOW - HOUR },
  last: undefined,
  maxAgeMs: 26 * HOUR,
  lastRun: run('ok'),
  stale: undefined,
  isRunning: false,
  nextRun: undefined,
  runs: { all: 3, good: 3 },
  ...more,
})

const repository = (more: Partial<RepositoryStatus> = {}): RepositoryStatus => ({
  repository: 'local',
  path: '/srv/backup',
  unreachable: undefined,
  snapshots: 3,
  size: GIB,
  growth: undefined,
  disk: { free: 500 * GIB, total: 1000 * GIB },
  daysUntilFull: undefined,
  lastVerify: { at: NOW, isGood: true },
  ...more,
})

const report = (
  jobs: readonly JobStatus[],
  repositories: readonly RepositoryStatus[] = [],
): StatusReport => ({
  at: NOW,
  host: 'web1',
  health: 'healthy',
  jobs,
  drills: [],
  repositories,
  archives: [],
  series: [],
})

const ofJob = (more: Partial<JobStatus>) => conditionsOf(report([job(more)]))
const ofRepository = (more: Partial<RepositoryStatus>) => conditionsOf(report([], [repository(more)]))

describe('of what is well', () => {
  it('follows nothing', () => {
    expect(conditionsOf(report([job()], [repository()]))).toEqual([])
  })

  it('and of what was never run, follows nothing', () => {
    expect(ofJob({ lastGood: undefined, lastRun: undefined })).toEqual([])
  })
})

describe('of a job', () => {
  it.each([
    ['failed', 'critical', 'nightly failed'],
    ['died', 'critical', 'nightly died'],
    ['interrupted', 'warning', 'nightly was interrupted'],
  ] as const)('whose last run has %s follows that, as %s', (outcome, severity, title) => {
    expect(ofJob({ lastRun: run(outcome) })).toMatchObject([
      {
        key: 'failed:nightly',
        kind: 'failed',
        severity,
        title,
        job: 'nightly',
        run: '17',
        lastGood: { id: '1a2b3c4d5e6f' },
        text: expect.stringMatching(/./),
        hint: expect.stringContaining('snap backup --job nightly'),
      },
    ])
  })

  it('the reason of a failure is told', () => {
    expect(ofJob({ lastRun: run('failed', { error: 'the disk is full' }) })[0]?.text).toBe('the disk is full')
  })

  it('whose last snapshot lacks something follows that', () => {
    expect(ofJob({ lastRun: run('incomplete') })).toMatchObject([
      { key: 'incomplete:nightly', severity: 'warning', run: '17' },
    ])
  })

  it('follows that it is stale, where it is, and why', () => {
    const reason = 'its last complete snapshot is 2d 2h old, and may be 1d 2h'
    expect(ofJob({ lastGood: { id: 'a', time: 0 } })).toEqual([])
    expect(ofJob({ stale: { since: NOW - HOUR, reason } })).toMatchObject([
      { key: 'stale:nightly', severity: 'critical', text: reason },
    ])
  })

  it('follows what is out of the common of its last run, if there were enough before', () => {
    const lastRun = run('ok', { bytes: { read: GIB, added: GIB } })
    const usual = Array.from({ length: 7 }, () => ({ read: GIB, added: 1_000_000 }))
    const found = (recent: typeof usual) =>
      conditionsOf(report([job({ lastRun })]), DEFAULT_THRESHOLDS, new Map([['nightly', recent]]))
    expect(found(usual)).toMatchObject([
      {
        key: 'anomaly:nightly',
        title: 'nightly added far more than it usually does',
        text: 'it added 1.00 GiB, where 976.6 KiB are usual',
      },
    ])
    expect(found(usual.slice(1))).toEqual([])
  })

  it('that failed, what it read by then is no anomaly', () => {
    const lastRun = run('failed', { bytes: { read: 0, added: 0 } })
    const usual = Array.from({ length: 9 }, () => ({ read: GIB, added: GIB }))
    const found = conditionsOf(report([job({ lastRun })]), DEFAULT_THRESHOLDS, new Map([['nightly', usual]]))
    expect(found.map(({ kind }) => kind)).toEqual(['failed'])
  })
})

describe('of a repository', () => {
  it('that cannot be opened follows that', () => {
    expect(ofRepository({ unreachable: 'no such file or directory', disk: undefined })).toMatchObject([
      { key: 'unreachable:local', severity: 'critical', text: '/srv/backup: no such file or directory' },
    ])
  })

  it('whose last verification was not good follows that, until one is', () => {
    expect(ofRepository({ lastVerify: { at: 1, isGood: false } })).toMatchObject([
      { key: 'damaged:local', severity: 'critical', repository: 'local' },
    ])
    expect(ofRepository({ lastVerify: undefined })).toEqual([])
  })

  it.each([
    [{ free: 51 * GIB, total: 1000 * GIB }, undefined, undefined],
    [{ free: 49 * GIB, total: 1000 * GIB }, undefined, 'warning'],
    [{ free: 9 * GIB, total: 1000 * GIB }, undefined, 'critical'],
    [{ free: GIB - 1, total: 10 * GIB }, undefined, 'warning'],
    [{ free: 0, total: 10 * GIB }, undefined, 'critical'],
    [{ free: 500 * GIB, total: 1000 * GIB }, 6.5, 'warning'],
    [{ free: 500 * GIB, total: 1000 * GIB }, 0.5, 'critical'],
    [{ free: 500 * GIB, total: 1000 * GIB }, 8, undefined],
    [undefined, undefined, undefined],
    [{ free: 0, total: 0 }, undefined, 'critical'],
  ])('with %j and %j days until it is full, its disk is %s', (disk, daysUntilFull, severity) => {
    expect(ofRepository({ disk, daysUntilFull })[0]?.severity).toBe(severity)
  })

  it('says how much is free and for how long', () => {
    const [low] = ofRepository({ disk: { free: 40 * GIB, total: 1000 * GIB }, daysUntilFull: 3.4 })
    expect(low?.text).toBe('/srv/backup: 40.00 GiB of 1000.00 GiB are free, full in 3 days at this growth')
  })

  it('with thresholds of 0 is never low', () => {
    const none = { ...DEFAULT_THRESHOLDS, disk: { freeShare: 0, freeBytes: 0, daysUntilFull: 0 } }
    const full = repository({ disk: { free: 0, total: 1 }, daysUntilFull: 0 })
    expect(conditionsOf(report([], [full]), none)).toEqual([])
  })
})

describe('a run', () => {
  const MIB = 1024 ** 2
  const days = (...added: number[]) => added.map((mib) => ({ read: 0, added: mib * MIB }))
  const of = (mib: number, ...before: number[]) =>
    anomaliesOf({ read: 0, added: mib * MIB }, days(...before)).map(({ isMore }) =>
      isMore ? 'more' : 'less',
    )

  it.each([
    ['ten times the usual', 1000, [100, 100, 90, 110, 100, 100, 100], ['more']],
    ['nine times the usual', 900, [100, 100, 90, 110, 100, 100, 100], []],
    ['a tenth of the usual', 10, [100, 100, 90, 110, 100, 100, 100], ['less']],
    ['nothing where much is usual', 0, [100, 100, 90, 110, 100, 100, 100], ['less']],
    ['much where nothing is usual', 64, [0, 0, 0, 0, 0, 0, 0], ['more']],
    ['little where nothing is usual', 63, [0, 0, 0, 0, 0, 0, 0], []],
    ['a hundred times of very little', 10, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], []],
    ['a quiet weekend like those before', 1, [100, 100, 100, 100, 100, 1, 1, 100, 100], []],
    ['a strange run, with one as strange before', 5000, [100, 100, 100, 5000, 100, 100, 100], ['more']],
    ['a strange run, with two as strange before', 5000, [100, 5000, 100, 5000, 100, 100, 100], []],
    ['strange runs before', 100, [100, 5000, 100, 0, 100, 100, 100], []],
    ['few before', 5000, [100, 100, 100, 100, 100, 100], []],
  ])('with %s is judged', (_, added, before, expected) => {
    expect(of(added, ...before)).toEqual(expected)
  })

  it('is judged by what it read too, and more stands before less', () => {
    const before = Array.from({ length: 8 }, () => ({ read: 1000 * MIB, added: MIB }))
    expect(anomaliesOf({ read: 0, added: 1000 * MIB }, before)).toMatchObject([
      { of: 'added', isMore: true },
      { of: 'read', isMore: false },
    ])
  })
})

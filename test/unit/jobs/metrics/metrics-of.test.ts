import { describe, expect, it } from 'vitest'
import { exposition } from '../../../../src/jobs/metrics/exposition.ts'
import { metricsOf } from '../../../../src/jobs/metrics/metrics-of.ts'
import type { StatusReport } from '../../../../src/jobs/status/report.ts'

type Parsed = ReadonlyMap<string, { readonly help: string; readonly samples: ReadonlyMap<string, number> }>

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'

/** The text format, read strictly: each family once, with help, type and then its samples, none of them twice. */
function parse(text: string): Parsed {
  expect(text.endsWith('\n')).toBe(true)
  const families = new Map<string, { help: string; samples: Map<string, number> }>()
  const lines = text.slice(0, -1).split('\n')
  let name = ''
  for (let index = 0; index < lines.length; index++) {
    const help = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\[\\\\n])+)$`).exec(lines[index]!)
    if (help !== null) {
      name = help[1]!
      expect(families.has(name)).toBe(false)
      expect(lines[++index]).toBe(`# TYPE ${name} gauge`)
      families.set(name, { help: help[2]!, samples: new Map() })
      continue
    }
    const line = new RegExp(`^(${NAME})(\\{[^{}]*\\})? (-?[0-9.e+-]+)$`).exec(lines[index]!)
    expect(line, lines[index]).not.toBeNull()
    const [, own, labels = '', value] = line!
    expect(own).toBe(name)
    const rest = labels.slice(1, -1).replace(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/g, '')
    expect(rest).toBe('')
    const { samples } = families.get(name)!
    expect(samples.has(labels)).toBe(false)
    expect(Number.isFinite(Number(value))).toBe(true)
    samples.set(labels, Number(value))
  }
  return families
}

const FULL: StatusReport = {
  at: 1_763_517_600_500,
  host: 'web1',
  health: 'stale',
  jobs: [
    {
      job: 'nightly',
      repository: 'local',
      health: 'healthy',
      reasons: [],
      lastGood: { id: 'a', time: 1_763_510_000_000 },
      last: undefined,
      maxAgeMs: 93_600_000,
      lastRun: {
        id: '1',
        startedMs: 1_763_510_000_000,
        endedMs: 1_763_510_090_250,
        outcome: 'incomplete',
        error: undefined,
        bytes: { read: 5_000_000_000_000, added: 0 },
      },
      stale: undefined,
      isRunning: true,
      nextRun: 1_763_596_400_000,
      runs: { all: 30, good: 27 },
    },
    {
      job: 'never',
      repository: 'local',
      health: 'unknown',
      reasons: [],
      lastGood: undefined,
      last: undefined,
      maxAgeMs: undefined,
      lastRun: undefined,
      stale: undefined,
      isRunning: false,
      nextRun: undefined,
      runs: { all: 0, good: 0 },
    },
  ],
  drills: [
    {
      drill: 'weekly',
      job: 'nightly',
      repository: 'local',
      health: 'critical',
      reasons: [],
      lastRun: {
        id: '2',
        startedMs: 1_763_500_000_000,
        endedMs: 1_763_500_012_500,
        outcome: 'failed',
        error: undefined,
        bytes: undefined,
      },
      measured: {
        run: '1',
        at: 1_763_400_000_000,
        recoveryMs: 1_500,
        snapshot: { id: 'a', time: 1_763_390_000_000 },
        categories: ['critical'],
      },
      recoveryTimeMs: 1_000,
      overdue: undefined,
      knownSince: 0,
      isRunning: false,
      nextRun: undefined,
    },
    {
      drill: 'new',
      job: 'nightly',
      repository: 'local',
      health: 'unknown',
      reasons: [],
      lastRun: undefined,
      measured: undefined,
      recoveryTimeMs: undefined,
      overdue: undefined,
      knownSince: 0,
      isRunning: false,
      nextRun: undefined,
    },
  ],
  repositories: [
    {
      repository: 'local',
      path: '/srv',
      unreachable: undefined,
      snapshots: 12,
      size: 1e12,
      growth: 86_400,
      disk: { free: 1, total: 2 },
      daysUntilFull: 2,
      lastVerify: { at: 1_763_000_000_000, isGood: false },
    },
    {
      repository: 'away',
      path: '/mnt',
      unreachable: 'not mounted',
      snapshots: undefined,
      size: undefined,
      growth: undefined,
      disk: undefined,
      daysUntilFull: Number.POSITIVE_INFINITY,
      lastVerify: undefined,
    },
  ],
  archives: [],
  series: [],
}

describe('the metrics', () => {
  const families = parse(metricsOf(FULL))
  const value = (name: string, labels: string): number | undefined => families.get(name)?.samples.get(labels)
  const nightly = '{job="nightly",repository="local"}'
  const weekly = '{drill="weekly",job="nightly",repository="local"}'
  const local = '{repository="local"}'

  it.each([
    ['healthy', 1],
    ['unknown', 1],
    ['stale', 0],
    ['critical', 0],
  ] as const)('say of what is %s whether somebody has to look: healthy is %i', (health, expected) => {
    const samples = parse(metricsOf({ ...FULL, health })).get('snap_healthy')?.samples
    expect(samples?.get('')).toBe(expected)
  })

  it.each([
    ['snap_healthy', '', 0],
    ['snap_status_timestamp_seconds', '', 1_763_517_600.5],
    ['snap_job_last_success_timestamp_seconds', nightly, 1_763_510_000],
    ['snap_job_last_run_timestamp_seconds', nightly, 1_763_510_000],
    ['snap_job_last_run_duration_seconds', nightly, 90.25],
    ['snap_job_last_run_read_bytes', nightly, 5e12],
    ['snap_job_last_run_added_bytes', nightly, 0],
    ['snap_job_healthy', nightly, 1],
    ['snap_job_healthy', '{job="never",repository="local"}', 1],
    ['snap_job_running', nightly, 1],
    ['snap_job_max_age_seconds', nightly, 93_600],
    ['snap_job_next_run_timestamp_seconds', nightly, 1_763_596_400],
    ['snap_job_recent_runs', nightly, 30],
    ['snap_job_success_ratio', nightly, 0.9],
    ['snap_job_last_run_status', '{job="nightly",repository="local",outcome="incomplete"}', 1],
    ['snap_job_last_run_status', '{job="nightly",repository="local",outcome="ok"}', 0],
    ['snap_drill_ok', weekly, 0],
    ['snap_drill_duration_seconds', weekly, 12.5],
    ['snap_drill_last_success_timestamp_seconds', weekly, 1_763_400_000],
    ['snap_drill_recovery_seconds', weekly, 1.5],
    ['snap_up', local, 1],
    ['snap_up', '{repository="away"}', 0],
    ['snap_repository_snapshots', local, 12],
    ['snap_repository_size_bytes', local, 1e12],
    ['snap_repository_growth_bytes_per_second', local, 1],
    ['snap_repository_disk_free_bytes', local, 1],
    ['snap_repository_disk_size_bytes', local, 2],
    ['snap_repository_until_full_seconds', local, 172_800],
    ['snap_repository_last_verify_timestamp_seconds', local, 1_763_000_000],
    ['snap_repository_last_verify_good', local, 0],
  ])('have %s%s', (name, labels, expected) => {
    expect(value(name, labels)).toBe(expected)
  })

  it('have nothing of what is not known', () => {
    const never = [...families].filter(([, { samples }]) => samples.has('{job="never",repository="local"}'))
    expect(never.map(([name]) => name)).toEqual([
      'snap_job_healthy',
      'snap_job_running',
      'snap_job_recent_runs',
    ])
    const unrun = [...families].filter(([, { samples }]) =>
      samples.has('{drill="new",job="nightly",repository="local"}'),
    )
    expect(unrun).toEqual([])
    const away = [...families].filter(([, { samples }]) => samples.has('{repository="away"}'))
    expect(away.map(([name]) => name)).toEqual(['snap_up'])
  })

  it('of a configuration without jobs are still metrics', () => {
    expect([...parse(metricsOf({ ...FULL, jobs: [], drills: [], repositories: [] })).keys()]).toEqual([
      'snap_healthy',
      'snap_status_timestamp_seconds',
    ])
  })
})

describe('the text format', () => {
  it('escapes what would end a label or a help', () => {
    const text = exposition([
      {
        name: 'x',
        help: 'back\\slash\nand line',
        samples: [{ labels: { a: 'quote " back\\slash\nline' }, value: 1 }],
      },
    ])
    expect(text).toBe(
      '# HELP snap_x back\\\\slash\\nand line\n# TYPE snap_x gauge\nsnap_x{a="quote \\" back\\\\slash\\nline"} 1\n',
    )
    parse(text)
  })
})

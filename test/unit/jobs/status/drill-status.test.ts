import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { drillConditions } from '../../../../src/jobs/alerts/drill-conditions.ts'
import { missedObjectives } from '../../../../src/jobs/alerts/missed-objectives.ts'
import { readConfig } from '../../../../src/jobs/config/read-config.ts'
import type { Outcome } from '../../../../src/jobs/state/run.ts'
import { State } from '../../../../src/jobs/state/state.ts'
import { gatherReport } from '../../../../src/jobs/status/gather.ts'
import { rememberMeasured } from '../../../../src/jobs/status/measured.ts'
import type { DrillStatus, StatusReport } from '../../../../src/jobs/status/report.ts'
import { fastScratch } from '../../../support/snap.ts'

const KEY = 'web1:/snap.yaml'
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A Sunday. */
const BEGIN = Date.UTC(2026, 0, 4)
let now: number
let directory: string
let state: State
let count = 0

beforeEach(() => {
  now = BEGIN
  directory = mkdtempSync(join(fastScratch(0), 'snap-drills-'))
  state = State.open(directory, { now: () => now })
})
afterEach(() => {
  state[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

const configOf = (drill: string, objectives = '') =>
  readConfig({
    file: '/snap.yaml',
    env: {},
    text: `
repositories: { local: { path: /repo } }
sources: { docs: { files: [/docs] }, bank: { sqlite: /bank } }
categories: { critical: { books: [bank] }, minor: { docs: [docs] } }
jobs: { nightly: { scope: [critical, minor] } }
drills: { trial: { job: nightly, ${drill} } }
objectives: { ${objectives} }`,
  }).config

const WEEKLY = "schedule: { at: 'sunday at 05:00', timezone: UTC }"
let config = configOf('')
const report = (): StatusReport => gatherReport(state, { config, key: KEY, host: 'web1', nowMs: now })
const drill = (): DrillStatus => report().drills[0]!

/** A drill, or with `job` a backup. */
function ran(outcome: Outcome, { job = 'trial', takes = 60_000 } = {}): void {
  count += 1
  const id = `20260104-000000-${String(count).padStart(4, '0')}`
  const kind = job === 'trial' ? 'drill' : 'backup'
  const about = { kind, config: KEY, job, repository: 'local', trigger: 'hand', dueMs: undefined } as const
  state.runs.begin({ id, ...about, startedMs: now, pid: 1 })
  state.runs.end(id, {
    endedMs: now + takes,
    outcome,
    message: outcome === 'ok' ? undefined : 'why',
    snapshot: 's',
  })
}

function measured(recoveryMs: number, categories = ['critical', 'minor']): void {
  ran('ok')
  const snapshot = { id: 's', time: now - HOUR }
  rememberMeasured(state, KEY, 'trial', { run: 'r', at: now, recoveryMs, snapshot, categories })
}

describe('a drill', () => {
  it('that was never run is unknown, and troubles nobody', () => {
    config = configOf(WEEKLY)
    expect(drill()).toMatchObject({ health: 'unknown', overdue: undefined, lastRun: undefined })
    ran('ok', { job: 'nightly' })
    expect(report().health).toBe('healthy')
    expect(drillConditions(report().drills)).toEqual([])
  })

  it.each([
    ['ok', 'healthy', []],
    ['failed', 'critical', ['critical']],
    ['died', 'critical', ['critical']],
    ['interrupted', 'stale', ['warning']],
  ] as const)('that ended %s is %s', (outcome, health, severities) => {
    config = configOf('')
    ran('ok', { job: 'nightly' })
    ran(outcome)
    expect(drill().health).toBe(health)
    expect(report().health).toBe(health)
    expect(report().jobs[0]).toMatchObject({ health: 'healthy', runs: { all: 1, good: 1 } })
    expect(drillConditions(report().drills).map(({ severity }) => severity)).toEqual(severities)
    ran('ok')
    expect(drillConditions(report().drills)).toEqual([])
  })

  it('is overdue from a twelfth of its interval on after it was due, until it is run', () => {
    config = configOf(WEEKLY)
    expect(drill().overdue).toBeUndefined()
    const late = BEGIN + 5 * HOUR + (7 * DAY) / 12
    now = late - 1
    expect(drill().overdue).toBeUndefined()
    now = late
    expect(drill()).toMatchObject({ health: 'stale', overdue: { since: late } })
    expect(drillConditions(report().drills)).toMatchObject([
      { key: 'drill-overdue:trial', severity: 'warning' },
    ])
    // One that fails is told as that, and is not overdue.
    ran('failed')
    expect(drillConditions(report().drills)).toMatchObject([{ key: 'drill:trial' }])
    now += 7 * DAY
    expect(drillConditions(report().drills)).toMatchObject([
      { key: 'drill:trial' },
      { key: 'drill-overdue:trial' },
    ])
  })

  it('of a name that a job had is not that job, nor the other way round', () => {
    config = configOf('')
    state.runs.begin({
      id: 'x',
      kind: 'backup',
      config: KEY,
      job: 'trial',
      repository: 'local',
      trigger: 'hand',
      dueMs: undefined,
      startedMs: now,
      pid: 1,
    })
    state.runs.end('x', { endedMs: now, outcome: 'failed' })
    expect(drill().lastRun).toBeUndefined()
    ran('ok')
    expect(state.runs.lastGood(KEY, 'trial')).toBeUndefined()
    expect(state.runs.count(KEY, 'trial', 0)).toEqual({ all: 1, good: 0 })
  })
})

describe('the recovery time', () => {
  const texts = (): string[] => missedObjectives(config, report()).map(({ key, text }) => `${key}: ${text}`)
  const MISSED = 'objective:critical:recovery-time'

  it('is met by a drill that is quick enough, and missed by one that is not', () => {
    config = configOf('', 'critical: { recovery-time: 30m }')
    measured(30 * 60_000)
    expect(texts()).toEqual([])
    expect(drill().recoveryTimeMs).toBe(30 * 60_000)
    now += DAY
    measured(31 * 60_000)
    expect(texts()).toEqual([
      `${MISSED}: its recovery took 31m in the last good drill, longer than the 30m that it may take`,
    ])
    now += DAY
    ran('failed')
    expect(texts()).toHaveLength(1)
    measured(60_000)
    expect(texts()).toEqual([])
  })

  it('is missed where nobody measures it for 40 days, or since it was due', () => {
    config = configOf('', 'critical: { recovery-time: 30m }')
    expect(texts()).toEqual([])
    now = BEGIN + 40 * DAY
    expect(texts()).toEqual([`${MISSED}: no drill has measured it, and it may take 30m`])
    measured(1_000)
    now += 40 * DAY - 1
    expect(texts()).toEqual([])
    now += 1
    expect(texts()).toEqual([`${MISSED}: no drill has measured it for 40d`])
    config = configOf(WEEKLY, 'critical: { recovery-time: 30m }')
    now = BEGIN + 84 * DAY + 5 * HOUR
    measured(1_000)
    now += 7 * DAY + (7 * DAY) / 12 - 1
    expect(texts()).toEqual([])
    now += 1
    expect(texts()).toHaveLength(1)
  })

  it('is measured by drills that bring all of the category back, and by no others', () => {
    const objective = 'critical: { recovery-time: 30m }'
    for (const narrow of [
      'categories: [minor]',
      'types: [books]',
      'paths: [/x]',
      'categories: [critical], types: [books]',
    ]) {
      config = configOf(narrow, objective)
      expect(texts(), narrow).toEqual([`${MISSED}: no drill restores it, and that may take 30m`])
      expect(drill().recoveryTimeMs).toBeUndefined()
    }
    config = configOf('categories: [critical]', objective)
    expect(texts()).toEqual([])
    // A database was left out.
    measured(31 * 60_000, [])
    expect(texts()).toEqual([])
    now += 40 * DAY
    expect(texts()).toEqual([`${MISSED}: no drill has measured it, and it may take 30m`])
  })
})

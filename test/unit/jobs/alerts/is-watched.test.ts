import { expect, it } from 'vitest'
import type { Condition } from '../../../../src/jobs/alerts/condition.ts'
import { drillConditions } from '../../../../src/jobs/alerts/drill-conditions.ts'
import { isWatched, type Watched } from '../../../../src/jobs/alerts/is-watched.ts'
import { lateArchive } from '../../../../src/jobs/alerts/late-archive.ts'
import { missedObjectives } from '../../../../src/jobs/alerts/missed-objectives.ts'
import { readConfig } from '../../../../src/jobs/config/read-config.ts'
import type { DrillStatus, StatusReport } from '../../../../src/jobs/status/report.ts'

const YAML = `repositories: { local: { path: /r } }
sources:
  app: { files: [/srv] }
  server: { postgres-cluster: { wal-age: 15m } }
categories: { critical: { all: [app] } }
jobs: { nightly: { scope: [critical] } }
objectives: { critical: { recovery-point: 26h, recovery-time: 30m } }
drills: { weekly: { job: nightly } }
`
const config = (from?: string, to = ''): Watched => {
  const text = from === undefined ? YAML : YAML.replace(from, to)
  return readConfig({ file: '/etc/snap.yaml', text, env: {} }).config
}

const drill = {
  drill: 'weekly',
  job: 'nightly',
  repository: 'local',
  lastRun: { id: 'r', outcome: 'failed' },
  overdue: { reason: 'late' },
} as unknown as DrillStatus
const [failed, overdue] = drillConditions([drill])
const report = { at: Date.now(), jobs: [], drills: [] } as unknown as StatusReport
const [point, time] = missedObjectives(config() as never, report)
const [wal] = lateArchive({
  source: 'server',
  repository: 'local',
  late: { reason: 'none for 1h' },
} as unknown as Parameters<typeof lateArchive>[0])
const ofJob = { key: 'failed:nightly', kind: 'failed', job: 'nightly' } as Condition
const ofPlace = { key: 'unreachable:local', kind: 'unreachable', repository: 'local' } as Condition
const history = { key: 'unrecorded', kind: 'unrecorded' } as Condition

const isSeen = (condition: Condition | undefined, watched: Watched): boolean =>
  condition !== undefined && isWatched(condition, watched)

it('is so while the configuration has what a condition is about', () => {
  const all = [failed, overdue, point, time, wal, ofJob, ofPlace, history]
  expect(all.map((condition) => isSeen(condition, config()))).toEqual(all.map(() => true))
})

it.each([
  ['a drill that was renamed', 'weekly', 'monthly', [failed, overdue]],
  ['a job that was renamed', 'nightly', 'daily', [ofJob]],
  ['a repository that was renamed', 'local:', 'other:', [ofPlace]],
  ['an objective that is gone', 'recovery-point: 26h, ', '', [point]],
  ['the other objective that is gone', ', recovery-time: 30m', '', [time]],
  ['a cluster whose WAL has no age any more', 'wal-age: 15m', 'host: here', [wal]],
])('is not so of %s, and of that alone', (_, from, to, gone) => {
  const text = from === 'nightly' ? YAML.replaceAll(from, to) : undefined
  const watched =
    text === undefined ? config(from, to) : readConfig({ file: '/etc/snap.yaml', text, env: {} }).config
  expect(gone.map((condition) => isSeen(condition, watched))).toEqual(gone.map(() => false))
  const others = [failed, overdue, point, time, wal, ofJob, ofPlace, history].filter(
    (each) => !gone.includes(each),
  )
  expect(others.map((condition) => isSeen(condition, watched))).toEqual(others.map(() => true))
})

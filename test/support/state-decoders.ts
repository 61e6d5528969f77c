/** What reads the state of jobs on this machine, and its logs: files, in which anything may stand. */
import { encodeText } from '../../src/base/bytes.ts'
import { renderDrills } from '../../src/cli/render/drill.ts'
import { renderLogLine } from '../../src/cli/render/log-line.ts'
import { renderRuns } from '../../src/cli/render/runs.ts'
import { renderStatus, renderStatusJson } from '../../src/cli/render/status.ts'
import { jsonFields } from '../../src/daemon/child-lines.ts'
import { decodeMemory, encodeMemory } from '../../src/jobs/alerts/alert-memory.ts'
import { metricsOf } from '../../src/jobs/metrics/metrics-of.ts'
import { jsonOfRun } from '../../src/jobs/state/run-json.ts'
import { type Row, runOf } from '../../src/jobs/state/run-row.ts'
import { factsIn, verifyFactsIn } from '../../src/jobs/status/facts.ts'
import { measuredIn } from '../../src/jobs/status/measured.ts'
import type { SourceDecoder } from './decoders.ts'

const NOW = Date.UTC(2025, 10, 19)
const json = (value: unknown): Uint8Array => encodeText(JSON.stringify(value))

/** What is no JSON has been left out before. */
const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

const MOMENT = { id: 'a'.repeat(64), time: NOW }
const FACTS = {
  at: NOW,
  unreachable: 'it is not there',
  snapshots: 2,
  size: 5_000,
  disk: { free: 1, total: 2 },
  series: [{ host: 'web1', job: 'nightly', paths: ['/x'], snapshots: 2, last: MOMENT, lastGood: MOMENT }],
}

/** All that is made of it. */
function shownFacts(bytes: Uint8Array): unknown {
  const value = parsed(bytes)
  const { unreachable, snapshots, size, disk, series = [] } = factsIn(value) ?? { at: NOW }
  const report = {
    at: NOW,
    host: 'web1',
    health: 'healthy' as const,
    jobs: [],
    drills: [],
    repositories: [
      {
        repository: 'r',
        path: '/r',
        unreachable,
        snapshots,
        size,
        disk,
        growth: undefined,
        daysUntilFull: undefined,
        lastVerify: verifyFactsIn(value),
      },
    ],
    archives: [],
    series: series.map((each) => ({
      repository: 'r',
      job: undefined,
      lastGood: undefined,
      last: undefined,
      health: undefined,
      ...each,
    })),
  }
  return [renderStatus(report, 'UTC'), renderStatusJson(report), metricsOf(report)]
}

const ROW = {
  id: '20251119-020000-k3fp',
  kind: 'backup',
  config: 'web1:/etc/snap.yaml',
  job: 'nightly',
  repository: 'local',
  trigger: 'schedule',
  due_ms: NOW,
  started_ms: NOW,
  ended_ms: NOW,
  outcome: 'failed',
  code: 'KEY_WRONG',
  message: 'no',
  snapshot: 'a'.repeat(64),
  bytes_read: 1,
  bytes_added: 2,
  log: '/x',
}

function shownRow(bytes: Uint8Array): unknown {
  const value = parsed(bytes)
  if (typeof value !== 'object' || value === null) return undefined
  const run = runOf(value as Row)
  return run === undefined ? undefined : [renderRuns([run], NOW, 'UTC'), JSON.stringify(jsonOfRun(run))]
}

const MEASURED = { run: ROW.id, at: NOW, recoveryMs: 1_500, snapshot: MOMENT, categories: ['critical'] }

function shownMeasured(bytes: Uint8Array): unknown {
  const drill = {
    drill: 'weekly',
    job: 'nightly',
    repository: 'r',
    health: 'healthy' as const,
    reasons: [],
    lastRun: undefined,
    measured: measuredIn(parsed(bytes)),
    recoveryTimeMs: undefined,
    overdue: undefined,
    knownSince: NOW,
    isRunning: false,
    nextRun: undefined,
  }
  const report = {
    at: NOW,
    host: 'web1',
    health: 'healthy' as const,
    jobs: [],
    repositories: [],
    series: [],
    archives: [],
  }
  const all = { ...report, drills: [drill] }
  return drill.measured && [renderDrills(all, new Map(), 'UTC'), renderStatusJson(all), metricsOf(all)]
}

export function stateDecoders(): SourceDecoder[] {
  const told = { channel: 'ops', since: NOW, at: NOW, severity: 'critical' as const }
  const condition = {
    key: 'failed:nightly',
    kind: 'failed' as const,
    severity: 'critical' as const,
    title: 't',
    text: 't',
  }
  const memory = {
    conditions: [{ condition, since: NOW, told: [told] }],
    failing: [{ channel: 'ops', since: NOW, error: 'no' }],
  }
  return [
    {
      name: 'facts of a repository, shown',
      from: 'jobs/status/facts.ts',
      seeds: [json(FACTS), json({ at: NOW, isGood: false })],
      run: shownFacts,
    },
    {
      name: 'what a drill has measured, shown',
      from: 'jobs/status/measured.ts',
      seeds: [json(MEASURED)],
      run: shownMeasured,
    },
    { name: 'run of a job, shown', from: 'jobs/state/run-row.ts', seeds: [json(ROW)], run: shownRow },
    {
      name: 'memory of alerts',
      from: 'jobs/alerts/alert-memory.ts',
      seeds: [encodeText(encodeMemory(memory))],
      run: (bytes) => decodeMemory(Buffer.from(bytes).toString()),
    },
    {
      name: 'line of a log, shown',
      from: 'cli/render/log-line.ts',
      seeds: [
        json({
          level: 'warn',
          time: '2025-11-19T02:00:00.000Z',
          run: 'r',
          job: 'j',
          path: '/x',
          message: 'm',
        }),
      ],
      run: (bytes) => renderLogLine(Buffer.from(bytes).toString()),
    },
    {
      name: 'line of a run',
      from: 'daemon/child-lines.ts',
      seeds: [json({ message_type: 'status', percent_done: 0.5 })],
      run: (bytes) => jsonFields(Buffer.from(bytes).toString()),
    },
  ]
}

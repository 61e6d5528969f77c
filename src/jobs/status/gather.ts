/** The report on a configuration, from what this machine remembers of its runs and what was seen in its repositories. */
import type { Config, JobConfig, RepositoryConfig } from '../config/config.ts'
import type { State } from '../state/state.ts'
import { archivesOf } from './archives.ts'
import { drillStatus } from './drill-status.ts'
import type { SeriesFacts } from './facts.ts'
import { knownSince, momentOf, nextRun } from './gather-parts.ts'
import { daysUntilFull, growthOf } from './growth.ts'
import { jobHealth } from './job-health.ts'
import { placeName, recallSeen, type Seen } from './memory.ts'
import {
  HEALTHS,
  type Health,
  type JobStatus,
  type RepositoryStatus,
  type SeriesStatus,
  type StatusReport,
} from './report.ts'

const DAY_MS = 86_400_000
const WINDOW_MS = 30 * DAY_MS

export type GatherRequest = {
  readonly config: Config
  /** Of the configuration in the history. */
  readonly key: string
  /** Of this machine. */
  readonly host: string
  readonly nowMs: number
  /** For what says nothing itself. ms */
  readonly maxAgeMs?: number | undefined
}

export function gatherReport(state: State, request: GatherRequest): StatusReport {
  const { config, host, nowMs } = request
  const seen = new Map<string, Seen>()
  for (const { name, path } of config.repositories.values()) seen.set(name, recallSeen(state, host, path))
  const jobs = [...config.jobs.values()].map((job) =>
    jobStatus(state, request, job, seen.get(job.repository.name) ?? NOTHING),
  )
  const repositories = [...config.repositories.values()].map((repository) =>
    repositoryStatus(state, request, repository, seen.get(repository.name) ?? NOTHING),
  )
  const series = [...seen].flatMap(([repository, { facts }]) =>
    (facts?.series ?? [])
      .filter((each) => !belongsToJob(config, each, host))
      .map((each) => seriesStatus(repository, each, nowMs, request.maxAgeMs)),
  )
  const archives = archivesOf({ config, host, factsOf: (name) => seen.get(name)?.facts })
  const isLate = archives.some(({ late }) => late !== undefined)
  const drills = [...config.drills.values()].map((drill) => drillStatus(state, request, drill))
  // Of a drill that has not been due yet nothing is wrong.
  const run = drills.filter((drill) => drill.health !== 'unknown')
  const health = worst([
    ...[...jobs, ...run, ...series].flatMap((each) => each.health ?? []),
    ...(isLate ? (['stale'] as const) : []),
  ])
  const isAway = repositories.some(({ unreachable }) => unreachable !== undefined)
  return {
    at: nowMs,
    host,
    health: isAway ? 'critical' : health,
    jobs,
    drills,
    repositories,
    archives,
    series,
  }
}

const NOTHING: Seen = { facts: undefined, verified: undefined }

export const worst = (healths: readonly Health[]): Health =>
  HEALTHS[Math.max(0, ...healths.map((health) => HEALTHS.indexOf(health)))] ?? 'unknown'

function jobStatus(state: State, request: GatherRequest, job: JobConfig, seen: Seen): JobStatus {
  const { key, nowMs } = request
  const { name, schedule } = job
  const maxAgeMs = job.maxAgeMs ?? request.maxAgeMs
  const lastRun = momentOf(state.runs.lastEnded(key, name))
  const series = seen.facts?.series?.find((each) => isSeriesOf(job, each, request.host))
  // What was saved since the repository was last looked at is known from the runs.
  const run = state.runs.lastGood(key, name)
  const ofRun = run?.snapshot === undefined ? undefined : { id: run.snapshot, time: run.startedMs }
  const lastGood = newer(series?.lastGood, ofRun)
  const isRunning = state.isRunning(key, name)
  const health = jobHealth({
    nowMs,
    schedule,
    maxAgeMs,
    lastGood,
    lastRun,
    isRunning,
    knownSince: knownSince(state, key, name, nowMs),
    unreachable: seen.facts?.unreachable,
    isDamaged: seen.verified?.isGood === false,
  })
  return {
    job: name,
    repository: job.repository.name,
    ...health,
    lastGood,
    last: newer(series?.last, lastGood),
    maxAgeMs,
    lastRun,
    isRunning,
    nextRun: nextRun(job, request),
    runs: state.runs.count(key, name, nowMs - WINDOW_MS),
  }
}

type Moment = { readonly id: string; readonly time: number }

function newer(a: Moment | undefined, b: Moment | undefined): Moment | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return b.time > a.time ? b : a
}

function repositoryStatus(
  state: State,
  { host, nowMs }: Pick<GatherRequest, 'host' | 'nowMs'>,
  { name, path }: Pick<RepositoryConfig, 'name' | 'path'>,
  { facts, verified }: Seen,
): RepositoryStatus {
  const growth = growthOf(state.sizes.between(placeName(host, path), nowMs - WINDOW_MS, nowMs))
  return {
    repository: name,
    path,
    unreachable: facts?.unreachable,
    snapshots: facts?.snapshots,
    size: facts?.size,
    growth,
    disk: facts?.disk,
    daysUntilFull: daysUntilFull(facts?.disk?.free, growth),
    lastVerify: verified,
  }
}

const isSeriesOf = (job: JobConfig, series: SeriesFacts, host: string): boolean =>
  series.job === job.name && series.host === (job.host ?? host)

const belongsToJob = (config: Config, series: SeriesFacts, host: string): boolean =>
  [...config.jobs.values()].some((job) => isSeriesOf(job, series, host))

function seriesStatus(
  repository: string,
  { host, job, paths, snapshots, lastGood, last }: SeriesFacts,
  nowMs: number,
  maxAgeMs: number | undefined,
): SeriesStatus {
  const age = lastGood === undefined ? Number.POSITIVE_INFINITY : nowMs - lastGood.time
  const health =
    maxAgeMs === undefined
      ? undefined
      : age > 2 * maxAgeMs
        ? 'critical'
        : age > maxAgeMs
          ? 'stale'
          : 'healthy'
  return { repository, host, job, paths, snapshots, lastGood, last, health }
}

export type SeriesRequest = Pick<GatherRequest, 'host' | 'nowMs' | 'maxAgeMs'> & {
  /** Of the repository. */
  readonly path: string
}

/** The report on a repository without a configuration. */
export function reportOfRepository(state: State, request: SeriesRequest): StatusReport {
  const { path, host, nowMs, maxAgeMs } = request
  const seen = recallSeen(state, host, path)
  const series = (seen.facts?.series ?? []).map((each) => seriesStatus(path, each, nowMs, maxAgeMs))
  const repository = repositoryStatus(state, request, { name: path, path }, seen)
  const health = series.length === 0 ? 'unknown' : worst(series.map((each) => each.health ?? 'healthy'))
  const isAway = repository.unreachable !== undefined
  return {
    at: nowMs,
    host,
    health: isAway ? 'critical' : health,
    jobs: [],
    drills: [],
    repositories: [repository],
    archives: [],
    series,
  }
}

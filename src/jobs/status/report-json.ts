/** A status report for programs. */
import { rfc3339OfMs } from '../../base/timestamp.ts'
import type { DrillStatus, RunMoment, SnapshotMoment, StatusReport } from './report.ts'

export type Json = Readonly<Record<string, unknown>>

/** Without what is not known. */
export function jsonOfReport(report: StatusReport): Json {
  const { at, host, health, jobs, drills, repositories, archives, series } = report
  return {
    time: rfc3339OfMs(at),
    host,
    health,
    jobs: jobs.map((job) => ({
      job: job.job,
      repository: job.repository,
      health: job.health,
      reasons: job.reasons,
      ...momentFields('last_good', job.lastGood, at),
      ...momentFields('last', job.last, at),
      ...(job.maxAgeMs === undefined ? {} : { max_age_seconds: job.maxAgeMs / 1000 }),
      ...(job.stale === undefined ? {} : { stale_since: rfc3339OfMs(job.stale.since) }),
      running: job.isRunning,
      ...(job.lastRun === undefined ? {} : { last_run: runFields(job.lastRun) }),
      ...(job.nextRun === undefined ? {} : { next_run: rfc3339OfMs(job.nextRun) }),
      runs: job.runs.all,
      good_runs: job.runs.good,
    })),
    drills: drills.map((drill) => jsonOfDrill(drill, at)),
    repositories: repositories.map((repository) => ({
      repository: repository.repository,
      path: repository.path,
      ...optional('unreachable', repository.unreachable),
      ...optional('snapshots', repository.snapshots),
      ...optional('size', repository.size),
      ...optional('growth_per_day', repository.growth),
      ...(repository.disk === undefined
        ? {}
        : { disk_free: repository.disk.free, disk_total: repository.disk.total }),
      ...optional('days_until_full', repository.daysUntilFull),
      ...(repository.lastVerify === undefined
        ? {}
        : { verified: rfc3339OfMs(repository.lastVerify.at), damaged: !repository.lastVerify.isGood }),
    })),
    archives: archives.map(({ source, repository, last, maxAgeMs, late }) => ({
      source,
      repository,
      health: late === undefined ? 'healthy' : 'stale',
      ...(last === undefined ? {} : { last_time: rfc3339OfMs(last) }),
      max_age_seconds: maxAgeMs / 1000,
      ...(late === undefined ? {} : { stale_since: rfc3339OfMs(late.since), reason: late.reason }),
    })),
    series: series.map((each) => ({
      repository: each.repository,
      host: each.host,
      ...optional('job', each.job),
      paths: each.paths,
      ...optional('health', each.health),
      ...momentFields('last_good', each.lastGood, at),
      ...momentFields('last', each.last, at),
      snapshots: each.snapshots,
    })),
  }
}

/** Without what is not known. */
export function jsonOfDrill(drill: DrillStatus, now: number): Json {
  const { measured, overdue, recoveryTimeMs, lastRun } = drill
  return {
    drill: drill.drill,
    job: drill.job,
    repository: drill.repository,
    health: drill.health,
    reasons: drill.reasons,
    ...(lastRun === undefined ? {} : { last_run: runFields(lastRun) }),
    ...(measured === undefined
      ? {}
      : {
          recovery_seconds: measured.recoveryMs / 1000,
          measured: rfc3339OfMs(measured.at),
          measured_age_seconds: Math.max(0, Math.round((now - measured.at) / 1000)),
          measured_run_id: measured.run,
          snapshot_id: measured.snapshot.id,
          categories: measured.categories,
        }),
    ...(recoveryTimeMs === undefined ? {} : { recovery_time_seconds: recoveryTimeMs / 1000 }),
    ...(overdue === undefined ? {} : { overdue_since: rfc3339OfMs(overdue.since) }),
    running: drill.isRunning,
    ...(drill.nextRun === undefined ? {} : { next_run: rfc3339OfMs(drill.nextRun) }),
  }
}

const optional = (name: string, value: unknown): Json => (value === undefined ? {} : { [name]: value })

function momentFields(name: string, moment: SnapshotMoment | undefined, now: number): Json {
  if (moment === undefined) return {}
  return {
    [`${name}_snapshot`]: moment.id,
    [`${name}_time`]: rfc3339OfMs(moment.time),
    [`${name}_age_seconds`]: Math.max(0, Math.round((now - moment.time) / 1000)),
  }
}

function runFields({ id, startedMs, endedMs, outcome, error, bytes }: RunMoment): Json {
  return {
    run_id: id,
    started: rfc3339OfMs(startedMs),
    ...(endedMs === undefined ? {} : { ended: rfc3339OfMs(endedMs) }),
    outcome,
    ...optional('message', error),
    ...(bytes === undefined ? {} : { bytes_read: bytes.read, bytes_added: bytes.added }),
  }
}

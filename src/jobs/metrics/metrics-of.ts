/** The figures of a status for Prometheus, in its base units: seconds, bytes, ratios. What is not known has no sample. */
import {
  type DrillStatus,
  isTrouble,
  type JobStatus,
  type RepositoryStatus,
  RUN_OUTCOMES,
  type RunMoment,
  type StatusReport,
} from '../status/report.ts'
import { exposition, type Family, type Sample } from './exposition.ts'

const SECONDS_OF_DAY = 86_400

export function metricsOf(report: StatusReport): string {
  return exposition([
    {
      name: 'healthy',
      help: 'Whether nothing is stale or critical (1), as the status of snap status says, or something is (0).',
      samples: [{ labels: {}, value: yes(!isTrouble(report.health)) }],
    },
    {
      name: 'status_timestamp_seconds',
      help: 'When these figures were made.',
      samples: [{ labels: {}, value: seconds(report.at) }],
    },
    ...JOB_FIGURES.map(([name, help, figureOf]) => ofJobs(report, name, help, figureOf)),
    lastRunStatus(report),
    ...DRILL_FIGURES.map(([name, help, figureOf]) => ofDrills(report, name, help, figureOf)),
    ...REPOSITORY_FIGURES.map(([name, help, figureOf]) => ofRepositories(report, name, help, figureOf)),
  ])
}

type Figure<Of> = readonly [name: string, help: string, figureOf: (of: Of) => number | undefined]

const JOB_FIGURES: readonly Figure<JobStatus>[] = [
  [
    'job_last_success_timestamp_seconds',
    'The time of the newest complete snapshot of the job.',
    ({ lastGood }) => secondsOf(lastGood?.time),
  ],
  [
    'job_last_run_timestamp_seconds',
    'When the last run of the job began.',
    ({ lastRun }) => secondsOf(lastRun?.startedMs),
  ],
  [
    'job_last_run_duration_seconds',
    'How long the last run of the job took.',
    ({ lastRun }) => durationOf(lastRun),
  ],
  ['job_last_run_read_bytes', 'What the last run of the job read.', ({ lastRun }) => lastRun?.bytes?.read],
  [
    'job_last_run_added_bytes',
    'What the last run of the job added to the repository.',
    ({ lastRun }) => lastRun?.bytes?.added,
  ],
  [
    'job_healthy',
    'Whether the job is neither stale nor critical (1), or is (0).',
    ({ health }) => yes(!isTrouble(health)),
  ],
  ['job_running', 'Whether the job is running (1) or not (0).', ({ isRunning }) => yes(isRunning)],
  [
    'job_max_age_seconds',
    'How old the newest complete snapshot of the job may be.',
    ({ maxAgeMs }) => secondsOf(maxAgeMs),
  ],
  ['job_next_run_timestamp_seconds', 'When the job is to run next.', ({ nextRun }) => secondsOf(nextRun)],
  ['job_recent_runs', 'How often the job was run in the last 30 days.', ({ runs }) => runs.all],
  [
    'job_success_ratio',
    'The part of the runs of the last 30 days that were good, from 0 to 1.',
    ({ runs }) => (runs.all === 0 ? undefined : runs.good / runs.all),
  ],
]

const DRILL_FIGURES: readonly Figure<DrillStatus>[] = [
  [
    'drill_last_success_timestamp_seconds',
    'When the last good drill began.',
    ({ measured }) => secondsOf(measured?.at),
  ],
  ['drill_duration_seconds', 'How long the last drill took.', ({ lastRun }) => durationOf(lastRun)],
  [
    'drill_recovery_seconds',
    'How long the last good drill took until all was restored, checked and probed.',
    ({ measured }) => secondsOf(measured?.recoveryMs),
  ],
  [
    'drill_ok',
    'Whether the last drill was good (1) or not (0).',
    ({ lastRun }) => (lastRun === undefined ? undefined : yes(lastRun.outcome === 'ok')),
  ],
]

const REPOSITORY_FIGURES: readonly Figure<RepositoryStatus>[] = [
  [
    'up',
    'Whether the repository can be opened (1) or not (0).',
    ({ unreachable }) => yes(unreachable === undefined),
  ],
  ['repository_snapshots', 'The number of snapshots in the repository.', ({ snapshots }) => snapshots],
  ['repository_size_bytes', 'The size of the repository.', ({ size }) => size],
  [
    'repository_growth_bytes_per_second',
    'How fast the repository grows, over the days on record.',
    ({ growth }) => (growth === undefined ? undefined : growth / SECONDS_OF_DAY),
  ],
  ['repository_disk_free_bytes', 'What is free where the repository lies.', ({ disk }) => disk?.free],
  [
    'repository_disk_size_bytes',
    'The size of the file system where the repository lies.',
    ({ disk }) => disk?.total,
  ],
  [
    'repository_until_full_seconds',
    'After how long its file system is full at this growth.',
    ({ daysUntilFull }) => (daysUntilFull === undefined ? undefined : daysUntilFull * SECONDS_OF_DAY),
  ],
  [
    'repository_last_verify_timestamp_seconds',
    'When the repository was last verified.',
    ({ lastVerify }) => secondsOf(lastVerify?.at),
  ],
  [
    'repository_last_verify_good',
    'Whether the last verification found no damage (1) or did (0).',
    ({ lastVerify }) => (lastVerify === undefined ? undefined : yes(lastVerify.isGood)),
  ],
]

function ofJobs(report: StatusReport, name: string, help: string, figureOf: Figure<JobStatus>[2]): Family {
  return { name, help, samples: report.jobs.flatMap((job) => sample(labelsOf(job), figureOf(job))) }
}

function ofDrills(
  report: StatusReport,
  name: string,
  help: string,
  figureOf: Figure<DrillStatus>[2],
): Family {
  const samples = report.drills.flatMap((each) =>
    sample({ drill: each.drill, job: each.job, repository: each.repository }, figureOf(each)),
  )
  return { name, help, samples }
}

function ofRepositories(
  report: StatusReport,
  name: string,
  help: string,
  figureOf: Figure<RepositoryStatus>[2],
): Family {
  const samples = report.repositories.flatMap((each) =>
    sample({ repository: each.repository }, figureOf(each)),
  )
  return { name, help, samples }
}

/** A sample for each outcome, so that a graph can show them all. */
function lastRunStatus({ jobs }: StatusReport): Family {
  return {
    name: 'job_last_run_status',
    help: 'How the last run of the job ended: 1 for the outcome that it had, 0 for the others.',
    samples: jobs.flatMap((job) => {
      const { lastRun } = job
      if (lastRun === undefined) return []
      return RUN_OUTCOMES.map((outcome) => ({
        labels: { ...labelsOf(job), outcome },
        value: yes(lastRun.outcome === outcome),
      }))
    }),
  }
}

const labelsOf = ({ job, repository }: JobStatus): Sample['labels'] => ({ job, repository })

function sample(labels: Sample['labels'], value: number | undefined): Sample[] {
  return value === undefined || !Number.isFinite(value) ? [] : [{ labels, value }]
}

function durationOf(run: RunMoment | undefined): number | undefined {
  if (run?.endedMs === undefined) return undefined
  return seconds(Math.max(0, run.endedMs - run.startedMs))
}

const yes = (is: boolean): number => (is ? 1 : 0)
const seconds = (ms: number): number => ms / 1000
const secondsOf = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : seconds(ms))

/** What follows from a status: which jobs and repositories are in trouble, in words. Pure: it asks nobody. */
import { humanBytes } from '../../base/sizes.ts'
import type { JobStatus, RepositoryStatus, RunOutcome, StatusReport } from '../status/report.ts'
import { type AnomalyThresholds, anomaliesOf, DEFAULT_ANOMALY, type RunBytes } from './anomaly.ts'
import type { Condition, Severity } from './condition.ts'
import { drillConditions } from './drill-conditions.ts'
import { lateArchive } from './late-archive.ts'

/** A disk is low where any of them is undercut, and critically so below a fifth of it; 0 asks for nothing. */
export type DiskThresholds = {
  /** Of the whole. */
  readonly freeShare: number
  /** Bytes. */
  readonly freeBytes: number
  readonly daysUntilFull: number
}

export type Thresholds = { readonly disk: DiskThresholds; readonly anomaly: AnomalyThresholds }

export const DEFAULT_THRESHOLDS: Thresholds = {
  disk: { freeShare: 0.05, freeBytes: 1024 ** 3, daysUntilFull: 7 },
  anomaly: DEFAULT_ANOMALY,
}

const CRITICAL_PART = 0.2

/** `recent`: by job, what its good runs before the last read and added; a job that is not there has no anomalies. */
export function conditionsOf(
  report: StatusReport,
  thresholds: Thresholds = DEFAULT_THRESHOLDS,
  recent: ReadonlyMap<string, readonly RunBytes[]> = new Map(),
): Condition[] {
  return [
    ...report.repositories.flatMap((repository) => [
      ...unreachable(repository),
      ...damaged(repository),
      ...lowDisk(repository, thresholds.disk),
    ]),
    ...report.archives.flatMap(lateArchive),
    ...report.jobs.flatMap((job) => [
      ...badRun(job),
      ...staleness(job),
      ...anomalous(job, recent.get(job.job) ?? [], thresholds.anomaly),
    ]),
    ...drillConditions(report.drills),
  ]
}

function unreachable({ repository, path, unreachable }: RepositoryStatus): Condition[] {
  if (unreachable === undefined) return []
  return [
    {
      key: `unreachable:${repository}`,
      kind: 'unreachable',
      severity: 'critical',
      title: `repository ${repository} cannot be opened`,
      text: `${path}: ${unreachable}`,
      hint: 'Check that its disk is mounted and that its key is right: nothing is saved there until then.',
      repository,
    },
  ]
}

function damaged({ repository, path, lastVerify }: RepositoryStatus): Condition[] {
  if (lastVerify === undefined || lastVerify.isGood) return []
  return [
    {
      key: `damaged:${repository}`,
      kind: 'damaged',
      severity: 'critical',
      title: `repository ${repository} is damaged`,
      text: `the last verification of ${path} found damage`,
      hint: 'Copy the repository to another disk first. `snap verify --data` names what is affected, `snap repair` mends what can be mended.',
      repository,
    },
  ]
}

function lowDisk(status: RepositoryStatus, thresholds: DiskThresholds): Condition[] {
  const { repository, path, disk, daysUntilFull } = status
  const least = Math.min(
    partOf(disk === undefined ? undefined : disk.free, thresholds.freeBytes),
    partOf(disk === undefined ? undefined : disk.free, thresholds.freeShare * (disk?.total ?? 0)),
    partOf(daysUntilFull, thresholds.daysUntilFull),
  )
  if (least >= 1) return []
  const severity: Severity = least < CRITICAL_PART ? 'critical' : 'warning'
  const free = disk === undefined ? [] : [`${humanBytes(disk.free)} of ${humanBytes(disk.total)} are free`]
  const full = daysUntilFull === undefined ? [] : [`full in ${daysText(daysUntilFull)} at this growth`]
  return [
    {
      key: `low-disk:${repository}`,
      kind: 'low-disk',
      severity,
      title: `the disk of repository ${repository} is filling up`,
      text: `${path}: ${[...free, ...full].join(', ')}`,
      hint: 'Keep fewer snapshots and free their space with `snap prune`, or give the repository more room.',
      repository,
    },
  ]
}

/** What is not known, and what is not asked for, is enough. */
const partOf = (value: number | undefined, threshold: number): number =>
  value === undefined || threshold <= 0 ? Number.POSITIVE_INFINITY : value / threshold

function daysText(days: number): string {
  if (days < 1) return 'less than a day'
  return days < 2 ? 'a day' : `${Math.floor(days)} days`
}

const RUN_TITLES: Readonly<Record<Exclude<RunOutcome, 'ok' | 'incomplete'>, string>> = {
  failed: 'failed',
  interrupted: 'was interrupted',
  died: 'died',
}

const RUN_TEXTS: Readonly<Record<RunOutcome, string>> = {
  ok: '',
  incomplete: 'a snapshot was saved, but something could not be read',
  failed: 'it failed',
  interrupted: 'a signal ended it',
  died: 'its process has gone without a word: killed, out of memory, or the machine went down',
}

/** The last run failed, or left something out. */
function badRun(status: JobStatus): Condition[] {
  const { job, repository, lastRun, lastGood } = status
  if (lastRun === undefined || lastRun.outcome === 'ok') return []
  const { id, outcome, error } = lastRun
  const about = { text: error ?? RUN_TEXTS[outcome], job, repository, run: id, lastGood }
  if (outcome === 'incomplete')
    return [
      {
        key: `incomplete:${job}`,
        kind: 'incomplete',
        severity: 'warning',
        title: `${job} left something out`,
        hint: 'The log of the run names what could not be read.',
        ...about,
      },
    ]
  return [
    {
      key: `failed:${job}`,
      kind: 'failed',
      severity: outcome === 'interrupted' ? 'warning' : 'critical',
      title: `${job} ${RUN_TITLES[outcome]}`,
      hint: `Mend what the log of the run names, then run it again: \`snap backup --job ${job}\`.`,
      ...about,
    },
  ]
}

function staleness({ job, repository, lastGood, stale }: JobStatus): Condition[] {
  if (stale === undefined) return []
  return [
    {
      key: `stale:${job}`,
      kind: 'stale',
      severity: 'critical',
      title: `${job} is stale`,
      text: stale.reason,
      hint: 'Find out why it was not run, or did not succeed: `snap status` says.',
      job,
      repository,
      lastGood,
    },
  ]
}

function anomalous(
  { job, repository, lastRun, lastGood }: JobStatus,
  recent: readonly RunBytes[],
  thresholds: AnomalyThresholds,
): Condition[] {
  if (lastRun?.bytes === undefined || (lastRun.outcome !== 'ok' && lastRun.outcome !== 'incomplete'))
    return []
  const [first, ...others] = anomaliesOf(lastRun.bytes, recent, thresholds)
  if (first === undefined) return []
  const texts = [first, ...others].map(
    ({ of, bytes, usual }) => `it ${of} ${humanBytes(bytes)}, where ${humanBytes(usual)} are usual`,
  )
  return [
    {
      key: `anomaly:${job}`,
      kind: 'anomaly',
      severity: 'warning',
      title: `${job} ${first.of} far ${first.isMore ? 'more' : 'less'} than it usually does`,
      text: texts.join('; '),
      hint: first.isMore
        ? 'Look what has changed: so much is new after a move of many files, and where something encrypts them.'
        : 'Look whether all that it should save is there: a disk that is not mounted looks so.',
      job,
      repository,
      run: lastRun.id,
      lastGood,
    },
  ]
}

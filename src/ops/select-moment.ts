/**
 * Chooses the snapshot that a user means: by id, the latest, or the state at a moment. Pure; it knows nothing of
 * where snapshots are kept.
 */

import { SnapError } from '../model/errors.ts'
import type { SeriesId, SnapshotId } from '../model/ids.ts'
import { formatLocalTime } from './zoned-time.ts'

export type SnapshotSummary = {
  readonly id: SnapshotId
  readonly series: SeriesId
  /** Number of its entry in the log: decides between equal times. */
  readonly number: number
  /** ms since the epoch. */
  readonly time: number
  readonly hostname: string
  readonly paths: readonly string[]
  readonly label: string | undefined
  readonly tags: readonly string[]
  /** Of the configuration of the machine that made it. */
  readonly job?: string | undefined
}

export type SnapshotFilter = {
  readonly host?: string | undefined
  /** Source paths that a snapshot must all have. */
  readonly paths?: readonly string[] | undefined
  /** Tags that a snapshot must all have. */
  readonly tags?: readonly string[] | undefined
  readonly job?: string | undefined
}

/** `id` names one whatever the filter says. `latest` is the newest of all; `at` is the state at a moment, ms since the epoch. */
export type SnapshotSelector =
  | { readonly kind: 'id'; readonly prefix: string }
  | { readonly kind: 'latest' }
  | { readonly kind: 'at'; readonly time: number }

const CANDIDATES_SHOWN = 5
const VALUES_SHOWN = 10
const SHORT_ID_DIGITS = 8
/** Ids that begin with as many equal digits may be meant; with fewer they have nothing to do with each other. */
const NEAR_DIGITS_MIN = 3

/** `latest`, or else the beginning of an id. */
export function parseSelector(text: string): SnapshotSelector {
  return text === 'latest' ? { kind: 'latest' } : { kind: 'id', prefix: text.toLowerCase() }
}

export function filterSnapshots<S extends SnapshotSummary>(
  snapshots: readonly S[],
  filter: SnapshotFilter,
): S[] {
  const { host, job } = filter
  const paths = (filter.paths ?? []).map(withoutSlash)
  const tags = filter.tags ?? []
  return snapshots.filter(
    (snapshot) =>
      (host === undefined || snapshot.hostname === host) &&
      (job === undefined || snapshot.job === job) &&
      paths.every((path) => snapshot.paths.some((source) => withoutSlash(source) === path)) &&
      tags.every((tag) => snapshot.tags.includes(tag)),
  )
}

/** The latest snapshot not after `time` in each series, the newest first. */
export function latestPerSeries<S extends SnapshotSummary>(snapshots: readonly S[], time: number): S[] {
  const latest = new Map<SeriesId, S>()
  for (const snapshot of snapshots) {
    const best = latest.get(snapshot.series)
    if (snapshot.time <= time && (best === undefined || isLater(snapshot, best)))
      latest.set(snapshot.series, snapshot)
  }
  return [...latest.values()].sort(newestFirst)
}

/**
 * The one snapshot that `selector` and `filter` choose. `SNAPSHOT_UNKNOWN` with what there is instead where there
 * is none; `SNAPSHOT_AMBIGUOUS` with the candidates where an id's beginning fits several, or several series have a
 * state at the moment. Of equal times the later log entry wins. `timeZone` is for messages (local if absent).
 */
export function selectSnapshot<S extends SnapshotSummary>(
  snapshots: readonly S[],
  selector: SnapshotSelector,
  filter: SnapshotFilter = {},
  timeZone?: string,
): S {
  if (snapshots.length === 0) throw noneMatches(snapshots, filter)
  if (selector.kind === 'id') return byPrefix(snapshots, selector.prefix, timeZone)
  const matching = filterSnapshots(snapshots, filter).sort(newestFirst)
  const [newest] = matching
  if (newest === undefined) throw noneMatches(snapshots, filter)
  return selector.kind === 'latest' ? newest : atMoment(matching, selector.time, timeZone)
}

/** Why none of `snapshots` passes `filter`: `SNAPSHOT_UNKNOWN` with what there is instead. */
export function noneMatches(snapshots: readonly SnapshotSummary[], filter: SnapshotFilter): SnapError {
  if (snapshots.length === 0)
    return unknown('the repository has no snapshots', 'Make one with `snap backup PATH`.')
  return unknown(
    `no snapshot matches ${describeFilter(filter)}; ${describeKnown([...snapshots].sort(newestFirst), filter)}`,
    'Change --host, --path, --tag, --job or the path.',
  )
}

function byPrefix<S extends SnapshotSummary>(
  snapshots: readonly S[],
  prefix: string,
  timeZone: string | undefined,
): S {
  const matching = prefix === '' ? [] : snapshots.filter((snapshot) => snapshot.id.startsWith(prefix))
  const [first] = matching
  if (first !== undefined && matching.length === 1) return first
  if (first !== undefined) {
    const candidates = describe([...matching].sort(newestFirst), timeZone)
    const hint = 'Give more digits of the id.'
    throw new SnapError(
      'SNAPSHOT_AMBIGUOUS',
      `${matching.length} snapshots begin with ${prefix}: ${candidates}`,
      { hint },
    )
  }
  const near = nearestIds(snapshots, prefix)
  const suggestion = near.length === 0 ? '' : `; the nearest are ${describe(near, timeZone)}`
  const hint = '`snap snapshots` lists them all; --at takes a time, `latest` means the newest.'
  throw unknown(`no snapshot has the id ${JSON.stringify(prefix.slice(0, 64))}${suggestion}`, hint)
}

/** Those that share the longest beginning with `prefix`, newest first; none where that says nothing. */
function nearestIds<S extends SnapshotSummary>(snapshots: readonly S[], prefix: string): S[] {
  for (let digits = prefix.length - 1; digits >= NEAR_DIGITS_MIN; digits--) {
    const near = snapshots.filter((snapshot) => snapshot.id.startsWith(prefix.slice(0, digits)))
    if (near.length > 0) return near.sort(newestFirst)
  }
  return []
}

/** `matching` is sorted newest first and not empty. */
function atMoment<S extends SnapshotSummary>(
  matching: readonly S[],
  time: number,
  timeZone: string | undefined,
): S {
  const candidates = latestPerSeries(matching, time)
  const [first] = candidates
  const moment = formatLocalTime(time, timeZone)
  if (first === undefined) {
    const nearest = describe(matching.slice(-1), timeZone)
    throw unknown(
      `no snapshot is as old as ${moment}; the first after it is ${nearest}`,
      'Choose a later time.',
    )
  }
  if (candidates.length === 1) return first
  const flags = decidingFlags(candidates)
  const hint = flags === '' ? 'Choose one by its id.' : `Choose one with ${flags}, or by its id.`
  const message = `${candidates.length} series have a state at ${moment}: ${describe(candidates, timeZone)}`
  throw new SnapError('SNAPSHOT_AMBIGUOUS', message, { hint })
}

function decidingFlags(candidates: readonly SnapshotSummary[]): string {
  const hosts = new Set(candidates.map((snapshot) => snapshot.hostname))
  const paths = new Set(candidates.map((snapshot) => snapshot.paths.join('\0')))
  const jobs = new Set(candidates.map((snapshot) => snapshot.job))
  const flags = [hosts.size > 1 ? '--host' : '', jobs.size > 1 ? '--job' : paths.size > 1 ? '--path' : '']
  return flags.filter(Boolean).join(' or ')
}

function describe(snapshots: readonly SnapshotSummary[], timeZone: string | undefined): string {
  const shown = snapshots.slice(0, CANDIDATES_SHOWN).map((snapshot) => describeSnapshot(snapshot, timeZone))
  const more = snapshots.length - shown.length
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ')
}

/** `1a2b3c4d of 2025-11-19 02:00:05 (web1: /srv /etc)`: how messages name a snapshot. */
export function describeSnapshot(snapshot: SnapshotSummary, timeZone?: string): string {
  const id = snapshot.id.slice(0, SHORT_ID_DIGITS)
  return `${id} of ${formatLocalTime(snapshot.time, timeZone)} (${snapshot.hostname}: ${snapshot.paths.join(' ')})`
}

function describeFilter(filter: SnapshotFilter): string {
  const parts = [
    filter.host === undefined ? '' : `host ${filter.host}`,
    ...(filter.paths ?? []).map((path) => `path ${path}`),
    ...(filter.tags ?? []).map((tag) => `tag ${tag}`),
    filter.job === undefined ? '' : `job ${filter.job}`,
  ]
  return parts.filter(Boolean).join(', ')
}

/** What the snapshots, newest first, have in the place of each thing that none of them has. */
function describeKnown(snapshots: readonly SnapshotSummary[], filter: SnapshotFilter): string {
  const { host, paths = [], tags = [], job } = filter
  const fits = (one: SnapshotFilter): boolean => filterSnapshots(snapshots, one).length > 0
  const sources = (): string =>
    listed(
      'sources',
      snapshots.flatMap((one) => one.paths),
    )
  const parts = [
    ...(fits({ host })
      ? []
      : [
          listed(
            'hosts',
            snapshots.map(({ hostname }) => hostname),
          ),
        ]),
    ...(fits({ job })
      ? []
      : [
          listed(
            'jobs',
            snapshots.flatMap((one) => one.job ?? []),
          ),
        ]),
    ...(paths.every((path) => fits({ paths: [path] })) ? [] : [sources()]),
    ...(tags.every((tag) => fits({ tags: [tag] }))
      ? []
      : [
          listed(
            'tags',
            snapshots.flatMap((one) => one.tags),
          ),
        ]),
  ]
  return parts.length === 0 ? 'none has all of that' : parts.join('; ')
}

/** `tags are nightly, weekly and 3 more` */
function listed(what: string, values: readonly string[]): string {
  const distinct = [...new Set(values)]
  if (distinct.length === 0) return `there are no ${what}`
  const shown = distinct.slice(0, VALUES_SHOWN).join(', ')
  const more = distinct.length - VALUES_SHOWN
  return `${what} are ${shown}${more > 0 ? ` and ${more} more` : ''}`
}

function unknown(message: string, hint: string): SnapError {
  return new SnapError('SNAPSHOT_UNKNOWN', message, { hint })
}

function isLater(one: SnapshotSummary, other: SnapshotSummary): boolean {
  return newestFirst(one, other) < 0
}

function newestFirst(one: SnapshotSummary, other: SnapshotSummary): number {
  return other.time - one.time || other.number - one.number
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

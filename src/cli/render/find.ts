/** What a search found: by path for people, by snapshot in restic's array for programs. Piece by piece, so that memory is bounded. */

import { rfc3339 } from '../../base/timestamp.ts'
import type { FoundFile, FoundVersion } from '../../ops/find/found-files.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { goFileMode, permissions, RESTIC_TYPES } from './ls.ts'
import { shortId } from './snapshots.ts'

/** In the order in which versions name them: by series, then by time. */
export type FoundSnapshot = {
  readonly id: string
  /** ms since the epoch. */
  readonly time: number
  readonly series: string
  readonly number: number
}

/** Runs of snapshots that are named for one version; those beyond are counted. */
const RUNS_SHOWN = 3
const SIZE_COLUMNS = 10

/** A line for each path, and below it one for each version: mtime, size, the snapshots that hold it. */
export function* renderFound(
  files: Iterable<FoundFile>,
  snapshots: readonly FoundSnapshot[],
  timeZone?: string,
): Generator<string> {
  let paths = 0
  let versions = 0
  let before: FoundFile | undefined
  const hosts = new Set<string>()
  for (const file of files) hosts.add(file.hostname)
  for (const file of files) {
    if (file.path !== before?.path) paths += 1
    const host = hosts.size > 1 ? `  (${safeText(file.hostname)})` : ''
    yield `${safeText(file.path)}${host}\n`
    for (const version of file.versions) {
      versions += 1
      yield `  ${renderVersion(version, snapshots, timeZone)}\n`
    }
    before = file
  }
  yield versions === 0 ? 'no match\n' : `${plural(paths, 'path')}, ${plural(versions, 'version')}\n`
}

function renderVersion(
  version: FoundVersion,
  snapshots: readonly FoundSnapshot[],
  timeZone: string | undefined,
): string {
  const modified = formatLocalTime(version.mtimeSec * 1000, timeZone)
  const size = version.type === 'file' ? humanBytes(version.size) : version.type
  const runs = runsOf(version.snapshots.members(), snapshots)
  const shown = runs.slice(0, RUNS_SHOWN).map((run) => renderRun(run, timeZone))
  const more = runs.slice(RUNS_SHOWN).reduce((sum, { count }) => sum + count, 0)
  if (more > 0) shown.push(`${plural(more, 'more snapshot')}`)
  return `${modified}  ${size.padStart(SIZE_COLUMNS)}  ${shown.join(', ')}`
}

type Run = { readonly first: FoundSnapshot; last: FoundSnapshot; count: number }

function renderRun({ first, last, count }: Run, timeZone: string | undefined): string {
  const from = formatLocalTime(first.time, timeZone)
  if (count === 1) return `${shortId(first.id)} of ${from}`
  return `${shortId(first.id)}..${shortId(last.id)} of ${from} to ${formatLocalTime(last.time, timeZone)} (${count})`
}

/** Snapshots of one series with none between them that was searched. */
function runsOf(places: readonly number[], snapshots: readonly FoundSnapshot[]): Run[] {
  const runs: Run[] = []
  let expected = -1
  for (const place of places) {
    const snapshot = snapshots[place]
    const run = runs.at(-1)
    if (snapshot === undefined) continue
    if (run !== undefined && place === expected && run.last.series === snapshot.series) {
      run.last = snapshot
      run.count += 1
    } else runs.push({ first: snapshot, last: snapshot, count: 1 })
    expected = place + 1
  }
  return runs
}

/** Snapshots with a match, oldest first; `mode` is Go's `FileMode`, as in restic, the POSIX bits are in `permissions`. */
export function* renderFoundJson(
  files: Iterable<FoundFile>,
  snapshots: readonly FoundSnapshot[],
): Generator<string> {
  const order = [...snapshots.keys()].sort((a, b) => byTime(snapshots[a], snapshots[b]))
  let separator = '['
  for (const place of order) {
    let hits = 0
    for (const { path, versions } of files) {
      for (const version of versions) {
        if (!version.snapshots.has(place)) continue
        yield `${hits === 0 ? `${separator}{"matches":[` : ','}${matchJson(path, version)}`
        hits += 1
      }
    }
    if (hits === 0) continue
    yield `],"hits":${hits},"snapshot":${JSON.stringify(snapshots[place]?.id)}}`
    separator = ','
  }
  yield separator === '[' ? '[]\n' : ']\n'
}

function byTime(a: FoundSnapshot | undefined, b: FoundSnapshot | undefined): number {
  return (a?.time ?? 0) - (b?.time ?? 0) || (a?.number ?? 0) - (b?.number ?? 0)
}

function matchJson(path: string, version: FoundVersion): string {
  const { type, mode, size, mtimeSec, mtimeNsec, uid, gid } = version
  const match = jsonLine({
    ...jsonPath(path),
    permissions: permissions(type, mode),
    type: RESTIC_TYPES[type],
    mode: goFileMode(type, mode),
    mtime: rfc3339(mtimeSec, mtimeNsec),
    uid,
    gid,
    ...(type === 'file' ? { size } : {}),
  })
  return match.trimEnd()
}

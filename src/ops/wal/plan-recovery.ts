/**
 * From which base backup and through which WAL a cluster comes back to a moment: decided, and refused, before anything is written. Pure;
 * it knows no repository.
 */
import { SnapError } from '../../model/errors.ts'
import { formatLocalTime } from '../zoned-time.ts'
import type { BaseFacts, WalFile } from './facts.ts'
import {
  type Forks,
  type LineArchive,
  type RecoveryLine,
  reachableTimelines,
  recoveryLine,
} from './recovery-line.ts'
import { numberOf } from './segment-ranges.ts'
import { historyName, parseWalName, segmentOfLsn } from './wal-name.ts'

export type RecoverableArchive<Base extends BaseFacts> = LineArchive & { readonly bases: readonly Base[] }

export type RecoveryWish = {
  /** ms; `undefined`: as far as the WAL goes. */
  readonly atMs: number | undefined
  /** `undefined`: the one that everything else went on from. */
  readonly timeline: number | undefined
}

export type RecoveryPlan<Base extends BaseFacts> = {
  readonly base: Base
  readonly timeline: number
  /** What is read of the archive. */
  readonly files: readonly WalFile[]
  /** All that is archived was written by then. ms */
  readonly reachesMs: number
}

/**
 * `SNAPSHOT_UNKNOWN` where no base backup was finished by then, `USAGE` where several timelines go on and none was chosen, `WAL_MISSING`
 * where a gap stands in the way or the archive does not go as far. `timeZone` is for messages (local if absent).
 */
export function planRecovery<Base extends BaseFacts>(
  archive: RecoverableArchive<Base>,
  forks: Forks,
  wish: RecoveryWish,
  timeZone?: string,
): RecoveryPlan<Base> {
  const { atMs } = wish
  const base = chooseBase(archive.bases, atMs, timeZone)
  const timeline = chooseTimeline(archive, base, forks, wish)
  const { files, missing } = recoveryLine(archive, base, timeline, forks)
  const needed =
    atMs === undefined ? files.length : files.findIndex(({ modifiedMs }) => modifiedMs > atMs) + 1
  const reachesMs = files.at(-1)?.modifiedMs ?? base.finishedMs
  const isEnough = atMs === undefined ? missing === undefined : needed > 0
  if (isEnough) return { base, timeline, files: files.slice(0, needed), reachesMs }
  const until = formatLocalTime(reachesMs, timeZone)
  if (missing !== undefined)
    throw new SnapError('WAL_MISSING', `the archive lacks ${missing}, and has later ones`, {
      hint: `Nothing was written. Recovery is possible up to about ${until}: choose a time before that with --at.`,
    })
  throw new SnapError('WAL_MISSING', `the archive goes as far as ${until}, and not up to that time`, {
    hint: 'Nothing was written. Choose an earlier time, or leave --at out for all that there is.',
  })
}

/** The newest that was finished by then. */
function chooseBase<Base extends BaseFacts>(
  bases: readonly Base[],
  atMs: number | undefined,
  timeZone: string | undefined,
): Base {
  const [first] = bases
  if (first === undefined)
    throw new SnapError('SNAPSHOT_UNKNOWN', 'there is no base backup of it', {
      hint: 'Make one with `snap backup --job`: WAL alone brings nothing back.',
    })
  const chosen = bases.findLast(({ finishedMs }) => atMs === undefined || finishedMs <= atMs)
  if (chosen !== undefined) return chosen
  const when = formatLocalTime(first.finishedMs, timeZone)
  throw new SnapError('SNAPSHOT_UNKNOWN', `no base backup was finished by then; the first was at ${when}`, {
    hint: 'Nothing was written. Choose a later time.',
  })
}

function chooseTimeline(
  archive: LineArchive,
  base: BaseFacts,
  forks: Forks,
  { atMs, timeline }: RecoveryWish,
): number {
  const { files, segmentBytes } = archive
  const reachable = reachableTimelines(base, forks, segmentBytes)
  if (timeline !== undefined) {
    if (reachable.includes(timeline)) return timeline
    throw new SnapError('USAGE', `timeline ${timeline} does not lead on from the base backup`, {
      hint: `There are ${reachable.join(', ')}.`,
    })
  }
  // One that began later is of no concern.
  const begun = reachable.filter(
    (each) =>
      each === base.timeline ||
      atMs === undefined ||
      (files.get(historyName(each))?.modifiedMs ?? Number.NEGATIVE_INFINITY) <= atMs,
  )
  const live = begun.filter((each) => goesOn(archive, each, forks, begun))
  const [only] = live
  if (only !== undefined && live.length === 1) return only
  throw new SnapError('USAGE', `timelines ${live.join(' and ')} both go on, and lead to different states`, {
    hint: 'Nothing was written. Choose one with --timeline; `snap wal list` shows how far each goes.',
  })
}

/**
 * None of `others` left it, or it was filled up behind the place where the last one did: of a server that ended there, no whole segment
 * is archived any more.
 */
function goesOn(
  { files, segmentBytes }: LineArchive,
  timeline: number,
  forks: Forks,
  others: readonly number[],
): boolean {
  const left = others
    .flatMap((other) => forks.get(other) ?? [])
    .filter((fork) => fork.timeline === timeline)
    .map(({ lsn }) => segmentOfLsn(lsn, segmentBytes))
  if (left.length === 0) return true
  const last = Math.max(...left)
  return [...files.keys()].some((name) => {
    const parsed = parseWalName(name)
    return parsed?.kind === 'segment' && parsed.timeline === timeline && numberOf(name, segmentBytes) >= last
  })
}

/** From when to when a cluster can come back on a timeline. ms */
export type RecoveryWindow = { readonly timeline: number; readonly fromMs: number; readonly toMs: number }

/** By timeline, then by time; those that touch are one. */
export function recoveryWindows<Base extends BaseFacts>(
  archive: RecoverableArchive<Base>,
  forks: Forks,
): RecoveryWindow[] {
  const all = archive.bases.flatMap((base) =>
    reachableTimelines(base, forks, archive.segmentBytes).map((timeline) =>
      windowOf(base, recoveryLine(archive, base, timeline, forks)),
    ),
  )
  const windows: RecoveryWindow[] = []
  for (const each of all.sort((a, b) => a.timeline - b.timeline || a.fromMs - b.fromMs)) {
    const open = windows.at(-1)
    if (open !== undefined && open.timeline === each.timeline && each.fromMs <= open.toMs)
      windows[windows.length - 1] = { ...open, toMs: Math.max(open.toMs, each.toMs) }
    else windows.push(each)
  }
  return windows
}

function windowOf({ finishedMs }: BaseFacts, { timeline, files }: RecoveryLine): RecoveryWindow {
  return { timeline, fromMs: finishedMs, toMs: Math.max(finishedMs, files.at(-1)?.modifiedMs ?? finishedMs) }
}

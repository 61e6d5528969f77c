/**
 * Which snapshots hold one of the paths, and which an earlier purge, that did not get to its end, has left behind. It
 * changes nothing.
 */
import { hasWildcards } from '../../base/glob.ts'
import { compareNames } from '../../base/names.ts'
import type { LoggedSnapshot } from '../../log/log-state.ts'
import { SnapError } from '../../model/errors.ts'
import type { EntryType } from '../../model/files.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { type CurrentSnapshot, nameOf, snapshotsReader } from '../current-snapshots.ts'
import { lookAgain } from '../overtaken.ts'
import { type SelectedPath, Selection } from '../restore/selection.ts'
import { isDamage } from '../verify/report.ts'
import { RemainingTrees, type Removed } from './remaining-trees.ts'

export type PurgeRequest = {
  /**
   * In snapshots. What is a glob is for the caller to say, not for what lies there: when a purge is run again, the path that
   * it was about is gone, and must not mean others by then.
   */
  readonly paths: readonly SelectedPath[]
  /** Snapshots that pass; the others may go on holding the paths. */
  readonly concerns: (snapshot: CurrentSnapshot) => boolean
}

export type PurgeTarget = {
  readonly snapshot: CurrentSnapshot
  readonly logged: LoggedSnapshot
  /** What goes of it. */
  readonly removed: Removed
  /** The snapshot without the path, made by an earlier run. */
  readonly copy: CurrentSnapshot | undefined
}

/** Paths that are kept of a plan; there may be a million. */
export const PATHS_NAMED_MAX = 10_000

export type PurgedPath = { readonly path: string; readonly type: EntryType }

export type PurgePlan = {
  /** In the order of the log. */
  readonly targets: readonly PurgeTarget[]
  /** What goes of any snapshot, each path once, without what lies below: at most `PATHS_NAMED_MAX`, in their order. */
  readonly paths: readonly PurgedPath[]
  readonly hasMorePaths: boolean
  /** Forgotten originals of copies, which go at once whatever they hold. */
  readonly superseded: readonly LoggedSnapshot[]
  /** Copies of what had been forgotten before, which are to be forgotten too. */
  readonly lateCopies: readonly SnapshotId[]
}

export type PurgePorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

/**
 * Looks into every directory that may have the paths. `USAGE` for paths that are all there is; `PATH_UNKNOWN` where one
 * matches nothing anywhere and there is nothing left to finish, `SNAPSHOT_UNKNOWN` where no snapshot is concerned; `OBJECT_DAMAGED` where it cannot be told what a snapshot
 * holds.
 */
export async function planPurge(
  repository: Repository,
  request: PurgeRequest,
  ports: PurgePorts,
): Promise<PurgePlan> {
  const plan = await lookAtAll(repository, request, ports)
  if (plan.superseded.length === 0 && plan.concerned === 0) {
    throw new SnapError('SNAPSHOT_UNKNOWN', 'no snapshot matches', {
      hint: 'Nothing was changed. Check --host, --path and --tag; `snap snapshots` lists what there is.',
    })
  }
  if (plan.superseded.length === 0 && plan.unmatched.length > 0) {
    throw new SnapError('PATH_UNKNOWN', `no snapshot has anything at ${plan.unmatched.join(', ')}`, {
      hint: `Nothing was changed. ${hintFor(plan.unmatched, request.paths)}`,
    })
  }
  return plan
}

function hintFor(unmatched: readonly string[], paths: readonly SelectedPath[]): string {
  const isMeantAsGlob = paths.some(
    ({ text, isGlob }) => !isGlob && hasWildcards(text) && unmatched.includes(text),
  )
  return isMeantAsGlob
    ? 'Paths are taken as they are written; with --glob, *, ?, [...] and ** are patterns.'
    : 'Paths in snapshots are whole, from the root: /home/me/file. `snap find NAME` finds them.'
}

/** As `planPurge`, also where nothing matches. */
export function lookAtAll(repository: Repository, request: PurgeRequest, ports: PurgePorts): Promise<Looked> {
  return lookAgain(repository, () => lookAtOnce(repository, request, ports))
}

type Looked = PurgePlan & { readonly unmatched: readonly string[]; readonly concerned: number }

async function lookAtOnce(
  repository: Repository,
  { paths, concerns }: PurgeRequest,
  { progress, signal }: PurgePorts,
): Promise<Looked> {
  const selection = selectionOf(paths)
  const { state } = repository.log
  const snapshots = (await snapshotsReader(repository))(state)
  const copies = copiesOf(snapshots)
  const named = new Map<string, EntryType>()
  let hasMorePaths = false
  const trees = new RemainingTrees(repository, selection, {
    signal,
    removed: async ({ type }, names) => {
      const path = `/${names.join('/')}`
      if (named.size < PATHS_NAMED_MAX) named.set(path, type)
      else hasMorePaths ||= !named.has(path)
    },
  })
  const targets: PurgeTarget[] = []
  const superseded: LoggedSnapshot[] = []
  const lateCopies: SnapshotId[] = []
  let concerned = 0
  progress({ kind: 'total', files: snapshots.length, bytes: 0, final: true })
  for (const snapshot of snapshots) {
    const logged = state.snapshots.get(snapshot.id)
    if (logged === undefined) continue
    const copy = copies.get(snapshot.id)
    if (copy !== undefined && isLate(logged, copy, state.snapshots.get(copy.id))) lateCopies.push(copy.id)
    if (copy !== undefined && snapshot.forgotten && !snapshot.held) superseded.push(logged)
    else if (concerns(snapshot)) {
      concerned += 1
      const { removed, isChanged } = await lookAt(trees, logged, snapshot)
      const isDone = copy !== undefined && (snapshot.forgotten || !copy.forgotten)
      if (isChanged) targets.push({ snapshot, logged, removed, copy: isDone ? copy : undefined })
    }
    progress({ kind: 'done', files: 1, bytes: 0 })
  }
  const byName = [...named].map(([path, type]) => ({ path, type }))
  return {
    targets,
    paths: byName.sort((left, right) => compareNames(left.path, right.path)),
    hasMorePaths,
    superseded,
    lateCopies,
    unmatched: selection.unmatched,
    concerned,
  }
}

const SOME_NAME = ' a name that no pattern names '

/** `USAGE` where nothing would be left of any snapshot. */
export function selectionOf(paths: readonly SelectedPath[]): Selection {
  const trial = new Selection(paths)
  const isEverything = trial.wants([]) === 'all' || trial.wants([SOME_NAME]) === 'all'
  if (paths.length > 0 && !isEverything) return new Selection(paths)
  throw new SnapError('USAGE', 'that is all that snapshots hold', {
    hint: 'Name paths in snapshots, as /home/me/file. `snap forget` drops whole snapshots.',
  })
}

/** The newest copy of each original. */
function copiesOf(snapshots: readonly CurrentSnapshot[]): Map<SnapshotId, CurrentSnapshot> {
  return new Map(
    snapshots.flatMap((copy) => (copy.original === undefined ? [] : [[copy.original, copy] as const])),
  )
}

/** The original had been forgotten when the copy was made, so the copy should not be live. */
function isLate(
  original: LoggedSnapshot,
  copy: CurrentSnapshot,
  logged: LoggedSnapshot | undefined,
): boolean {
  const { forgotten } = original
  return forgotten !== undefined && !copy.forgotten && (logged?.number ?? 0) > forgotten.number
}

async function lookAt(trees: RemainingTrees, { root }: LoggedSnapshot, snapshot: CurrentSnapshot) {
  try {
    return await trees.without(decodeContent(root))
  } catch (error) {
    if (!isDamage(error)) throw error
    throw new SnapError(error.code, `it cannot be told what ${nameOf(snapshot)} holds: ${error.message}`, {
      hint: 'Nothing was changed. Run `snap repair`; a snapshot that cannot be mended can be forgotten and pruned.',
      cause: error,
    })
  }
}

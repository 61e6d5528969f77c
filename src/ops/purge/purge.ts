/**
 * `purge`: takes paths out of all snapshots for good. The order of steps is the whole safety: copies without the paths are
 * saved, then their originals are forgotten, then a prune takes the originals and every chunk that only they needed. Ended
 * anywhere, it is run again and goes on where it was.
 */
import { SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import { PrunedMeanwhile } from '../../repository/pruned-meanwhile.ts'
import type { Repository } from '../../repository/repository.ts'
import { requireAdmin } from '../admin-entry.ts'
import type { CurrentSnapshot } from '../current-snapshots.ts'
import { lookAgain } from '../overtaken.ts'
import { prune } from '../prune/prune.ts'
import { refuseUnsure } from '../prune/refusals.ts'
import type { PruneReport } from '../prune/report.ts'
import type { SelectedPath } from '../restore/selection.ts'
import { isDamage } from '../verify/report.ts'
import { type Copies, makeCopies, replaceOriginals, WHAT } from './copies.ts'
import { Evidence, estimate, mark, type Proof, type PurgedChunks } from './evidence.ts'
import {
  lookAtAll,
  type PurgePlan,
  type PurgePorts,
  type PurgeRequest,
  type PurgeTarget,
  planPurge,
} from './plan.ts'
import type { Removed } from './remaining-trees.ts'

/** Backups may go on making snapshots with the paths. */
const TRIES_MAX = 5
/** The kind of its runs in the manifest. */
const RUN = 'purge'
/** As of a prune that is told nothing. */
const UNUSED_SHARE_MAX = 0.05

export type PurgeOptions = PurgeRequest & {
  /** How long other forgotten snapshots are spared, and what unfinished backups left, in ms. */
  readonly undoMs: number
  readonly strayMs: number
  /** Goes on though log entries are damaged, as `prune` then does. */
  readonly acceptDamagedLog: boolean
}

export type PurgedSnapshot = Removed & {
  readonly original: CurrentSnapshot
  readonly copy: SnapshotId
}

export type PurgeReport = {
  /** In the order of the log; empty where an earlier run was only brought to its end. */
  readonly snapshots: readonly PurgedSnapshot[]
  readonly chunks: PurgedChunks
  readonly proof: Proof
  readonly prune: PruneReport
  /** Paths that matched nothing. */
  readonly unmatched: readonly string[]
  /** Nothing is left in the manifest's file; false while another process of this machine reads it. */
  readonly isManifestClean: boolean
  /** Snapshots with the paths that were committed meanwhile. */
  readonly madeMeanwhile: readonly SnapshotId[]
}

/** What a purge would do. */
export type PreparedPurge = PurgePlan & {
  /** `undefined` where that was not asked for. */
  readonly chunks: PurgedChunks | undefined
}

/** Changes nothing. Throws as `planPurge`. `counting`: looks at all snapshots, not only at those that have the paths. */
export async function preparePurge(
  repository: Repository,
  request: PurgeRequest,
  ports: PurgePorts,
  counting: boolean,
): Promise<PreparedPurge> {
  requireAdmin(repository, WHAT)
  await repository.log.follow()
  const hasMore = repository.manifest.runs.unfinished(RUN).length > 0
  return lookAgain(repository, async () => {
    const plan = await (hasMore ? lookAtAll : planPurge)(repository, request, ports)
    const chunks = counting ? await estimate(repository, request.paths, plan, ports.signal) : undefined
    return { ...plan, chunks }
  })
}

/**
 * Throws as `planPurge` and `prune`; before anything is changed where it can be told then. `KEY_WRONG` for all but admins.
 */
export async function purge(
  repository: Repository,
  options: PurgeOptions,
  ports: PurgePorts,
): Promise<PurgeReport> {
  requireAdmin(repository, WHAT)
  await repository.log.follow()
  refuseUnsure(repository, options.acceptDamagedLog)
  const { manifest, clock } = repository
  const unfinished = manifest.runs.unfinished(RUN).map(({ id }) => id)
  const first =
    unfinished.length > 0
      ? await lookAtAll(repository, options, ports)
      : { ...(await planPurge(repository, options, ports)), unmatched: [] }
  const run = manifest.runs.begin(RUN, clock.now())
  const snapshots = await replaceAll(repository, options, first.targets, first.lateCopies, ports)
  const mine = new Set(snapshots.map(({ original }) => original.id))
  const { superseded, marks } = await lookAgain(repository, async () => {
    const looked = await lookAtAll(repository, options, ports)
    const marked = await mark(repository, options.paths, looked.superseded, mine, ports.signal)
    return { superseded: looked.superseded, marks: marked }
  })
  using evidence = await Evidence.gather(repository, marks, ports.signal)
  const request = {
    unusedShareMax: UNUSED_SHARE_MAX,
    repackBytesMax: Number.POSITIVE_INFINITY,
    undoMs: options.undoMs,
    strayMs: options.strayMs,
    acceptDamagedLog: options.acceptDamagedLog,
    dryRun: false,
    atOnce: new Set(superseded.map(({ id }) => id)),
    erase: evidence.erasure,
  }
  const pruned = await prune(repository, request, ports)
  const proof = await evidence.prove()
  const isManifestClean = manifest.compact()
  const after = await lookAtAll(repository, options, ports)
  for (const id of [...unfinished, run]) manifest.runs.end(id, { endedMs: clock.now(), outcome: 'purged' })
  return {
    snapshots,
    chunks: evidence.counts,
    proof,
    prune: pruned,
    unmatched: first.unmatched,
    isManifestClean,
    madeMeanwhile: after.targets.map(({ snapshot }) => snapshot.id),
  }
}

/** Until no snapshot has the paths but the originals, which are forgotten. */
async function replaceAll(
  repository: Repository,
  options: PurgeOptions,
  firstTargets: readonly PurgeTarget[],
  firstLate: readonly SnapshotId[],
  ports: PurgePorts,
): Promise<PurgedSnapshot[]> {
  const done: PurgedSnapshot[] = []
  const carried = new Map<SnapshotId, Uint8Array>()
  let targets = firstTargets
  let lateCopies = firstLate
  for (let tries = 0; targets.length + lateCopies.length > 0; tries++) {
    if (tries === TRIES_MAX) throw tooMany()
    const copies = await copiesOrNothing(repository, options.paths, targets, ports)
    if (copies !== undefined) {
      await replaceOriginals(repository, copies, lateCopies, carried)
      for (const { snapshot, removed } of targets) {
        const copy = copies.get(snapshot.id)
        if (copy !== undefined && !isLive(repository, snapshot.id))
          done.push({ ...removed, original: snapshot, copy })
      }
    }
    const next = await lookAtAll(repository, options, ports)
    targets = next.targets
    lateCopies = next.lateCopies
  }
  return done
}

function isLive({ log }: Repository, id: SnapshotId): boolean {
  const snapshot = log.state.snapshots.get(id)
  return snapshot !== undefined && snapshot.forgotten === undefined
}

/** `undefined` where others pruned meanwhile, perhaps what was to be copied. */
async function copiesOrNothing(
  repository: Repository,
  paths: readonly SelectedPath[],
  targets: readonly PurgeTarget[],
  ports: PurgePorts,
): Promise<Copies | undefined> {
  const { collections } = repository.log
  try {
    return await makeCopies(repository, paths, targets, ports)
  } catch (error) {
    const isPruned = error instanceof PrunedMeanwhile
    if (!isPruned && !isDamage(error)) throw error
    await repository.log.follow()
    if (!isPruned && repository.log.collections === collections) throw error
    return undefined
  }
}

function tooMany(): SnapError {
  return new SnapError(
    'STORAGE_FAILED',
    'others made snapshots with these paths, or pruned, again and again',
    {
      hint: 'What was replaced so far stays so. Exclude the paths from backups, then run this again.',
    },
  )
}

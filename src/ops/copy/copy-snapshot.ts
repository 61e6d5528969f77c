/** Copies one snapshot into another repository: a backup whose source is a snapshot. The order of durable steps is the write session's. */
import { during } from '../../base/trace.ts'
import { createSourceFiles } from '../../filesystem/source-files.ts'
import { type SnapshotDetails, UNREADABLE_MAX } from '../../log/details.ts'
import { SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import { SavedMeanwhile } from '../../repository/saved-meanwhile.ts'
import { type SnapshotDraft, type WriteOptions, WriteSession } from '../../repository/write-session.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { seriesOf } from '../../snapshot/series.ts'
import { againAfterPrune } from '../again-after-prune.ts'
import { storeDirectory } from '../backup/complete-directory.ts'
import { PreviousSnapshot } from '../backup/previous.ts'
import { isGone, whileThere } from '../overtaken.ts'
import { baseOf } from './base.ts'
import { CopyCounter, type CopySummary } from './copy-counter.ts'
import { CopyQueue } from './copy-queue.ts'
import { CopyWalk } from './copy-walk.ts'
import type { PlannedCopy } from './plan-copy.ts'

export type CopyPorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

export type CopiedSnapshot = {
  /** Of the copy; `undefined` where there was nothing to save: another has saved it meanwhile, or one that lacks as much is there. */
  readonly copy: SnapshotId | undefined
  readonly summary: CopySummary
}

/**
 * The copy is durable when this returns. What of the snapshot is damaged is marked as unreadable in it. `SNAPSHOT_UNKNOWN` where the snapshot
 * was pruned meanwhile; `OBJECT_DAMAGED` or `OBJECT_MISSING` where its root, or what it says of itself, cannot be read.
 */
export async function copySnapshot(
  source: Repository,
  destination: Repository,
  planned: PlannedCopy,
  write: WriteOptions,
  ports: CopyPorts,
): Promise<CopiedSnapshot> {
  await destination.log.follow()
  return await againAfterPrune(destination, ports.progress, 'copying it again', () =>
    copyOnce(source, destination, planned, write, ports),
  )
}

async function copyOnce(
  source: Repository,
  destination: Repository,
  planned: PlannedCopy,
  write: WriteOptions,
  { progress, signal }: CopyPorts,
): Promise<CopiedSnapshot> {
  const { row, ids } = planned
  const details = detailsOf(planned)
  const series = seriesIn(destination, details)
  const counter = new CopyCounter(progress)
  await using session = await WriteSession.begin(destination, write, createSourceFiles(), series)
  const { executor, contents } = session
  // Not before: what is taken over from it is safe from those prunes alone that the session notices.
  const base = baseOf(source, destination, row)
  const before = new PreviousSnapshot(destination, (chunk) => session.knows(chunk))
  const former = { chunks: destination.chunks, isStored: before.isWhole }
  const queue = new CopyQueue(
    { source, executor, contents, former, signal },
    counter.queueEvents((directory) => walk.settled(directory)),
  )
  const store: CopyWalkStore = (path, tree) => storeDirectory(path, tree, session, destination.keys.idKey)
  const read = { log: source.log, trees: source.treesApart() }
  const walk: CopyWalk = new CopyWalk({ source: read, before, queue, store, events: counter, signal }, base)
  const done = (copy?: SnapshotId): CopiedSnapshot => ({
    copy,
    summary: counter.summary(queue.counts, session),
  })
  try {
    if (destination.log.state.snapshots.has(ids.whole)) return done()
    const root = await during('walk', () =>
      whileThere(source, row.id, () => walk.run(decodeContent(row.root), base)),
    )
    await during('flush', () => session.flush())
    signal.throwIfAborted()
    // What is missing of it was taken then, and is not damaged.
    if (counter.damaged > 0 && (await isGone(source, row.id))) throw prunedMeanwhile(row.id)
    const id = counter.damaged > 0 ? ids.lacking : ids.whole
    if (destination.log.state.snapshots.has(id)) return done()
    const draft = draftOf(planned, source, details, counter)
    return done(await during('commit', () => session.commit({ ...draft, id, series, root })))
  } catch (error) {
    queue.stop(error)
    if (error instanceof SavedMeanwhile) return done()
    throw error
  }
}

type CopyWalkStore = ConstructorParameters<typeof CopyWalk>[0]['store']

/** The series that a backup of the same job or paths of that host has there. */
function seriesIn({ keys }: Repository, { hostname, job, paths }: SnapshotDetails): SnapshotDraft['series'] {
  return seriesOf(keys.idKey, hostname, job === undefined ? { paths } : { job })
}

/** All that the snapshot says, with the tags that it has by now, and where it comes from. What a purge said of its place holds there alone. */
function draftOf(
  { row }: PlannedCopy,
  { id }: Repository,
  { original: _original, place: _place, ...details }: SnapshotDetails,
  { damaged, unreadable }: CopyCounter,
): Pick<SnapshotDraft, 'time' | 'details'> {
  return {
    time: row.timeMs,
    details: {
      ...details,
      tags: row.tags,
      incomplete: details.incomplete || damaged > 0,
      unreadable: [...details.unreadable, ...unreadable].slice(0, UNREADABLE_MAX),
      copied_from: { repository: id, snapshot: row.id },
    },
  }
}

function detailsOf({ row, details }: PlannedCopy): SnapshotDetails {
  if (details !== undefined) return details
  throw new SnapError('OBJECT_DAMAGED', `the details of snapshot ${row.id.slice(0, 8)} do not open`, {
    hint: 'Nobody knows whose it is: it can be restored by its id, and not copied.',
  })
}

function prunedMeanwhile(id: SnapshotId): SnapError {
  return new SnapError('SNAPSHOT_UNKNOWN', `snapshot ${id.slice(0, 8)} was forgotten and pruned meanwhile`, {
    hint: '`snap snapshots` lists those that there are.',
  })
}

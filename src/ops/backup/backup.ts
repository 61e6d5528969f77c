/**
 * `backup`: walks the sources, stores what is new, and commits a snapshot. The order of durable steps is the write
 * session's; this file decides what goes into the snapshot and what is reported.
 */
import { during } from '../../base/trace.ts'
import type { Repository } from '../../repository/repository.ts'
import { type SnapshotDraft, WriteSession } from '../../repository/write-session.ts'
import { fileBytesOf } from '../../snapshot/same-entry.ts'
import { TreeScanner } from '../../workers/tree-scanner.ts'
import { againAfterPrune } from '../again-after-prune.ts'
import { completeDirectory } from './complete-directory.ts'
import type { PreviousDirectory } from './directory-node.ts'
import { FileQueue } from './file-queue.ts'
import { PreviousSnapshot } from './previous.ts'
import {
  type BackupPorts,
  type BackupRequest,
  type BackupResult,
  parentOf,
  seriesOfRequest,
  sourcesOf,
} from './request.ts'
import { rootTree } from './roots.ts'
import { ScanAhead } from './scan-ahead.ts'
import { checkSources, readablePaths, refuseFailed } from './sources.ts'
import { BackupCounter, type BackupSummary, summaryNumbers } from './summary.ts'
import { Walk, type WalkOptions } from './walk.ts'
import { walkEvents } from './walk-events.ts'

/**
 * Saves a snapshot; it is durable when this returns. Where another client pruned meanwhile what it relied on, it goes over the
 * sources again. Throws `SOURCE_UNREADABLE` where none of the paths can be read, or one does not exist and the series would begin with it;
 * paths below that cannot be read are in `unreadable`, and the snapshot records them.
 */
export async function backup(
  repository: Repository,
  request: BackupRequest,
  ports: BackupPorts,
): Promise<BackupResult> {
  const startedMs = ports.clock.now()
  checkSources(request, ports)
  return await againAfterPrune(repository, ports.progress, 'going over the sources again', () =>
    backupOnce(repository, request, ports, startedMs),
  )
}

async function backupOnce(
  repository: Repository,
  request: BackupRequest,
  ports: BackupPorts,
  startedMs: number,
): Promise<BackupResult> {
  const paths = readablePaths(request, ports, parentOf(repository, request) !== undefined)
  const counter = new BackupCounter()
  for (const { path, reason } of paths.missing) counter.addUnreadable(path, reason)
  const { idKey } = repository.keys
  const series = seriesOfRequest(repository, request)
  await using session = await during('begin to write', () =>
    WriteSession.begin(repository, request.write, ports.source, series),
  )
  // Not before: what is taken over from it is safe from those prunes alone that the session notices.
  const parent = parentOf(repository, request)
  if (session.lostPacks > 0) {
    ports.progress({
      kind: 'warning',
      path: repository.storage.description,
      reason: `${session.lostPacks} packs are missing or cut short: what only they held is read and stored again`,
    })
  }
  if (session.unnamedPacks.length > 0) {
    ports.progress({
      kind: 'warning',
      path: repository.storage.description,
      reason: `index objects are missing or damaged: ${session.unnamedPacks.length} packs that they named are named again`,
    })
  }
  const before = new PreviousSnapshot(repository, (chunk) => session.knows(chunk))
  const previous = parent === undefined ? undefined : await before.root(parent.root)

  const events = walkEvents(counter, ports)
  const { executor, contents } = session
  const parts = {
    executor,
    contents,
    source: ports.source,
    former: { chunks: repository.chunks, isStored: before.isWhole },
    clock: ports.clock,
    signal: ports.signal,
  }
  const queue = new FileQueue(parts, {
    stored: (file, encoded) => {
      const { why, former } = file
      const bytes = fileBytesOf(encoded) ?? 0
      counter.stored(why, bytes, why === 'reread' && former !== undefined && isEqual(former, encoded))
      ports.progress({ kind: 'file', path: file.path })
      ports.progress({ kind: 'done', files: 1, bytes })
    },
    unreadable: (file, reason) => events.unreadable(file.path, reason),
    isReplaced: (file, reason) => walk.isReplaced(file, reason),
    changed: (file) => {
      counter.changedWhileRead += 1
      ports.progress({ kind: 'warning', path: file.path, reason: 'changed while it was read' })
    },
    settled: (node) => walk.settled(node),
  })
  const scanner = new TreeScanner(ports.source, repository.manifest, idKey)
  const scan = mayScan(request.walk, ports, before, previous)
    ? new ScanAhead(session.executor, (task) => scanner.scan(task), request.walk)
    : undefined
  using _interruption = onAbort(ports.signal, () => {
    queue.stop(ports.signal.reason)
    scan?.stop(ports.signal.reason)
  })
  const walk: Walk = new Walk(
    {
      source: ports.source,
      queue,
      previousOf: (entry) => before.directory(entry),
      isStored: (entry) => before.isFileStored(entry),
      scan,
      complete: (node) => completeDirectory(node, before, session, counter, idKey, ports.source),
      events,
      clock: ports.clock,
      signal: ports.signal,
    },
    request.walk,
  )
  const root = await during('walk', () => walk.run(rootTree(paths.readable), previous, request.streamed))
  if (paths.readable.length === 0) refuseFailed(request, counter)
  ports.progress({ kind: 'total', files: counter.filesTotal, bytes: counter.bytesTotal, final: true })
  await during('flush', () => session.flush())
  ports.signal.throwIfAborted()

  const summary = summarise(counter, queue, session, startedMs, ports.clock.now())
  const draft: SnapshotDraft = {
    series,
    time: request.time ?? startedMs,
    root,
    details: {
      hostname: request.hostname,
      username: request.username,
      paths: sourcesOf(request),
      tags: request.tags,
      ...(request.label === undefined ? {} : { label: request.label }),
      ...(request.job === undefined ? {} : { job: request.job }),
      program: request.program,
      excludes: request.excludes,
      ...(request.sources === undefined ? {} : { sources: request.sources() }),
      incomplete: counter.unreadableCount > 0,
      unreadable: counter.unreadable,
      summary: summaryNumbers(summary),
    },
  }
  const snapshot = await during('commit', () => session.commit(draft))
  return { snapshot, parent: parent?.id, summary, unreadable: counter.unreadable }
}

/**
 * Not where the threads could take over what the walk would not: they neither read caches' tags nor look chunks up. Nor where each path
 * is to be told of. Where patterns are in force, which they do not know either, the walk does not ask them.
 */
function mayScan(
  { full, excludeCaches, largestFile }: WalkOptions,
  { scan = true, decided }: BackupPorts,
  before: PreviousSnapshot,
  previous: PreviousDirectory | undefined,
): boolean {
  const decidesAlike = !full && !excludeCaches && largestFile === undefined
  return scan && decided === undefined && decidesAlike && previous !== undefined && before.isWhole
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

function onAbort(signal: AbortSignal, act: () => void): Disposable {
  signal.addEventListener('abort', act, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', act) }
}

function summarise(
  counter: BackupCounter,
  queue: FileQueue,
  session: WriteSession,
  startedMs: number,
  endedMs: number,
): BackupSummary {
  return {
    filesNew: counter.filesNew,
    filesChanged: counter.filesChanged,
    filesUnmodified: counter.filesUnmodified,
    filesAgain: counter.filesAgain,
    dirsNew: counter.dirsNew,
    dirsChanged: counter.dirsChanged,
    dirsUnmodified: counter.dirsUnmodified,
    others: counter.others,
    filesTotal: counter.filesTotal,
    bytesTotal: counter.bytesTotal,
    bytesRead: queue.counts.read,
    dataChunks: queue.counts.newChunks,
    treeChunks: session.contents.counts.newChunks,
    bytesAdded: queue.counts.newBytes + session.contents.counts.newBytes,
    bytesStored: session.bytesStored,
    unreadable: counter.unreadableCount,
    changedWhileRead: counter.changedWhileRead,
    startedMs,
    endedMs,
  }
}

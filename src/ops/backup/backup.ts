/**
 * `backup`: walks the sources, stores what is new, and commits a snapshot. The order of durable steps is the write
 * session's; this file decides what goes into the snapshot and what is reported.
 */
import { during } from '../../base/trace.ts'
import type { SnapshotSource } from '../../log/details.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import type { Clock } from '../../model/clock.ts'
import { hasCode, messageOf, SnapError } from '../../model/errors.ts'
import type { SourceFiles } from '../../model/files.ts'
import type { SeriesId, SnapshotId } from '../../model/ids.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { PrunedMeanwhile } from '../../repository/pruned-meanwhile.ts'
import type { Repository } from '../../repository/repository.ts'
import { type SnapshotDraft, type WriteOptions, WriteSession } from '../../repository/write-session.ts'
import type { Content } from '../../snapshot/content.ts'
import { fileBytesOf } from '../../snapshot/same-entry.ts'
import { seriesOf } from '../../snapshot/series.ts'
import { encodeTree, type Owner, ownerNumbers, treeId } from '../../snapshot/tree.ts'
import { reasonInWords } from '../../snapshot/unreadable.ts'
import { TreeScanner } from '../../workers/tree-scanner.ts'
import type { DirectoryNode, PreviousDirectory } from './directory-node.ts'
import { FileQueue } from './file-queue.ts'
import { PreviousSnapshot } from './previous.ts'
import { joinPath, rootTree } from './roots.ts'
import { ScanAhead } from './scan-ahead.ts'
import type { StreamedDirectory } from './streamed-file.ts'
import { BackupCounter, type BackupSummary, summaryNumbers, type UnreadablePath } from './summary.ts'
import { Walk, type WalkOptions } from './walk.ts'

export type BackupRequest = {
  /** Absolute, normal paths. */
  readonly paths: readonly string[]
  /** What is no file of this machine, in directories beside them. */
  readonly streamed?: readonly StreamedDirectory[]
  readonly hostname: string
  readonly username: string
  readonly job?: string | undefined
  readonly tags: readonly string[]
  readonly label?: string | undefined
  /** ms; the snapshot's time where it is imported, else the start of the run. */
  readonly time?: number | undefined
  /** The patterns as given: recorded in the snapshot. */
  readonly excludes: readonly string[]
  /** What the snapshot records of them; asked for when everything has been read. */
  readonly sources?: (() => readonly SnapshotSource[]) | undefined
  readonly walk: WalkOptions
  readonly write: WriteOptions
  readonly program: { readonly name: string; readonly version: string }
}

export type BackupPorts = {
  readonly source: SourceFiles
  readonly clock: Clock
  readonly progress: ProgressListener
  /** Each path with what was decided about it; for `-v`. */
  readonly decided?: (
    path: string,
    decision: 'new' | 'changed' | 'again' | 'unmodified' | 'excluded',
    why?: string,
  ) => void
  readonly signal: AbortSignal
  /** `false`: the walk looks at everything itself, as it does wherever the threads might decide otherwise. */
  readonly scan?: boolean
}

export type BackupResult = {
  readonly snapshot: SnapshotId
  readonly parent: SnapshotId | undefined
  readonly summary: BackupSummary
  readonly unreadable: readonly UnreadablePath[]
}

/** What the system says where nothing is. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])
/** Prunes that may take away what a backup relies on before it gives up. */
const TRIES_MAX = 5

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
  for (let tries = 1; ; tries++) {
    const { collections } = repository.log
    try {
      return await backupOnce(repository, request, ports, startedMs)
    } catch (error) {
      if (tries === TRIES_MAX || !(await wasPruned(repository, error, collections))) throw error
      ports.progress({
        kind: 'warning',
        path: repository.storage.description,
        reason: `${messageOf(error)}: going over the sources again`,
      })
    }
  }
}

/** What is missing, its own packs and index objects among it, was taken by a collection that came since. */
async function wasPruned({ log }: Repository, error: unknown, since: number): Promise<boolean> {
  if (error instanceof PrunedMeanwhile) return true
  if (!hasCode(error, 'OBJECT_MISSING')) return false
  await log.follow()
  return log.collections !== since
}

async function backupOnce(
  repository: Repository,
  request: BackupRequest,
  ports: BackupPorts,
  startedMs: number,
): Promise<BackupResult> {
  const paths = readablePaths(request.paths, ports, parentOf(repository, request) !== undefined)
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

export function seriesOfRequest({ keys }: Pick<Repository, 'keys'>, request: BackupRequest): SeriesId {
  const { job, hostname } = request
  return seriesOf(keys.idKey, hostname, job === undefined ? { paths: sourcesOf(request) } : { job })
}

/** As the snapshot names them: paths of the machine, and those of streams in the snapshot. */
function sourcesOf({ paths, streamed = [] }: BackupRequest): readonly string[] {
  if (streamed.length === 0) return paths
  const streams = streamed.flatMap(({ name, files }) => files.map((file) => `/${name}/${file.name}`))
  return [...paths, ...streams]
}

/** The newest snapshot of the series: what has not changed since is taken over from it. */
export function parentOf(repository: Repository, request: BackupRequest): SnapshotRow | undefined {
  return repository.manifest.snapshots.latestOf(seriesOfRequest(repository, request))
}

/**
 * `isKnown`: the series has a snapshot already. Then one of its sources may be away for once, and the others are saved; where it would begin
 * with a source that does not exist, the path is mistyped most likely, and nobody would miss what it should have named.
 * `SOURCE_UNREADABLE` then, and where none can be read.
 */
export function readablePaths(
  paths: readonly string[],
  ports: BackupPorts,
  isKnown: boolean,
): { readable: string[]; missing: UnreadablePath[] } {
  const readable: string[] = []
  const missing: UnreadablePath[] = []
  for (const path of paths) {
    try {
      ports.source.lstat(path)
      readable.push(path)
    } catch (cause) {
      const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
      missing.push({ path, reason })
    }
  }
  const absent = missing.find(({ reason }) => ABSENT.has(reason))
  const refused = readable.length === 0 ? (absent ?? missing[0]) : isKnown ? undefined : absent
  if (refused !== undefined) throw sourceUnreadable(refused)
  for (const { path, reason } of missing)
    ports.progress({ kind: 'warning', path, reason: reasonInWords(reason) })
  return { readable, missing }
}

/** Where there are streams alone and none came to its end, there is nothing to save. */
function refuseFailed({ streamed = [] }: BackupRequest, { filesTotal, unreadable }: BackupCounter): void {
  const [failed] = unreadable
  if (filesTotal > 0 || streamed.length === 0 || failed === undefined) return
  throw new SnapError('SOURCE_UNREADABLE', `${failed.path}: ${failed.reason}`, { hint: 'Nothing was saved.' })
}

/** `USAGE` where there is nothing to save, or where a directory of this machine lies in the place of streams, and would not be saved. */
function checkSources({ paths, streamed = [] }: BackupRequest, { source }: BackupPorts): void {
  if (paths.length === 0 && streamed.length === 0)
    throw new SnapError('USAGE', 'nothing to back up', { hint: 'Name at least one path.' })
  for (const { name } of streamed) {
    const path = joinPath('/', name)
    if (!isThere(source, path)) continue
    throw new SnapError(
      'USAGE',
      `${path} exists on this machine: what ${name} names cannot be stored there`,
      {
        hint: 'Choose another name for it.',
      },
    )
  }
}

function isThere(source: SourceFiles, path: string): boolean {
  try {
    source.lstat(path)
    return true
  } catch {
    return false
  }
}

function sourceUnreadable({ path, reason }: UnreadablePath): SnapError {
  const check = ABSENT.has(reason) ? 'Check the path.' : 'Check its permissions.'
  return new SnapError('SOURCE_UNREADABLE', `cannot read ${path}: ${reasonInWords(reason)}`, {
    hint: `Nothing was saved. ${check}`,
  })
}

export function walkEvents(
  counter: BackupCounter,
  ports: BackupPorts,
): ConstructorParameters<typeof Walk>[0]['events'] {
  return {
    found: (_path, stat) => {
      counter.found(stat)
      // Not for every file: the total is for the eye.
      if (stat.type === 'dir') {
        ports.progress({ kind: 'total', files: counter.filesFound, bytes: counter.bytesFound, final: false })
      }
    },
    unmodified: (path, bytes) => {
      counter.filesUnmodified += 1
      counter.bytesTotal += bytes
      ports.progress({ kind: 'done', files: 1, bytes })
      ports.decided?.(path, 'unmodified')
    },
    takenOver: ({ directories, files, bytes, others }) => {
      counter.filesFound += files
      counter.bytesFound += bytes
      counter.filesUnmodified += files
      counter.dirsUnmodified += directories
      counter.bytesTotal += bytes
      counter.others += others
      ports.progress({ kind: 'total', files: counter.filesFound, bytes: counter.bytesFound, final: false })
      ports.progress({ kind: 'done', files, bytes })
    },
    queued: (path, why) => {
      if (why === 'lost') ports.decided?.(path, 'again', 'the repository may not have all of it any more')
      else if (why === 'reread') ports.decided?.(path, 'again', 'everything is read again')
      else ports.decided?.(path, why)
    },
    unreadable: (path, reason) => {
      counter.addUnreadable(path, reason)
      ports.progress({ kind: 'warning', path, reason: reasonInWords(reason) })
    },
    excluded: (path, why) => ports.decided?.(path, 'excluded', why),
  }
}

function completeDirectory(
  node: DirectoryNode,
  before: PreviousSnapshot,
  session: WriteSession,
  counter: BackupCounter,
  idKey: Uint8Array,
  source: SourceFiles,
): Content {
  if (node.previous !== undefined && node.isUnchanged && before.isStored(node.previous.content)) {
    counter.dirsUnmodified += 1
    return node.previous.content
  }
  if (node.previous === undefined) counter.dirsNew += 1
  else counter.dirsChanged += 1
  const entries = node.entries()
  const owners = ownersOf(entries, source)
  const bytes = encodeTree(owners, entries)
  // From here on its hash is its name: a bit that memory loses now would never be found out.
  if (Buffer.compare(bytes, encodeTree(owners, entries)) !== 0) throw spoiledDirectory(node)
  const content = session.contents.bytes(bytes)
  session.recorder.add(treeId(idKey, content), bytes)
  return content
}

function spoiledDirectory({ path }: DirectoryNode): SnapError {
  return new SnapError('OBJECT_DAMAGED', `the directory ${path} changed in memory before it was stored`, {
    hint: "Nothing was saved. Check this machine's memory.",
  })
}

/** The names of all owners that occur, as far as the system knows them. */
function ownersOf(entries: readonly Uint8Array[], source: SourceFiles): Owner[] {
  const { users, groups } = ownerNumbers(entries)
  const owners: Owner[] = []
  for (const number of users) {
    const name = source.userName(number)
    if (name !== undefined) owners.push({ kind: 'user', number, name })
  }
  for (const number of groups) {
    const name = source.groupName(number)
    if (name !== undefined) owners.push({ kind: 'group', number, name })
  }
  return owners
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

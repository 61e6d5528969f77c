/**
 * `restore`: brings a snapshot, or part of it, back below a target directory. Walks the snapshot's trees, compares with
 * what is there, writes files by pack, and sets links and directories last, so that nothing is ever written through a
 * link that came from the repository.
 */
import { createBreath } from '../../base/breath.ts'
import { during, inStage } from '../../base/trace.ts'
import type { ChunkFinder } from '../../manifest/chunk-finder.ts'
import { SnapError } from '../../model/errors.ts'
import type { FileStat, TargetDirectory, TargetFiles } from '../../model/files.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, decodeContent } from '../../snapshot/content.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { DirectoryCache } from '../../workers/directory-cache.ts'
import type { RestoreTask, RestoreTaskResult } from '../../workers/restore-task.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { decide, expectReplaceable, type OverwritePolicy, occupied } from './decide.ts'
import { EntryWriter } from './entry-writer.ts'
import { Failures, pathOf } from './failures.ts'
import { FileRestorer } from './file-restorer.ts'
import { Later } from './later.ts'
import { putEntry } from './placement.ts'
import { Protection } from './protection.ts'
import { Removal } from './removal.ts'
import { type RestoreAction, RestoreCounter, type RestoreFailure, type RestoreReport } from './report.ts'
import type { ContentParts } from './same-content.ts'
import { type Start, startOf } from './select-paths.ts'
import { type SelectedPath, Selection } from './selection.ts'

export type RestoreRequest = {
  /** Encoded content of the snapshot's root tree. */
  readonly root: Uint8Array
  /** As `selectPaths` has them; empty for everything. */
  readonly select: readonly SelectedPath[]
  /** A directory of the snapshot whose contents go directly below the target. */
  readonly strip: string | undefined
  /** Absolute, without links. */
  readonly target: string
  readonly overwrite: OverwritePolicy
  /**
   * Remove what the snapshot does not have from the directories that are restored, at and below `sources`, and what is in a directory
   * that stands where it has something else.
   */
  readonly deleteExtra: boolean
  /** The snapshot's source paths. Of the directories above it has only the way: what else lies there is not extra. */
  readonly sources: readonly string[]
  /** Absolute paths that are never removed, nor what leads to them: the repository and its caches. */
  readonly keep: ReadonlySet<string>
  /** Only say what would be done. */
  readonly dryRun: boolean
  readonly keepOwner: boolean
}

export type RestorePorts = {
  readonly target: TargetFiles
  /** Threads that write below `request.target`. */
  readonly pool: TaskPool<RestoreTask, RestoreTaskResult>
  readonly progress: ProgressListener
  /** Each decision; for `-v` and `--dry-run`. `bytes`: of the entry in the snapshot, where it has one. */
  readonly decided?: (path: string, action: RestoreAction, bytes?: number) => void
  readonly signal: AbortSignal
}

/** Failures of single files are in the report; what stops everything is thrown. */
export async function restore(
  repository: Repository,
  request: RestoreRequest,
  ports: RestorePorts,
): Promise<RestoreReport> {
  const run = new RestoreRun(repository, request, ports)
  return run.run()
}

/** `isMount`: in the target, another file system is mounted here. */
type Place = Start & { readonly isMount?: boolean }

class RestoreRun {
  readonly #repository: Repository
  readonly #request: RestoreRequest
  readonly #ports: RestorePorts
  readonly #selection: Selection
  readonly #protection: Protection
  readonly #counter = new RestoreCounter()
  /** Lets finished tasks in. */
  readonly #breath = createBreath()
  readonly #later: Later
  readonly #failures: Failures
  readonly #removal: Removal
  readonly #writer: EntryWriter
  /** For comparing with what is there. */
  readonly #content: ContentParts
  #foundBy: ChunkFinder | undefined

  constructor(repository: Repository, request: RestoreRequest, ports: RestorePorts) {
    this.#repository = repository
    this.#request = request
    this.#ports = ports
    this.#selection = new Selection(request.select)
    this.#protection = new Protection(request.target, request.keep, request.sources)
    this.#content = {
      chunks: repository.chunks,
      target: ports.target,
      lengthOf: (id) => this.#finder.find(id)?.bytes ?? repository.chunks.lengthOf(id),
    }
    const { keepOwner, deleteExtra, dryRun } = request
    const { random } = repository
    const counter = this.#counter
    const failures = new Failures(counter, ports.progress)
    this.#failures = failures
    this.#later = new Later({ counter, failures, keepOwner, random })
    this.#writer = new EntryWriter({ counter, later: this.#later, keepOwner, random })
    this.#removal = new Removal({
      protection: this.#protection,
      counter,
      failures,
      decided: (path, action) => ports.decided?.(path, action),
      deleteExtra,
      dryRun,
    })
  }

  /** Made when the first file is compared. Packs that move meanwhile do not matter: a chunk keeps its length. */
  get #finder(): ChunkFinder {
    this.#foundBy ??= this.#repository.manifest.chunkFinder()
    return this.#foundBy
  }

  async run(): Promise<RestoreReport> {
    const { target, progress, pool, signal } = this.#ports
    const { root: content, strip } = this.#request
    const start = await startOf(this.#repository, decodeContent(content), strip)
    if (this.#request.dryRun) return this.#dry(start)
    using root = target.openRoot(this.#request.target)
    const fresh = root.list().length === 0
    this.#takeMeta(start, fresh)
    using directories = new DirectoryCache(root)
    await using files = new FileRestorer({
      repository: this.#repository,
      pool,
      target,
      directories,
      counter: this.#counter,
      progress,
      keepOwner: this.#request.keepOwner,
      signal,
    })
    await during('walk', () => this.#directory(start, [], root, files, fresh))
    await during('flush', () => files.flush())
    directories.clear()
    inStage('links and directories', () => this.#later.finish(directories))
    return this.#counter.report()
  }

  /** A target that was empty, or is the very directory, becomes what the snapshot has it as; another keeps its own metadata. */
  #takeMeta({ names, entry }: Start, fresh: boolean): void {
    if (entry === undefined || this.#selection.wants(names) !== 'all') return
    const path = pathOf(names)
    if (fresh || path === this.#request.target) this.#later.directory({ directory: '', path, entry })
  }

  async #directory(
    { content, names, entry: own, isMount = false }: Place,
    below: readonly string[],
    directory: TargetDirectory | undefined,
    files: FileRestorer | undefined,
    fresh: boolean,
  ): Promise<void> {
    this.#ports.signal.throwIfAborted()
    if (names.length > DIRECTORY_DEPTH_MAX) {
      throw new SnapError('LIMIT_EXCEEDED', `directories nested deeper than ${DIRECTORY_DEPTH_MAX}`)
    }
    const tree = await this.#tree(content, names)
    if (tree === undefined) return
    // Of a directory that could not be read nothing is known, so nothing in it is extra. The same goes for one that is empty
    // where another file system is mounted: a backup of one file system has it so, whatever lies there.
    const isKnown =
      own?.unreadable === undefined && this.#protection.isWhole(names) && !(isMount && tree.length === 0)
    const removes = this.#request.deleteExtra && isKnown && this.#selection.wants(names) === 'all'
    if (removes && directory !== undefined) {
      this.#removal.removeExtra(new Set(tree.map((entry) => entry.name)), names, below, directory)
    }
    for (const entry of tree) {
      const path = [...names, entry.name]
      const wanted = this.#selection.wants(path)
      if (wanted === 'none' || (wanted === 'some' && entry.type !== 'dir')) continue
      const breath = this.#breath()
      if (breath !== undefined) await breath
      await this.#failures.guarded(path, () => {
        // In a directory that was empty a moment ago there is nothing to look for.
        const existing = fresh ? undefined : directory?.lstat(entry.name)
        return this.#entry(entry, path, below, directory, existing, files, wanted === 'all')
      })
    }
  }

  /** The entries; a tree that is damaged or that the storage does not give fails what is below it, and nothing else. */
  async #tree(content: Content, names: readonly string[]): Promise<readonly Entry[] | undefined> {
    let entries: readonly Entry[] | undefined
    await this.#failures.guarded(names, async () => {
      entries = (await this.#repository.trees.tree(content)).entries
    })
    return entries
  }

  async #entry(
    entry: Entry,
    path: readonly string[],
    below: readonly string[],
    directory: TargetDirectory | undefined,
    existing: FileStat | undefined,
    files: FileRestorer | undefined,
    wanted: boolean,
  ): Promise<void> {
    if (entry.unreadable !== undefined && entry.type !== 'dir') {
      this.#failures.add(unreadable(path, entry.unreadable))
      return
    }
    if (entry.type === 'dir') return this.#enter(entry, path, below, directory, existing, files, wanted)
    const shown = pathOf(path)
    if (entry.type === 'socket' && existing?.type !== 'socket') {
      this.#counter.lost(shown, ['sockets are not restored: the program that listens makes them'])
      return
    }
    this.#counter.bytesTotal += entry.size
    const action = await decide(this.#content, this.#request.overwrite, entry, existing, directory)
    const standing = existing?.type === 'dir' && action === 'replace' ? existing : undefined
    const clear =
      standing === undefined ? undefined : this.#removal.clearing(entry, standing, path, below, directory)
    this.#ports.decided?.(shown, action, entry.size)
    if (directory === undefined || files === undefined || action === 'keep') this.#count(entry, action)
    else {
      const place = {
        directory: below.join('/'),
        path: shown,
        entry,
        replaces: existing !== undefined,
        clear,
      }
      await this.#writer.put(place, directory, files, action)
    }
  }

  /** What is kept, and in a dry run what would be done. */
  #count(entry: Entry, action: RestoreAction): void {
    if (action === 'keep') this.#counter.filesKept += 1
    else if (action === 'unchanged') this.#counter.filesUnchanged += 1
    else if (entry.type !== 'file') this.#counter.others += 1
    else {
      this.#counter.filesRestored += 1
      this.#counter.bytesWritten += entry.size
    }
  }

  async #enter(
    entry: Entry,
    path: readonly string[],
    below: readonly string[],
    directory: TargetDirectory | undefined,
    existing: FileStat | undefined,
    files: FileRestorer | undefined,
    wanted: boolean,
  ): Promise<void> {
    const names = [...below, entry.name]
    if (entry.unreadable !== undefined) {
      this.#failures.add(unreadable(path, entry.unreadable))
    }
    // What is above the sources and there already is not part of what was saved.
    const isOurs = existing === undefined || (wanted && this.#protection.isWhole(path))
    if (existing !== undefined && existing.type !== 'dir') {
      this.#expectReplaceable(entry, existing, names, isOurs, directory)
    }
    using child = this.#childOf(entry.name, directory, existing)
    this.#counter.directories += 1
    if (existing?.type !== 'dir' && wanted) {
      this.#ports.decided?.(pathOf(path), existing === undefined ? 'create' : 'replace')
      if (existing !== undefined) this.#counter.others += 1
    }
    if (isOurs) this.#later.directory({ directory: names.join('/'), path: pathOf(path), entry })
    if (entry.content === undefined) return
    const isMount =
      this.#request.deleteExtra && existing !== undefined && child?.device() !== directory?.device()
    const start = { content: entry.content, names: path, entry, isMount }
    await this.#directory(start, names, child, files, existing?.type !== 'dir')
  }

  /** Throws where what stands in the place of the directory `entry`, at `names` in the target, is to stay. */
  #expectReplaceable(
    entry: Entry,
    existing: FileStat,
    names: readonly string[],
    isOurs: boolean,
    directory: TargetDirectory | undefined,
  ): void {
    this.#protection.check(names)
    if (isOurs) expectReplaceable(this.#request.overwrite, entry, existing)
    else {
      if (existing.type === 'symlink') directory?.enter(entry.name)[Symbol.dispose]() // throws
      throw occupied(entry, existing, 'it lies above what is restored and stays')
    }
  }

  #childOf(
    name: string,
    directory: TargetDirectory | undefined,
    existing: FileStat | undefined,
  ): TargetDirectory | undefined {
    if (this.#request.dryRun) return existing?.type === 'dir' ? directory?.enter(name) : undefined
    if (existing !== undefined && existing.type !== 'dir' && directory !== undefined) {
      const place = { entry: { name }, replaces: true, clear: () => directory.removeOne(name) }
      putEntry(directory, place, this.#repository.random, (made) => {
        directory.makeDirectory(made)[Symbol.dispose]()
      })
    }
    return directory?.makeDirectory(name)
  }

  async #dry(start: Start): Promise<RestoreReport> {
    using root = this.#ports.target.openExisting(this.#request.target)
    await this.#directory(start, [], root, undefined, false)
    return this.#counter.report()
  }
}

/** Of an entry that the snapshot has without its content. */
function unreadable(names: readonly string[], code: string): RestoreFailure {
  const reason = `was unreadable when the snapshot was made (${code})`
  return { path: pathOf(names), side: 'source', code, reason }
}

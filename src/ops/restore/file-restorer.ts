/** Writes the files of a restore: gathers them in windows, runs the planned tasks, and finishes files of many parts. */
import { assert } from '../../base/assert.ts'
import { inTurn } from '../../base/in-turn.ts'
import { SharedSlots } from '../../base/shared-slots.ts'
import { addInFlight, during } from '../../base/trace.ts'
import type { ChunkFinder } from '../../manifest/chunk-finder.ts'
import { SnapError } from '../../model/errors.ts'
import type { TargetFiles } from '../../model/files.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { contentBlocks } from '../../repository/content-blocks.ts'
import type { Repository } from '../../repository/repository.ts'
import { EMPTY_CONTENT, readItems } from '../../snapshot/content.ts'
import type { Entry } from '../../snapshot/entry.ts'
import type { DirectoryCache } from '../../workers/directory-cache.ts'
import type { FileFailure, RestoreFile, RestoreTask, RestoreTaskResult } from '../../workers/restore-task.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { FileWindow, type PlannedTask } from './file-window.ts'
import { metaOf } from './meta.ts'
import { type Placement, temporaryName } from './placement.ts'
import type { RestoreCounter } from './report.ts'

/** Files and chunks that are planned together: bounds memory, and is enough for reading packs in order. */
const WINDOW_FILES_MAX = 8_192
const WINDOW_CHUNKS_MAX = 65_536
/** Bytes of a file that is still planned: its chunks are all in memory together, some 100 bytes each. */
const PLANNED_BYTES_MAX = 8 * 1024 ** 3
/** Bases that are kept at once, for each of two windows. Of a dump of 19 MB that has been edited for a year they are 30 MB. */
const BASES_BYTES_MAX: number = 32 * 1024 * 1024

export type FileRestorerParts = {
  readonly repository: Repository
  readonly pool: TaskPool<RestoreTask, RestoreTaskResult>
  readonly target: TargetFiles
  readonly directories: DirectoryCache
  readonly counter: RestoreCounter
  readonly progress: ProgressListener
  readonly keepOwner: boolean
  readonly signal: AbortSignal
}

/** While windows are written, the next is gathered. Disposed of when none is written any more. */
export class FileRestorer implements AsyncDisposable {
  readonly #parts: FileRestorerParts
  /** Of the window that is written, and of the next: taken in turn. */
  #slots: readonly [SharedSlots, SharedSlots]
  #finder: ChunkFinder
  #collections: number
  #gathering: WindowRun
  /** The last tasks of a window leave threads idle, so that the next begins meanwhile. */
  #before: Promise<void> = Promise.resolve()
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: FileRestorerParts, basesBytes: number = BASES_BYTES_MAX) {
    this.#parts = parts
    this.#finder = parts.repository.manifest.chunkFinder()
    this.#collections = parts.repository.log.collections
    this.#slots = [new SharedSlots(basesBytes), new SharedSlots(basesBytes)]
    this.#gathering = new WindowRun(parts, this.#finder, this.#slots[0])
  }

  async add(file: Placement): Promise<void> {
    await this.#gathering.add(file)
    if (this.#gathering.isFull) await this.#turn()
  }

  /** Everything added so far is written when this returns. */
  async flush(): Promise<void> {
    await this.#turn()
    await this.#before
    await this.#writing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#before, this.#writing])
  }

  async #turn(): Promise<void> {
    await this.#before
    this.#before = this.#writing
    this.#writing = this.#gathering.run()
    this.#writing.catch(() => undefined) // awaited by the next turn but one
    const { log, manifest } = this.#parts.repository
    if (log.collections !== this.#collections) {
      this.#collections = log.collections
      this.#finder = manifest.chunkFinder()
    }
    const [last, next] = this.#slots
    this.#slots = [next, last]
    this.#gathering = new WindowRun(this.#parts, this.#finder, next)
  }
}

/** One window, from gathering to the last file finished. */
class WindowRun {
  readonly #parts: FileRestorerParts
  readonly #window: FileWindow
  readonly #files: Placement[] = []
  readonly #names: string[] = []
  /** Indexes of files that are written in order instead. */
  readonly #unplanned: number[] = []
  readonly #failed = new Map<number, FileFailure>()
  /** Made here, under their name in `#names`, and not finished. */
  readonly #created = new Set<number>()
  /** By file: tasks that have written their part of it, or failed it. */
  #partsDone = new Uint32Array(0)

  constructor(parts: FileRestorerParts, finder: ChunkFinder, slots: SharedSlots) {
    this.#parts = parts
    this.#window = new FileWindow(parts.repository, finder, slots)
  }

  get isFull(): boolean {
    return this.#files.length >= WINDOW_FILES_MAX || this.#window.chunks >= WINDOW_CHUNKS_MAX
  }

  async add(file: Placement): Promise<void> {
    const index = this.#files.push(file) - 1
    this.#names.push(file.replaces ? temporaryName(this.#parts.repository.random) : file.entry.name)
    if (file.entry.size > PLANNED_BYTES_MAX) {
      this.#unplanned.push(index)
      return
    }
    try {
      const size = await this.#locate(file.entry, index)
      if (size !== file.entry.size) {
        throw new SnapError('OBJECT_DAMAGED', `its chunks add up to ${size} bytes, not ${file.entry.size}`)
      }
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      this.#failed.set(index, { side: 'repository', code: error.code, reason: error.message })
    }
  }

  /** Plans every chunk of the file; returns the bytes that they and the holes add up to. */
  async #locate(entry: Entry, index: number): Promise<number> {
    const { content } = entry
    let position = 0
    const plan = (item: { readonly chunk: Uint8Array } | { readonly hole: number }): void => {
      position += 'hole' in item ? item.hole : this.#window.add(index, position, item.chunk)
      if (position > entry.size)
        throw new SnapError('OBJECT_DAMAGED', `its chunks exceed its size of ${entry.size} bytes`)
    }
    if (content === undefined) return 0
    // Nearly every list is in its entry, and waiting for each of its items would take longer than finding the chunk.
    if (content.levels === 0) for (const item of readItems(content.items)) plan(item)
    else for await (const item of this.#parts.repository.chunks.items(content)) plan(item)
    return position
  }

  /** What was made and not finished goes where the restore ends before: half a file would pass for the whole one. */
  async run(): Promise<void> {
    try {
      await this.#run()
    } catch (error) {
      for (const index of [...this.#created]) this.#discard(index)
      throw error
    }
  }

  async #run(): Promise<void> {
    const files = this.#files
    const { waves, parts } = this.#window.plan(files.length)
    this.#partsDone = new Uint32Array(files.length)
    const manyParts: number[] = []
    for (const index of this.#unplanned) await this.#inOrder(index)
    files.forEach((file, index) => {
      if (isWhole(file, parts[index]) || this.#failed.has(index) || file.entry.size > PLANNED_BYTES_MAX)
        return
      if (this.#createEmpty(index)) manyParts.push(index)
    })
    for (const tasks of waves) await this.#runAll(tasks, parts)
    this.#window.release()
    files.forEach((_, index) => {
      const isThere = this.#failed.has(index) || this.#partsDone[index] === parts[index]
      assert(isThere, 'a file that has not failed got all its parts')
    })
    for (const index of manyParts) if (!this.#failed.has(index)) this.#finish(index)
    for (const index of [...this.#failed.keys()].sort((a, b) => a - b)) await this.#again(index)
    const full = [...this.#failed.values()].find(({ code }) => code === 'TARGET_FULL')
    files.forEach((file, index) => {
      this.#parts.progress({ kind: 'done', files: 1, bytes: file.entry.size })
      const failure = this.#failed.get(index)
      if (failure === undefined) this.#parts.counter.filesRestored += 1
      // A full disk ends the restore: thousands of files that found no room say no more than one.
      else if (failure.code !== 'TARGET_FULL') this.#report(file, failure)
    })
    if (full !== undefined) {
      throw new SnapError('TARGET_FULL', full.reason, {
        hint: 'Free space and restore again: what is there already is not written twice.',
      })
    }
  }

  /** Chunk by chunk as the file has them: slower, and its memory does not grow with the file. */
  async #inOrder(index: number): Promise<void> {
    const file = this.#files[index]
    if (file === undefined || !this.#createEmpty(index)) return
    try {
      await this.#writeChunks(file, this.#names[index] ?? file.entry.name)
    } catch (error) {
      if (!(error instanceof SnapError) || this.#parts.signal.aborted) throw error
      const side = error.code.startsWith('TARGET') ? 'target' : 'repository'
      this.#failIndex(index, { side, code: error.code, reason: error.message })
      return
    }
    this.#finish(index)
  }

  /** What a damaged pack kept from a file may lie in another pack too: chunk by chunk, wherever one is whole. */
  async #again(index: number): Promise<void> {
    const file = this.#files[index]
    if (file === undefined) return
    this.#discard(index)
    if (this.#failed.get(index)?.side !== 'repository' || !this.#createEmpty(index)) return
    try {
      await this.#writeChunks(file, this.#names[index] ?? file.entry.name)
      this.#failed.delete(index)
      this.#finish(index)
    } catch (error) {
      if (!(error instanceof SnapError) || this.#parts.signal.aborted) throw error
    }
    if (this.#failed.has(index)) this.#discard(index)
  }

  async #writeChunks({ entry, directory }: Placement, name: string): Promise<void> {
    const { target, directories, repository, counter, signal } = this.#parts
    const fd = directories.of(directory).openFile(name, true)
    try {
      let position = 0
      for await (const block of contentBlocks(repository.chunks, entry.content ?? EMPTY_CONTENT)) {
        signal.throwIfAborted()
        const bytes = 'bytes' in block ? block.bytes : undefined
        const length = 'hole' in block ? block.hole : block.bytes.length
        if (position + length > entry.size)
          throw new SnapError('OBJECT_DAMAGED', `its chunks exceed its size of ${entry.size} bytes`)
        if (bytes !== undefined) target.write(fd, bytes, position)
        counter.bytesWritten += bytes?.length ?? 0
        position += length
      }
      if (position !== entry.size)
        throw new SnapError('OBJECT_DAMAGED', 'its chunks do not add up to its size')
    } finally {
      target.close(fd)
    }
  }

  async #runAll(tasks: readonly PlannedTask[], parts: Uint32Array): Promise<void> {
    const { pool, signal } = this.#parts
    await inTurn(tasks, pool.parallel, signal, (task) => this.#runTask(task, parts))
  }

  async #runTask(planned: PlannedTask, parts: Uint32Array): Promise<void> {
    const fetched = await during('fetch', () =>
      this.#window.fetch(planned, {
        describe: (file) => this.#describe(file, parts[file]),
        hasFailed: (file) => this.#failed.has(file),
      }),
    )
    for (const [file, failure] of fetched.failed) this.#failIndex(file, failure)
    if (fetched.task.segments.length === 0) return
    const bytes = fetched.transfer.reduce((sum, { byteLength }) => sum + byteLength, 0)
    addInFlight(bytes)
    const result = await this.#parts.pool
      .run(fetched.task, fetched.transfer)
      .finally(() => addInFlight(-bytes))
    this.#window.markUncopied(planned, result.uncopied)
    this.#parts.counter.bytesWritten += result.bytes
    for (const file of fetched.files) this.#partsDone[file] = (this.#partsDone[file] ?? 0) + 1
    for (const [local, failure] of result.failures) this.#failIndex(fetched.files[local] ?? 0, failure)
    for (const [local, lost] of result.losses)
      this.#parts.counter.lost(this.#files[fetched.files[local] ?? 0]?.path ?? '', lost)
  }

  #describe(index: number, parts: number | undefined): RestoreFile {
    const file = this.#files[index]
    if (file === undefined) throw new TypeError('a planned file is in the window')
    return {
      directory: file.directory,
      name: this.#names[index] ?? file.entry.name,
      whole: isWhole(file, parts),
      size: file.entry.size,
      meta: metaOf(file.entry, this.#parts.keepOwner),
      renameTo: file.replaces ? file.entry.name : undefined,
    }
  }

  /** A file of many parts, or of none, is made before its parts are written. */
  #createEmpty(index: number): boolean {
    const file = this.#files[index]
    if (file === undefined) return false
    const { target, directories } = this.#parts
    return this.#try(index, () => {
      const fd = directories.of(file.directory).createFile(this.#names[index] ?? file.entry.name, OWNER_ONLY)
      this.#created.add(index)
      try {
        if (file.entry.size > 0) target.truncate(fd, file.entry.size)
      } finally {
        target.close(fd)
      }
    })
  }

  #finish(index: number): void {
    const file = this.#files[index]
    const name = this.#names[index]
    if (file === undefined || name === undefined) return
    const { target, directories, counter, keepOwner } = this.#parts
    this.#try(index, () => {
      const directory = directories.of(file.directory)
      const fd = directory.openFile(name, true)
      try {
        counter.lost(file.path, target.setFileMeta(fd, metaOf(file.entry, keepOwner)))
      } finally {
        target.close(fd)
      }
      file.clear?.(directory)
      if (file.replaces) directory.rename(name, file.entry.name)
      this.#created.delete(index)
    })
  }

  #discard(index: number): void {
    const file = this.#files[index]
    const name = this.#names[index]
    // What lies there and was not made here is somebody else's.
    if (file === undefined || name === undefined || !this.#created.delete(index)) return
    try {
      const directory = this.#parts.directories.of(file.directory)
      if (directory.lstat(name) !== undefined) directory.remove(name)
    } catch {
      // Reported as failed already; what could not be removed is under a name that the report gives.
    }
  }

  #try(index: number, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      this.#failIndex(index, { side: 'target', code: error.code, reason: error.message })
      return false
    }
  }

  #failIndex(index: number, failure: FileFailure): void {
    if (!this.#failed.has(index)) this.#failed.set(index, failure)
  }

  #report(file: Placement, failure: FileFailure): void {
    this.#parts.counter.fail({ path: file.path, ...failure }, this.#parts.progress)
  }
}

const OWNER_ONLY = 0o600

/** One task makes, writes and finishes it; the others are made and finished here, as are those for which a directory has to go. */
function isWhole({ clear }: Placement, parts: number | undefined): boolean {
  return parts === 1 && clear === undefined
}

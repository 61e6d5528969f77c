/**
 * Files on their way from one repository into another: reads their chunks, hands the bytes to the threads, which cut and store them anew, and
 * puts what comes back into the directories' slots. Small files go many at once, others block by block.
 */
import { toHex } from '../../base/bytes.ts'
import { SnapError } from '../../model/errors.ts'
import { wholeBlocks, wrongSize } from '../../repository/content-blocks.ts'
import type { ContentStore } from '../../repository/content-store.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, EMPTY_CONTENT } from '../../snapshot/content.ts'
import { type Entry, encodeEntry } from '../../snapshot/entry.ts'
import type { Executor } from '../../workers/executor.ts'
import { type ContentsResult, TASK_BYTES_MAX, type TaskCounts } from '../../workers/tasks.ts'
import { contentOfFile, type FormerVersions, formerItemsOf } from '../backup/former-items.ts'
import { storeStream } from '../backup/store-stream.ts'
import { isDamage } from '../verify/report.ts'
import { type CopiedDirectory, lacking } from './copied-directory.ts'
import { readSource } from './read-source.ts'

/** A task holds at most this many files. */
const TASK_FILES_MAX = 256
/** Files above the size of a task that are read at once. */
const LARGE_AT_ONCE_MAX = 2

export type CopiedFile = {
  readonly directory: CopiedDirectory
  readonly slot: number
  /** In the snapshot. */
  readonly path: string
  /** In the source; it has content. */
  readonly entry: Entry
  /** The entry of what it is the next version of, in the base's copy: encoded. */
  readonly former: Uint8Array | undefined
}

export type CopyQueueParts = {
  readonly source: Pick<Repository, 'chunks' | 'log'>
  readonly executor: Executor
  readonly contents: ContentStore
  /** Of the repository that the copy goes to. */
  readonly former: FormerVersions
  readonly signal: AbortSignal
}

export type CopyQueueEvents = {
  readonly stored: (file: CopiedFile) => void
  readonly damaged: (file: CopiedFile) => void
  /** The slot is filled: the directory may be complete. */
  readonly settled: (directory: CopiedDirectory) => void
}

export class CopyQueue {
  readonly #parts: CopyQueueParts
  readonly #events: CopyQueueEvents
  readonly counts: TaskCounts = { read: 0, chunks: 0, newChunks: 0, newBytes: 0 }
  #batch: CopiedFile[] = []
  #batchBytes = 0
  /** Tasks, and large files, that are under way. */
  readonly #tasks = new Set<Promise<void>>()
  readonly #large = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(parts: CopyQueueParts, events: CopyQueueEvents) {
    this.#parts = parts
    this.#events = events
  }

  /** Resolves when there is room for the next; throws what a task threw. */
  async add(file: CopiedFile): Promise<void> {
    this.#throwFailure()
    if (file.entry.size > TASK_BYTES_MAX) {
      while (this.#large.size >= LARGE_AT_ONCE_MAX) await Promise.race(this.#large)
      this.#track(this.#large, this.#stream(file))
      return
    }
    this.#batch.push(file)
    this.#batchBytes += file.entry.size
    if (this.#batch.length >= TASK_FILES_MAX || this.#batchBytes >= TASK_BYTES_MAX) await this.#submit()
  }

  /** Resolves when every file that was added is in its slot. */
  async drain(): Promise<void> {
    await this.#submit()
    while (this.#tasks.size + this.#large.size > 0) {
      await Promise.all([...this.#tasks, ...this.#large])
      this.#throwFailure()
    }
    this.#throwFailure()
  }

  /** What is under way ends soon: nobody waits for it any more. */
  stop(error: unknown): void {
    this.#failure ??= { error }
  }

  #throwFailure(): void {
    this.#parts.signal.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #track(set: Set<Promise<void>>, work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => this.stop(error))
      .finally(() => set.delete(tracked))
    set.add(tracked)
  }

  async #submit(): Promise<void> {
    const files = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    if (files.length === 0) return
    const read = await this.#read(files)
    if (read.length > 0) this.#track(this.#tasks, this.#store(read))
    while (this.#tasks.size > this.#parts.executor.parallel) await Promise.race(this.#tasks)
    this.#throwFailure()
  }

  /** Those that could be read; the others are in their slots, or go block by block since they have holes. */
  async #read(files: readonly CopiedFile[]): Promise<ReadFile[]> {
    const { source } = this.#parts
    const listed: (CopiedFile & { readonly ids: readonly Uint8Array[] })[] = []
    for (const file of files) {
      const list = await readSource(source, () => this.#list(file.entry))
      if ('damage' in list) this.#damaged(file)
      else if (list.value === undefined) await this.#stream(file)
      else listed.push({ ...file, ids: list.value })
    }
    const together = await source.chunks.chunks(listed.flatMap(({ ids }) => ids))
    const read: ReadFile[] = []
    for (const file of listed) {
      const parts = await readSource(source, async () => {
        const bytes: Uint8Array[] = []
        for (const id of file.ids) bytes.push(together.get(toHex(id)) ?? (await source.chunks.chunk(id)))
        if (bytes.reduce((sum, { length }) => sum + length, 0) !== file.entry.size)
          throw wrongSize(file.entry)
        return bytes
      })
      if ('damage' in parts) this.#damaged(file)
      else read.push({ file, parts: parts.value })
    }
    return read
  }

  /** The file's chunks; `undefined` where it has holes. */
  async #list(entry: Entry): Promise<readonly Uint8Array[] | undefined> {
    const { chunks } = this.#parts.source
    const { content = EMPTY_CONTENT } = entry
    const ids: Uint8Array[] = []
    let bytes = 0
    for await (const item of chunks.items(content)) {
      if ('hole' in item) return undefined
      ids.push(item.chunk)
      // A list that is stored may name any number of chunks; one in the entry has as many as fit.
      if (content.levels > 0) bytes += chunks.lengthOf(item.chunk) ?? 0
      if (bytes > entry.size) throw wrongSize(entry)
    }
    return ids
  }

  async #store(read: readonly ReadFile[]): Promise<void> {
    const { executor, former } = this.#parts
    const { bytes, ends } = joined(read)
    const known = read.map(({ file }) => file.former)
    const items = known.some((entry) => entry !== undefined) ? await formerItemsOf(known, former) : undefined
    const result = await executor.run({ kind: 'contents', bytes, ends, former: items })
    if (result.kind !== 'contents') throw new TypeError('a task of contents has their result')
    this.#count(result.counts)
    this.#settle(read, result)
  }

  #settle(read: readonly ReadFile[], { items, ends }: ContentsResult): void {
    let from = 0
    read.forEach(({ file }, index) => {
      const end = ends[index] ?? 0
      const list = contentOfFile(file.former)
      const formerList = list?.levels === 1 ? list.items : undefined
      this.#stored(file, this.#parts.contents.list(items.subarray(from, end), formerList))
      from = end
    })
  }

  async #stream(file: CopiedFile): Promise<void> {
    const { source } = this.#parts
    const { entry } = file
    const parts = { ...this.#parts, count: this.#count }
    const stream = {
      open: () => this.#guarded(wholeBlocks(source.chunks, entry)),
      reasonOf: (error: unknown) => (isDamage(error) ? error.code : undefined),
    }
    const outcome = await readSource(source, async () => {
      const stored = await storeStream(parts, stream, contentOfFile(file.former))
      if ('reason' in stored) throw new SnapError('OBJECT_DAMAGED', `${file.path} cannot be read`)
      return stored
    })
    if ('damage' in outcome) this.#damaged(file)
    else this.#stored(file, outcome.value.content)
  }

  /** Ends where something else has failed. */
  async *#guarded<T>(blocks: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const block of blocks) {
      this.#throwFailure()
      yield block
    }
  }

  #stored(file: CopiedFile, content: Content | undefined): void {
    this.#fill(file, { ...file.entry, content })
    this.#events.stored(file)
    this.#events.settled(file.directory)
  }

  #damaged(file: CopiedFile): void {
    this.#fill(file, lacking(file.entry))
    this.#events.damaged(file)
    this.#events.settled(file.directory)
  }

  #fill({ directory, slot }: CopiedFile, entry: Entry): void {
    directory.fill(slot, encodeEntry(entry))
  }

  readonly #count = (counts: TaskCounts): void => {
    this.counts.read += counts.read
    this.counts.chunks += counts.chunks
    this.counts.newChunks += counts.newChunks
    this.counts.newBytes += counts.newBytes
  }
}

type ReadFile = { readonly file: CopiedFile; readonly parts: readonly Uint8Array[] }

function joined(read: readonly ReadFile[]): { bytes: Uint8Array<ArrayBuffer>; ends: Uint32Array } {
  const bytes = new Uint8Array(read.reduce((sum, { file }) => sum + file.entry.size, 0))
  const ends = new Uint32Array(read.length)
  let at = 0
  read.forEach(({ parts }, index) => {
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    ends[index] = at
  })
  return { bytes, ends }
}

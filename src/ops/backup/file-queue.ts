/**
 * Files on their way to the pipeline: gathers them into tasks, keeps a bounded number under way, and puts what comes
 * back into the directories' slots. Files too large for one thread go piece by piece.
 */
import type { Clock } from '../../model/clock.ts'
import type { FileStat, SourceFiles } from '../../model/files.ts'
import type { ContentStore } from '../../repository/content-store.ts'
import { encodeEntry } from '../../snapshot/entry.ts'
import type { Executor } from '../../workers/executor.ts'
import { entryOf } from '../../workers/file-pipeline.ts'
import { type FilesResult, GREW, PIECE_BYTES, TASK_BYTES_MAX, type TaskCounts } from '../../workers/tasks.ts'
import type { DirectoryNode } from './directory-node.ts'
import { contentOfFile, type FormerVersions, formerItemsOf } from './former-items.ts'
import { readLargeFile } from './large-file.ts'
import { readStreamedFile, type StreamedFile, streamedStat } from './streamed-file.ts'

/** A task holds at most this many files: with `TASK_BYTES_MAX`, enough to fill segments with neighbours, small enough to balance. */
const TASK_FILES_MAX = 256
/** Files that wait or are under way before the walk pauses. */
const FILES_AHEAD_MAX = 32_768
/** Large files that are read at once, and that wait before the walk pauses. */
const LARGE_AT_ONCE_MAX = 2
const LARGE_WAITING_MAX = 64

/**
 * Beside the parent snapshot. `lost`: as there, but the repository may not have all of it any more; `reread`: as there by its stat, and
 * read because everything is.
 */
export type WhyQueued = 'new' | 'changed' | 'lost' | 'reread'

type Queued = {
  readonly node: DirectoryNode
  readonly slot: number
  /** Absolute, in the snapshot. */
  readonly path: string
  readonly name: string
  readonly why: WhyQueued
  /** Its entry, or that of what it was made from most likely, in the parent snapshot: encoded. */
  readonly former?: Uint8Array | undefined
}

export type QueuedStream = Queued & { readonly file: StreamedFile }

export type QueuedFile = Queued & {
  readonly stat: FileStat
  /** How often something else was found in its place. */
  readonly replaced?: number
}

export type FileQueueEvents = {
  /** The entry, `encoded`, is in its slot. */
  readonly stored: (file: Queued, encoded: Uint8Array) => void
  readonly unreadable: (file: Queued, reason: string) => void
  /** Asked when reading failed: whether something else is there by now. If true, the slot is the listener's to fill or drop. */
  readonly isReplaced: (file: QueuedFile, reason: string) => boolean
  readonly changed: (file: QueuedFile) => void
  /** The slot is filled or dropped: the directory may be complete. */
  readonly settled: (node: DirectoryNode) => void
}

export type FileQueueParts = {
  readonly executor: Executor
  readonly contents: ContentStore
  readonly source: SourceFiles
  readonly former: FormerVersions
  readonly clock: Clock
  readonly signal: AbortSignal
}

export class FileQueue {
  readonly #parts: FileQueueParts
  readonly #events: FileQueueEvents
  readonly counts: TaskCounts = { read: 0, chunks: 0, newChunks: 0, newBytes: 0 }
  #batch: QueuedFile[] = []
  #batchBytes = 0
  #ahead = 0
  readonly #waitingLarge: QueuedFile[] = []
  #largeRunning = 0
  /** The last stream, and with it all before. */
  #streams: Promise<void> = Promise.resolve()
  readonly #running = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined
  #stop: () => void = () => undefined
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve
  })

  constructor(parts: FileQueueParts, events: FileQueueEvents) {
    this.#parts = parts
    this.#events = events
  }

  get #isFull(): boolean {
    return this.#ahead >= FILES_AHEAD_MAX || this.#waitingLarge.length >= LARGE_WAITING_MAX
  }

  /** Whether the walk should `await room()` before it goes on. */
  get isCrowded(): boolean {
    return this.#isFull || this.#failure !== undefined
  }

  add(file: QueuedFile): void {
    this.#ahead += 1
    if (file.stat.size > PIECE_BYTES) {
      this.#submit()
      this.#addLarge(file)
      return
    }
    this.#batch.push(file)
    this.#batchBytes += file.stat.size
    if (this.#batch.length >= TASK_FILES_MAX || this.#batchBytes >= TASK_BYTES_MAX) this.#submit()
  }

  /** Streams are read one after the other, beside everything else. */
  addStream(stream: QueuedStream): void {
    this.#streams = this.#streams.then(() => this.#stream(stream))
    this.#track(this.#streams)
  }

  #addLarge(file: QueuedFile): void {
    this.#waitingLarge.push(file)
    this.#startLarge()
  }

  /** Resolves when there is room again; throws what a task threw. */
  async room(): Promise<void> {
    while (this.#isFull && this.#failure === undefined) {
      this.#submit()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Resolves when every file added is in its slot. */
  async drain(): Promise<void> {
    this.#submit()
    while (this.#running.size > 0 && this.#failure === undefined) {
      await Promise.race([Promise.all(this.#running), this.#stopped])
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Nothing is waited for any more: `room` and `drain` throw. Tasks under way end with the executor. */
  stop(error: unknown): void {
    this.#failure ??= { error }
    this.#stop()
    this.#wake?.()
  }

  #submit(): void {
    if (this.#batch.length === 0) return
    const files = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    this.#track(this.#small(files))
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => this.stop(error))
      .finally(() => {
        this.#running.delete(tracked)
        this.#wake?.()
      })
    this.#running.add(tracked)
  }

  async #small(files: readonly QueuedFile[]): Promise<void> {
    const known = files.map((file) => file.former)
    const former = known.some((entry) => entry !== undefined)
      ? await formerItemsOf(known, this.#parts.former)
      : undefined
    const result = await this.#parts.executor.run({
      kind: 'files',
      paths: files.map((file) => file.path),
      names: files.map((file) => file.name),
      former,
    })
    if (result.kind !== 'files') throw new TypeError('a files task has a files result')
    this.#count(result.counts)
    this.#settle(files, result)
  }

  #settle(files: readonly QueuedFile[], result: FilesResult): void {
    const long = new Map(result.long.map((file) => [file.index, file]))
    const failed = new Map(result.failed.map((file) => [file.index, file.reason]))
    let start = 0
    files.forEach((file, index) => {
      const end = result.ends[index] ?? 0
      const reason = failed.get(index)
      const list = long.get(index)
      if (reason === GREW) this.#addLarge(file)
      else if (reason !== undefined) this.#failed(file, reason)
      else if (list !== undefined)
        this.#stored(
          file,
          encodeEntry({ ...list.entry, content: this.#parts.contents.list(list.items, listOf(file.former)) }),
        )
      else this.#stored(file, result.encoded.subarray(start, end))
      start = end
    })
    for (const index of result.changed) {
      const file = files[index]
      if (file !== undefined) this.#events.changed(file)
    }
  }

  #stored(file: QueuedFile, encoded: Uint8Array): void {
    this.#ahead -= 1
    this.#fill(file, encoded)
  }

  #fill(file: Queued, encoded: Uint8Array): void {
    file.node.fill(file.slot, encoded)
    this.#events.stored(file, encoded)
    this.#events.settled(file.node)
  }

  /** A file that is gone is no failure: it was deleted in time. Nor is one that has become something else. */
  #failed(file: QueuedFile, reason: string): void {
    this.#ahead -= 1
    if (reason === 'ENOENT') file.node.drop()
    else if (this.#events.isReplaced(file, reason)) return
    else this.#unreadable(file, file.stat, reason)
    this.#events.settled(file.node)
  }

  #unreadable(file: Queued, stat: FileStat, reason: string): void {
    file.node.fill(file.slot, encodeEntry({ ...entryOf(file.name, stat, undefined), unreadable: reason }))
    this.#events.unreadable(file, reason)
  }

  /** A few at a time: each keeps every thread busy and has a list under construction. */
  #startLarge(): void {
    while (this.#largeRunning < LARGE_AT_ONCE_MAX) {
      const file = this.#waitingLarge.shift()
      if (file === undefined) return
      this.#largeRunning += 1
      this.#track(
        this.#large(file).finally(() => {
          this.#largeRunning -= 1
          this.#startLarge()
        }),
      )
    }
  }

  async #large(file: QueuedFile): Promise<void> {
    if (this.#failure !== undefined) return
    const outcome = await readLargeFile({ ...this.#parts, count: this.#count }, file)
    if ('reason' in outcome) return this.#failed(file, outcome.reason)
    if (outcome.changed === true) this.#events.changed(file)
    this.#stored(file, encodeEntry(outcome))
  }

  async #stream(stream: QueuedStream): Promise<void> {
    if (this.#failure !== undefined) return
    const nowMs = this.#parts.clock.now()
    const { file, former, node } = stream
    const outcome = await readStreamedFile({ ...this.#parts, count: this.#count }, file, former, nowMs)
    if ('reason' in outcome) {
      this.#unreadable(stream, streamedStat('file', nowMs), outcome.reason)
      this.#events.settled(node)
      return
    }
    this.#fill(stream, encodeEntry(outcome))
    const problem = file.problem?.()
    if (problem !== undefined) this.#events.unreadable(stream, problem)
  }

  readonly #count = (counts: TaskCounts): void => {
    this.counts.read += counts.read
    this.counts.chunks += counts.chunks
    this.counts.newChunks += counts.newChunks
    this.counts.newBytes += counts.newBytes
  }
}

/** Items that name the chunks of a former list; none where that is in the entry itself, or longer than any of a file in one task. */
function listOf(former: Uint8Array | undefined): Uint8Array | undefined {
  const content = contentOfFile(former)
  return content?.levels === 1 ? content.items : undefined
}

/**
 * Decodes segments and writes their chunks into files. A file that lies wholly in one task is made, written, given its
 * metadata and closed in one go. It knows packs and the target; which files to restore is the operation's.
 */
import { createZstd, type Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import type { TargetDirectory, TargetFiles } from '../model/files.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { SEGMENT_BYTES_MAX, SEGMENT_SEALED_BYTES_MAX } from '../model/limits.ts'
import { openPackSegment } from '../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'
import { DirectoryCache } from './directory-cache.ts'
import type {
  FileFailure,
  RestoreFile,
  RestoreSegment,
  RestoreTask,
  RestoreTaskResult,
} from './restore-task.ts'

/** Files that are kept open while their task's segments are written. */
const OPEN_FILES_MAX = 64

type OpenFile = { readonly fd: number; readonly directory: TargetDirectory }

export class RestoreWriter implements Disposable {
  readonly #target: TargetFiles
  readonly #directories: DirectoryCache
  readonly #hasher: ChunkHasher
  readonly #zstd: Zstd
  readonly #opened = new Uint8Array(SEGMENT_SEALED_BYTES_MAX)
  readonly #plain = new Uint8Array(SEGMENT_BYTES_MAX)
  readonly #computed = new Uint8Array(CHUNK_ID_BYTES)

  constructor(target: TargetFiles, root: TargetDirectory, idKey: Uint8Array) {
    this.#target = target
    this.#directories = new DirectoryCache(root)
    this.#hasher = createChunkHasher(idKey)
    this.#zstd = createZstd()
  }

  /** A failure of one file or segment fails the files that need it, and no others. */
  run(task: RestoreTask): RestoreTaskResult {
    const state = new TaskState(task, this.#lastSegments(task))
    task.files.forEach((file, index) => {
      if (file.size === 0 && file.whole) this.#open(state, file, index)
      if (state.last[index] === -1) this.#finish(state, file, index)
    })
    task.segments.forEach((segment, position) => {
      this.#segment(task, segment, position, state)
    })
    return { failures: state.failures, losses: state.losses, bytes: state.bytes }
  }

  [Symbol.dispose](): void {
    this.#directories[Symbol.dispose]()
  }

  /** After which segment each file is done; -1 where none belongs to it. */
  #lastSegments(task: RestoreTask): Int32Array {
    const last = new Int32Array(task.files.length).fill(-1)
    task.segments.forEach(({ writes }, position) => {
      for (let at = 1; at < writes.length; at += 3) last[writes[at] ?? 0] = position
    })
    return last
  }

  #segment(task: RestoreTask, segment: RestoreSegment, position: number, state: TaskState): void {
    let plain: Uint8Array | undefined
    let failure: FileFailure | undefined
    try {
      plain = this.#decode(task, segment)
    } catch (error) {
      failure = failureOf(error, 'repository')
    }
    const { writes } = segment
    const checked = new Int8Array(segment.lengths.length)
    for (let at = 0; at < writes.length; at += 3) {
      const chunk = writes[at] ?? 0
      const index = writes[at + 1] ?? 0
      const file = task.files[index]
      if (file === undefined) continue
      if (state.failures[index] === undefined) {
        if (plain === undefined) state.fail(index, failure)
        else this.#write(state, file, index, segment, chunk, checked, plain, writes[at + 2] ?? 0)
      }
    }
    for (let at = 1; at < writes.length; at += 3) {
      const index = writes[at] ?? 0
      const file = task.files[index]
      if (file !== undefined && state.last[index] === position && !state.finished.has(index))
        this.#finish(state, file, index)
    }
  }

  #decode(task: RestoreTask, segment: RestoreSegment): Uint8Array {
    const opened = openPackSegment(
      task.pack,
      task.header,
      task.keys,
      segment.number,
      segment.sealed,
      this.#opened,
    )
    const header = readSegmentHeader(opened)
    // Whether it has a dictionary was decided by an index object, which may lie.
    if (header.depth > 0 !== (segment.dictionary !== undefined)) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `pack ${task.pack}: segment ${segment.number} differs from the index`,
      )
    }
    return decodeSegment(this.#zstd, opened, header, this.#plain, segment.dictionary)
  }

  #write(
    state: TaskState,
    file: RestoreFile,
    index: number,
    segment: RestoreSegment,
    chunk: number,
    checked: Int8Array,
    plain: Uint8Array,
    position: number,
  ): void {
    const offset = segment.offsets[chunk] ?? 0
    const bytes = plain.subarray(offset, offset + (segment.lengths[chunk] ?? 0))
    if (checked[chunk] === 0) {
      this.#hasher.hashInto(bytes, this.#computed, 0)
      const id = segment.ids.subarray(chunk * CHUNK_ID_BYTES, (chunk + 1) * CHUNK_ID_BYTES)
      checked[chunk] = Buffer.compare(this.#computed, id) === 0 ? 1 : -1
    }
    if (checked[chunk] === -1) {
      const reason = `a chunk in segment ${segment.number} of pack ${state.task.pack} does not match its id`
      state.fail(index, { side: 'repository', code: 'OBJECT_DAMAGED', reason })
      return
    }
    try {
      const open = this.#open(state, file, index)
      if (open === undefined) return
      this.#target.write(open.fd, bytes, position)
      state.bytes += bytes.length
    } catch (error) {
      state.fail(index, failureOf(error, 'target'))
    }
  }

  #open(state: TaskState, file: RestoreFile, index: number): OpenFile | undefined {
    const known = state.open.get(index)
    if (known !== undefined) return known
    if (state.open.size >= OPEN_FILES_MAX) this.#closeOldest(state)
    try {
      const directory = this.#directories.of(file.directory)
      const first = file.whole && !state.created.has(index)
      const fd = first ? directory.createFile(file.name, file.meta.mode) : directory.openFile(file.name, true)
      state.created.add(index)
      const open = { fd, directory }
      state.open.set(index, open)
      return open
    } catch (error) {
      state.fail(index, failureOf(error, 'target'))
      return undefined
    }
  }

  #closeOldest(state: TaskState): void {
    const oldest = state.open.entries().next().value
    if (oldest === undefined) return
    state.open.delete(oldest[0])
    this.#target.close(oldest[1].fd)
  }

  #finish(state: TaskState, file: RestoreFile, index: number): void {
    state.finished.add(index)
    try {
      if (file.whole && state.failures[index] === undefined) this.#complete(state, file, index)
    } catch (error) {
      state.fail(index, failureOf(error, 'target'))
    }
    const open = state.open.get(index)
    if (open !== undefined) {
      state.open.delete(index)
      this.#target.close(open.fd)
    }
    if (file.whole && state.failures[index] !== undefined && state.created.has(index)) this.#discard(file)
  }

  #complete(state: TaskState, file: RestoreFile, index: number): void {
    const open = this.#open(state, file, index)
    if (open === undefined) return
    if (state.endsInHole(file, index)) this.#target.truncate(open.fd, file.size)
    state.losses[index] = this.#target.setFileMeta(open.fd, file.meta)
    if (file.renameTo !== undefined) open.directory.rename(file.name, file.renameTo)
  }

  /** Half a file is worse than none: what failed is taken away. */
  #discard(file: RestoreFile): void {
    try {
      this.#directories.of(file.directory).remove(file.name)
    } catch {
      // The failure itself is reported; a remainder that cannot be removed is overwritten by the next restore.
    }
  }
}

class TaskState {
  readonly task: RestoreTask
  readonly failures: (FileFailure | undefined)[]
  readonly losses: (readonly string[])[]
  readonly open = new Map<number, OpenFile>()
  readonly created = new Set<number>()
  readonly finished = new Set<number>()
  readonly last: Int32Array
  bytes = 0
  readonly #ends: Float64Array

  constructor(task: RestoreTask, last: Int32Array) {
    this.task = task
    this.last = last
    this.failures = task.files.map(() => undefined)
    this.losses = task.files.map(() => [])
    this.#ends = new Float64Array(task.files.length)
    for (const { writes, lengths } of task.segments) {
      for (let at = 0; at < writes.length; at += 3) {
        const index = writes[at + 1] ?? 0
        const end = (writes[at + 2] ?? 0) + (lengths[writes[at] ?? 0] ?? 0)
        this.#ends[index] = Math.max(this.#ends[index] ?? 0, end)
      }
    }
  }

  fail(index: number, failure: FileFailure | undefined): void {
    this.failures[index] ??= failure
  }

  /** Its last bytes are not written by any chunk. */
  endsInHole(file: RestoreFile, index: number): boolean {
    return (this.#ends[index] ?? 0) < file.size
  }
}

function failureOf(error: unknown, side: FileFailure['side']): FileFailure {
  if (error instanceof SnapError) return { side, code: error.code, reason: error.message }
  throw error
}

/**
 * Decodes segments and writes their chunks into files. A file that lies wholly in one task is made, written, given its
 * metadata and closed in one go. It knows packs and the target; which files to restore is the operation's.
 */
import { inStage, timed } from '../base/trace.ts'
import { createZstd, type Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import type { TargetDirectory, TargetFiles } from '../model/files.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { SEGMENT_BYTES_MAX, SEGMENT_SEALED_BYTES_MAX } from '../model/limits.ts'
import { openPackSegment } from '../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'
import { DictionaryReader } from './base-reading.ts'
import { DirectoryCache } from './directory-cache.ts'
import {
  type FileFailure,
  fileOf,
  type RestoreFile,
  type RestoreSegment,
  type RestoreTask,
  type RestoreTaskResult,
} from './restore-task.ts'
import { copyBases } from './shared-bases.ts'

/** Files that are kept open while the segments that hold the rest of them are decoded. */
const OPEN_FILES_MAX = 64

/** What of the target counts for which stage of a trace. */
const WRITING = {
  write: 'write',
  truncate: 'write',
  setFileMeta: 'attributes and close',
  close: 'attributes and close',
} as const

type OpenFile = { readonly fd: number; readonly directory: TargetDirectory }

export class RestoreWriter implements Disposable {
  readonly #target: TargetFiles
  readonly #directories: DirectoryCache
  readonly #hasher: ChunkHasher
  readonly #zstd: Zstd
  readonly #opened = new Uint8Array(SEGMENT_SEALED_BYTES_MAX)
  readonly #plain = new Uint8Array(SEGMENT_BYTES_MAX)
  readonly #computed = new Uint8Array(CHUNK_ID_BYTES)
  /** Made when the first delta segment comes. */
  #bases: DictionaryReader | undefined

  constructor(target: TargetFiles, root: TargetDirectory, idKey: Uint8Array) {
    this.#target = timed(target, WRITING)
    this.#directories = new DirectoryCache(root)
    this.#hasher = timed(createChunkHasher(idKey), { hashInto: 'rehash' })
    this.#zstd = createZstd()
  }

  /** A failure of one file or segment fails the files that need it, and no others. */
  run(task: RestoreTask): RestoreTaskResult {
    const state = new TaskState(task)
    for (let index = 0; index < task.files.count; index++) {
      if (state.last[index] === -1) this.#finish(state, fileOf(task.files, index), index)
    }
    task.segments.forEach((segment, position) => {
      this.#segment(state, segment, position)
    })
    const { failures, losses, uncopied, bytes } = state
    return { failures, losses, uncopied, bytes }
  }

  [Symbol.dispose](): void {
    this.#directories[Symbol.dispose]()
  }

  /** File by file: what the segment holds of it is written, and the file closed if no later segment holds more. */
  #segment(state: TaskState, segment: RestoreSegment, position: number): void {
    let plain: Uint8Array | undefined
    let failure: FileFailure | undefined
    try {
      plain = inStage('decode', () => this.#decode(state.task, segment))
    } catch (error) {
      failure = failureOf(error, 'repository')
    }
    if (plain === undefined || !copyBases(plain, segment.copies)) state.uncopied.push(segment.number)
    const { files } = segment
    for (let from = 0; from < files.length; ) {
      const index = files[from] ?? 0
      let to = from + 1
      while (to < files.length && files[to] === index) to++
      const file = fileOf(state.task.files, index)
      if (plain === undefined) state.fail(index, failure)
      else if (!state.failures.has(index)) this.#write(state, file, index, segment, from, to, plain)
      // A file of the task that is there again further on was not given file by file; it is finished with its last rows.
      if (state.last[index] === position && state.lastRow[index] === to - 1) this.#finish(state, file, index)
      from = to
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
    if (segment.dictionary === undefined) return decodeSegment(this.#zstd, opened, header, this.#plain)
    this.#bases ??= new DictionaryReader(this.#zstd)
    const dictionary = this.#bases.read(segment.dictionary)
    if (dictionary === undefined) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `pack ${task.pack}: segment ${segment.number} cannot be decoded: its bases cannot be read`,
      )
    }
    return decodeSegment(this.#zstd, opened, header, this.#plain, dictionary)
  }

  /** Rows `from` to `to`, all of one file. Chunks that lie side by side in segment and file are written at once. */
  #write(
    state: TaskState,
    file: RestoreFile,
    index: number,
    segment: RestoreSegment,
    from: number,
    to: number,
    plain: Uint8Array,
  ): void {
    const { offsets, lengths, positions } = segment
    for (let row = from; row < to; row++) {
      if (this.#isWhole(segment, row, plain)) continue
      const reason = `a chunk in segment ${segment.number} of pack ${state.task.pack} does not match its id`
      state.fail(index, { side: 'repository', code: 'OBJECT_DAMAGED', reason })
      return
    }
    try {
      const open = this.#open(state, file, index)
      if (open === undefined) return
      for (let row = from; row < to; ) {
        const offset = offsets[row] ?? 0
        const position = positions[row] ?? 0
        let bytes = lengths[row] ?? 0
        for (row++; row < to; row++) {
          if (offsets[row] !== offset + bytes || positions[row] !== position + bytes) break
          bytes += lengths[row] ?? 0
        }
        this.#target.write(open.fd, plain.subarray(offset, offset + bytes), position)
        state.bytes += bytes
      }
    } catch (error) {
      state.fail(index, failureOf(error, 'target'))
    }
  }

  /** Whether the chunk of the row is what its id says. */
  #isWhole({ offsets, lengths, ids }: RestoreSegment, row: number, plain: Uint8Array): boolean {
    const offset = offsets[row] ?? 0
    this.#hasher.hashInto(plain.subarray(offset, offset + (lengths[row] ?? 0)), this.#computed, 0)
    const at = row * CHUNK_ID_BYTES
    for (let byte = 0; byte < CHUNK_ID_BYTES; byte++) {
      if (this.#computed[byte] !== ids[at + byte]) return false
    }
    return true
  }

  #open(state: TaskState, file: RestoreFile, index: number): OpenFile | undefined {
    const known = state.open.get(index)
    if (known !== undefined) return known
    if (state.open.size >= OPEN_FILES_MAX) this.#closeOldest(state)
    try {
      const directory = this.#directories.of(file.directory)
      const first = file.whole && state.created[index] === 0
      const fd = inStage('create', () =>
        first ? directory.createFile(file.name, file.meta.mode) : directory.openFile(file.name, true),
      )
      state.created[index] = 1
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
    try {
      if (file.whole && !state.failures.has(index)) this.#complete(state, file, index)
    } catch (error) {
      state.fail(index, failureOf(error, 'target'))
    }
    const open = state.open.get(index)
    if (open !== undefined) {
      state.open.delete(index)
      this.#target.close(open.fd)
    }
    if (file.whole && state.failures.has(index) && state.created[index] === 1) this.#discard(file)
  }

  #complete(state: TaskState, file: RestoreFile, index: number): void {
    const open = this.#open(state, file, index)
    if (open === undefined) return
    if (state.endsInHole(index)) this.#target.truncate(open.fd, file.size)
    const lost = this.#target.setFileMeta(open.fd, file.meta)
    if (lost.length > 0) state.losses.set(index, lost)
    const { name, renameTo } = file
    if (renameTo !== undefined) inStage('attributes and close', () => open.directory.rename(name, renameTo))
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
  readonly failures = new Map<number, FileFailure>()
  readonly losses = new Map<number, readonly string[]>()
  readonly uncopied: number[] = []
  readonly open = new Map<number, OpenFile>()
  readonly created: Uint8Array
  /** The segment (its position in the task) that holds the end of what each file gets, -1 where none does; and the row. */
  readonly last: Int32Array
  readonly lastRow: Int32Array
  bytes = 0
  readonly #ends: Float64Array

  constructor(task: RestoreTask) {
    const { count } = task.files
    this.task = task
    this.created = new Uint8Array(count)
    this.last = new Int32Array(count).fill(-1)
    this.lastRow = new Int32Array(count)
    this.#ends = new Float64Array(count)
    task.segments.forEach(({ files, positions, lengths }, position) => {
      files.forEach((index, row) => {
        this.last[index] = position
        this.lastRow[index] = row
        const end = (positions[row] ?? 0) + (lengths[row] ?? 0)
        if (end > (this.#ends[index] ?? 0)) this.#ends[index] = end
      })
    })
  }

  fail(index: number, failure: FileFailure | undefined): void {
    if (failure !== undefined && !this.failures.has(index)) this.failures.set(index, failure)
  }

  /** Its last bytes are not written by any chunk. */
  endsInHole(index: number): boolean {
    return (this.#ends[index] ?? 0) < (this.task.files.sizes[index] ?? 0)
  }
}

function failureOf(error: unknown, side: FileFailure['side']): FileFailure {
  if (error instanceof SnapError) return { side, code: error.code, reason: error.message }
  throw error
}

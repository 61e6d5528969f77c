/** What crosses threads in a backup: paths go in; encoded entries, items, finished packs and verdicts on directories come out. */
import type { MessagePort } from 'node:worker_threads'
import type { ChunkerParams } from '../chunker/params.ts'
import type { Reliance } from '../manifest/chunks-table.ts'
import type { Extent } from '../model/files.ts'
import type { PackTable } from '../model/pack-table.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import type { Entry } from '../snapshot/entry.ts'
import type { BaseRequest } from './bases.ts'
import type { PackRoom } from './pack-room.ts'
import type { SeenMemory } from './seen-table.ts'

/** A file above this is read in pieces of this size, so that every core works on it. Each boundary is a forced cut. Bytes. */
export const PIECE_BYTES: number = 64 * 1024 * 1024
/** A task's files add up to at most this, and one that is as large as a piece. Bytes. */
export const TASK_BYTES_MAX: number = 8 * 1024 * 1024
/** Why a file of a `files` task was not read: by now it is larger than a piece. */
export const GREW = 'GREW'

/** Consecutive files of the walk. `names[i]` is the last component of `paths[i]`. */
export type FilesTask = {
  readonly kind: 'files'
  readonly paths: readonly string[]
  readonly names: readonly string[]
  /** What the files consisted of in the parent snapshot; `undefined` where none of them was in it. */
  readonly former?: FormerItems | undefined
}

/** Encoded items (not of lists of lists) one after the other; `ends[i]` is where those of file i end. */
export type FormerItems = {
  readonly items: Uint8Array
  readonly ends: Uint32Array
  /** All their chunks are in packs that may be relied upon. */
  readonly isStored: boolean
}

/** A part of a file that is too large for one thread. Bytes. */
export type PieceTask = {
  readonly kind: 'piece'
  /** What to call it. */
  readonly path: string
  /** Opened by the main thread, which closes it: all pieces are surely of one file, whatever its name has become. */
  readonly fd: number
  readonly range: Extent
  readonly former?: FormerPiece | undefined
}

/** A part of a stream, which the main thread has read: what a command prints is no file that a thread could open. */
export type BlockTask = {
  readonly kind: 'block'
  /** At most `TASK_BYTES_MAX`, and the thread's own: transferred where it is another. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The stream's head looks as if it did not get smaller. */
  readonly isIncompressible: boolean
  readonly former?: FormerPiece | undefined
}

/** Small files that the main thread has read, each without holes: those of a snapshot that is copied. */
export type ContentsTask = {
  readonly kind: 'contents'
  /** One file after the other; `ends[i]` is where file i ends. The thread's own: transferred where it is another. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly ends: Uint32Array
  readonly former?: FormerItems | undefined
}

/** `items`: what the file, or the part of it that is near the piece, consisted of, encoded. */
export type FormerPiece = {
  readonly items: Uint8Array
  /** As in `FormerItems`. */
  readonly isStored: boolean
  /** The chunk, by its number among `items`, with which the piece begins, if nothing was inserted or removed before. */
  readonly first: number
  /** The file ends with the piece, and with the items. */
  readonly isLast: boolean
}

/** What the walk leaves out or does not enter, as far as a scan has to know it. */
export type ScanLimits = {
  readonly oneFileSystem: boolean
  /** Where a directory holds this name, it has rules of its own. */
  readonly ignoreFile: string | undefined
  /** Absolute paths that are left out. */
  readonly neverPaths: ReadonlySet<string>
}

/** A directory to be compared with its entry in the parent snapshot. */
export type ScanUnit = {
  /** Absolute. */
  readonly path: string
  /** Encoded. */
  readonly entry: Uint8Array
  /** Of the source. */
  readonly device: number
  /** Of its own entries. */
  readonly depth: number
}

/** Directories to be compared, with all below them, until the task has looked at enough; what is left comes back. */
export type ScanTask = {
  readonly kind: 'scan'
  readonly units: readonly ScanUnit[]
  readonly limits: ScanLimits
}

export type FileTask = FilesTask | PieceTask | BlockTask | ContentsTask
export type Task = FileTask | ScanTask

/** Counts of one task. */
export type TaskCounts = {
  /** Bytes of sources that were read. */
  read: number
  chunks: number
  newChunks: number
  /** Plaintext bytes of the new chunks. */
  newBytes: number
}

/** A file whose list of chunks is too long for its entry: the caller stores the list and encodes the entry. */
export type LongFile = { readonly index: number; readonly entry: Entry; readonly items: Uint8Array }

export type FailedFile = { readonly index: number; readonly reason: string }

export type FilesResult = {
  readonly kind: 'files'
  /** Encoded entries one after the other; `ends[i]` is where entry i ends (no bytes: it is in `long` or `failed`). */
  readonly encoded: Uint8Array
  readonly ends: Uint32Array
  readonly long: readonly LongFile[]
  readonly failed: readonly FailedFile[]
  /** Indexes of files that kept changing while they were read. */
  readonly changed: readonly number[]
  readonly counts: TaskCounts
}

/** Of a piece or a block. */
export type PieceResult = {
  readonly kind: 'piece'
  /** The piece's items, holes included. */
  readonly items: Uint8Array
  /** Bytes that the items stand for; less than asked where the file has shrunk. */
  readonly bytes: number
  /** It cannot be read: why. */
  readonly failed?: string
  readonly counts: TaskCounts
}

export type ContentsResult = {
  readonly kind: 'contents'
  /** Of one file after the other; `ends[i]` is where those of file i end. */
  readonly items: Uint8Array
  readonly ends: Uint32Array
  readonly counts: TaskCounts
}

/** What directories hold, added up: themselves included, and all below. `others`: links, FIFOs, devices, sockets. */
export type TreeSums = { directories: number; files: number; bytes: number; others: number }

/**
 * `same`: the directory and all below it are what its entry says. `open`: so far; it is the same if all of `children` are.
 * `differs`: it is not, or it could not be told. `left`: it was not looked at.
 */
export type Verdict = 'same' | 'open' | 'differs' | 'left'

export type ScannedDirectory = {
  readonly name: string
  readonly verdict: Verdict
  /** Of all that is the same and not in `children`. */
  readonly sums: TreeSums
  /** Directories below; none of one that is the same, since its sums say it all. */
  readonly children: readonly ScannedDirectory[]
  /** Encoded, where it is left. */
  readonly entry?: Uint8Array
}

export type ScanResult = {
  readonly kind: 'scan'
  /** In the order of the task's. */
  readonly units: readonly ScannedDirectory[]
}

export type FileTaskResult = FilesResult | PieceResult | ContentsResult
export type TaskResult = FileTaskResult | ScanResult

export type CompressionMode = 'off' | 'fast' | 'auto' | 'max'

/** All that a thread needs to begin. No repository key but the two that naming chunks takes. */
export type PipelineSetup = {
  readonly idKey: Uint8Array
  readonly gearSecret: Uint8Array
  readonly chunk: ChunkerParams
  readonly media: ChunkerParams
  readonly segmentBytes: number
  readonly packBytes: number
  readonly compression: CompressionMode
  readonly recheck: boolean
  readonly seen: SeenMemory
  /** The manifest to ask what the repository has; `undefined` where it has nothing. */
  readonly manifestPath: string | undefined
  readonly reliance: Reliance
  /** Store edits as differences to what they were edited from; false where nobody may read that. */
  readonly deltas: boolean
}

export type ToWorker =
  /** Once, before all others. */
  | {
      readonly kind: 'begin'
      readonly setup: PipelineSetup
      /** Gets an answer for each request for bases, in their order; `arrived` counts them. */
      readonly answers: MessagePort
      readonly arrived: Int32Array<SharedArrayBuffer>
      readonly room: PackRoom
    }
  | {
      readonly kind: 'task'
      readonly number: number
      readonly task: Task
      readonly tickets: readonly PackTicket[]
    }
  | { readonly kind: 'flush'; readonly tickets: readonly PackTicket[] }
  | { readonly kind: 'end' }

/** `bytes`: how many at the start of the buffer are the pack; `digest` is theirs. */
export type PackMessage = {
  readonly kind: 'pack'
  readonly buffer: ArrayBuffer
  readonly bytes: number
  readonly table: PackTable
  readonly digest: Uint8Array
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'bases'; readonly request: BaseRequest }
  | PackMessage
  | { readonly kind: 'done'; readonly number: number; readonly result: TaskResult }
  | { readonly kind: 'flushed' }
  | { readonly kind: 'failed'; readonly error: WireError }

/** An error that survives being cloned. */
export type WireError = {
  readonly code: string | undefined
  readonly message: string
  readonly hint: string | undefined
  readonly stack: string | undefined
}

/** What a restoring thread gets and gives: sealed segments and where their chunks go; what became of each file. */

import type { TargetMeta } from '../model/files.ts'
import type { PackId } from '../model/ids.ts'
import type { PackKeys } from '../pack/pack-header.ts'

/** A file of which this task holds something. */
export type RestoreFile = {
  /** Directory below the target, as names. */
  readonly directory: readonly string[]
  /** Name to write under: the final one, or a temporary one. */
  readonly name: string
  /** Create it, write it, set `meta`, all in this task. Otherwise it exists, and only bytes are written. */
  readonly whole: boolean
  readonly size: number
  readonly meta: TargetMeta
  /** Renamed to this at the end of a whole file. */
  readonly renameTo: string | undefined
}

export type RestoreSegment = {
  readonly number: number
  /** Sealed bytes. */
  readonly sealed: Uint8Array
  /** Joined bases of a delta segment. */
  readonly dictionary: Uint8Array | undefined
  /** Chunks that are needed, each once: offset in the plaintext, bytes, id (32 bytes each). */
  readonly offsets: readonly number[]
  readonly lengths: readonly number[]
  readonly ids: Uint8Array
  /** Where they go: chunk (index into the above), file (index into the task's files), position in the file; three numbers each. */
  readonly writes: readonly number[]
}

export type RestoreTask = {
  readonly pack: PackId
  readonly header: Uint8Array
  readonly keys: PackKeys
  readonly segments: readonly RestoreSegment[]
  readonly files: readonly RestoreFile[]
}

export type RestoreTaskResult = {
  /** Per file: `undefined` where all went well, else why not. */
  readonly failures: readonly (FileFailure | undefined)[]
  /** Per whole file: what of its metadata could not be kept. */
  readonly losses: readonly (readonly string[])[]
  readonly bytes: number
}

/** `repository`: damaged or missing there; `target`: could not be written. `code` is the error's. */
export type FileFailure = {
  readonly side: 'repository' | 'target'
  readonly code: string
  readonly reason: string
}

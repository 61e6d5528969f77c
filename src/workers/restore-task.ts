/**
 * What a restoring thread gets and gives: sealed segments and where their chunks go; what became of each file. Everything that there
 * is one of per file or chunk is a column, because copying an object for each between threads takes longer than writing a small file.
 */
import type { TargetMeta, Xattr } from '../model/files.ts'
import type { PackId } from '../model/ids.ts'
import type { PackKeys } from '../pack/pack-header.ts'
import type { Dictionary } from './base-reading.ts'
import type { BaseCopies } from './shared-bases.ts'

/** A file of which this task holds something. */
export type RestoreFile = {
  /** Directory below the target: names joined by `/`, '' for the target itself. */
  readonly directory: string
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
  /** Of a delta segment. */
  readonly dictionary: Dictionary | undefined
  /** Bases of delta segments that will be decoded later. */
  readonly copies: BaseCopies
  /**
   * What is written from it, those of one file together: where the chunk begins in the plaintext and its bytes, its id (32 bytes
   * each), the file (its index in the task) and the position in the file. A chunk that goes to several places is there several times.
   */
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
  readonly ids: Uint8Array
  readonly files: Uint32Array
  readonly positions: Float64Array
}

export type RestoreTask = {
  readonly pack: PackId
  readonly header: Uint8Array
  readonly keys: PackKeys
  readonly segments: readonly RestoreSegment[]
  readonly files: RestoreFileColumns
}

export type RestoreTaskResult = {
  /** By file, those that failed: why. */
  readonly failures: ReadonlyMap<number, FileFailure>
  /** By whole file, those of which something could not be kept: what. */
  readonly losses: ReadonlyMap<number, readonly string[]>
  /** Numbers of segments of which not all bases were copied. */
  readonly uncopied: readonly number[]
  readonly bytes: number
}

/** `repository`: damaged or missing there; `target`: could not be written. `code` is the error's. */
export type FileFailure = {
  readonly side: 'repository' | 'target'
  readonly code: string
  readonly reason: string
}

/** Stands for an owner or group that is left as created. */
const AS_CREATED = -1

export type RestoreFileColumns = {
  readonly count: number
  readonly directories: readonly string[]
  /** Index into `directories`. */
  readonly directory: Uint32Array
  readonly names: readonly string[]
  readonly whole: Uint8Array
  readonly sizes: Float64Array
  readonly modes: Uint32Array
  readonly uids: Float64Array
  readonly gids: Float64Array
  readonly mtimeSec: Float64Array
  readonly mtimeNsec: Uint32Array
  /** Of the files that have any. */
  readonly xattrs: ReadonlyMap<number, readonly Xattr[]>
  readonly renames: ReadonlyMap<number, string>
}

const NO_XATTRS: readonly Xattr[] = []

export function toColumns(files: readonly RestoreFile[]): RestoreFileColumns {
  const directories: string[] = []
  const indexes = new Map<string, number>()
  const xattrs = new Map<number, readonly Xattr[]>()
  const renames = new Map<number, string>()
  const count = files.length
  const columns = {
    count,
    directories,
    directory: new Uint32Array(count),
    names: files.map((file) => file.name),
    whole: new Uint8Array(count),
    sizes: new Float64Array(count),
    modes: new Uint32Array(count),
    uids: new Float64Array(count),
    gids: new Float64Array(count),
    mtimeSec: new Float64Array(count),
    mtimeNsec: new Uint32Array(count),
    xattrs,
    renames,
  }
  files.forEach(({ directory, whole, size, meta, renameTo }, index) => {
    let place = indexes.get(directory)
    if (place === undefined) {
      place = directories.push(directory) - 1
      indexes.set(directory, place)
    }
    columns.directory[index] = place
    columns.whole[index] = whole ? 1 : 0
    columns.sizes[index] = size
    columns.modes[index] = meta.mode
    columns.uids[index] = meta.uid ?? AS_CREATED
    columns.gids[index] = meta.gid ?? AS_CREATED
    columns.mtimeSec[index] = meta.mtimeSec
    columns.mtimeNsec[index] = meta.mtimeNsec
    if (meta.xattrs.length > 0) xattrs.set(index, meta.xattrs)
    if (renameTo !== undefined) renames.set(index, renameTo)
  })
  return columns
}

export function fileOf(columns: RestoreFileColumns, index: number): RestoreFile {
  const uid = columns.uids[index] ?? AS_CREATED
  const gid = columns.gids[index] ?? AS_CREATED
  return {
    directory: columns.directories[columns.directory[index] ?? 0] ?? '',
    name: columns.names[index] ?? '',
    whole: columns.whole[index] === 1,
    size: columns.sizes[index] ?? 0,
    meta: {
      mode: columns.modes[index] ?? 0,
      uid: uid === AS_CREATED ? undefined : uid,
      gid: gid === AS_CREATED ? undefined : gid,
      mtimeSec: columns.mtimeSec[index] ?? 0,
      mtimeNsec: columns.mtimeNsec[index] ?? 0,
      xattrs: columns.xattrs.get(index) ?? NO_XATTRS,
    },
    renameTo: columns.renames.get(index),
  }
}

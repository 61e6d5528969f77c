/**
 * A bounded number of files to write, planned by pack: each segment is fetched and decoded once for all the files and delta segments
 * that need it. It knows where chunks lie and not what the target looks like.
 */

import { toHex } from '../../base/bytes.ts'
import type { SharedSlots } from '../../base/shared-slots.ts'
import type { ChunkFinder } from '../../manifest/chunk-finder.ts'
import { SnapError } from '../../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../../model/ids.ts'
import { packKey } from '../../object/object-keys.ts'
import { readDictionary } from '../../repository/base-reader.ts'
import { neighbours } from '../../repository/neighbours.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Dictionary, transferOf } from '../../workers/base-reading.ts'
import {
  type FileFailure,
  type RestoreFile,
  type RestoreSegment,
  type RestoreTask,
  toColumns,
} from '../../workers/restore-task.ts'
import { baseCopies } from '../../workers/shared-bases.ts'
import { planBatches } from './base-batches.ts'
import { type WantedSegment, WantedSegments } from './wanted-segment.ts'

/** Sealed bytes of the segments of one task: some 10 MB of plaintext, so that threads stay evenly busy. */
const TASK_SEALED_BYTES = 2 * 1024 * 1024
/** What a delta segment counts for, whatever its own bytes: its bases come with it. */
const DELTA_SEALED_BYTES: number = TASK_SEALED_BYTES / 4
/** One unit of work: its segments lie in one pack and are in memory when the task is made. */
export type PlannedTask = {
  readonly pack: number
  readonly packId: PackId
  readonly segments: readonly WantedSegment[]
}

/** What a task needs to know of the files of the window. */
export type WindowFiles = {
  /** The file as the task shall see it. */
  readonly describe: (file: number) => RestoreFile
  readonly hasFailed: (file: number) => boolean
}

export type FetchedTask = {
  readonly task: RestoreTask
  /** Of the window, by their index in the task. */
  readonly files: readonly number[]
  readonly transfer: ArrayBuffer[]
  readonly failed: ReadonlyMap<number, FileFailure>
}

type FetchedSegment = {
  readonly segment: WantedSegment
  readonly sealed: Uint8Array
  readonly dictionary: Dictionary | undefined
}

export class FileWindow {
  readonly #repository: Repository
  readonly #finder: ChunkFinder
  readonly #slots: SharedSlots
  readonly #segments: WantedSegments
  chunks = 0

  /** `slots`: of no other window that is restored at the same time. */
  constructor(repository: Repository, finder: ChunkFinder, slots: SharedSlots) {
    this.#repository = repository
    this.#finder = finder
    this.#slots = slots
    this.#segments = new WantedSegments(repository.manifest)
  }

  /**
   * `file`: the index that the tasks will name; all chunks of one come before those of the next. `OBJECT_MISSING` where nothing
   * holds the chunk. Returns its bytes.
   */
  add(file: number, position: number, id: Uint8Array): number {
    const location = this.#finder.find(id)
    if (location === undefined) throw new SnapError('OBJECT_MISSING', `chunk ${toHex(id)} is in no pack`)
    const segment = this.#segments.at(location)
    segment.offsets.push(location.offset)
    segment.lengths.push(location.bytes)
    segment.ids.push(id)
    segment.files.push(file)
    segment.positions.push(position)
    this.chunks += 1
    return location.bytes
  }

  /**
   * Tasks in pack order, in waves: each may begin when the one before has ended, because it may have delta segments whose bases that one
   * copies. And in how many tasks each of the `files` files has a part.
   */
  plan(files: number): { waves: readonly (readonly PlannedTask[])[]; parts: Uint32Array } {
    const { manifest } = this.#repository
    const batches = manifest.reading(() => planBatches(this.#repository, this.#segments, this.#slots))
    const waves = batches.flatMap(({ plain, deltas }) => [tasksOf(inOrder(plain)), tasksOf(inOrder(deltas))])
    return { waves, parts: countParts(waves.flat(), files) }
  }

  /** Of a task that has been run: the segments of which not all bases were copied. */
  markUncopied({ segments }: PlannedTask, numbers: readonly number[]): void {
    for (const segment of segments) if (numbers.includes(segment.number)) failBases(segment)
  }

  /** No task is under way any more. */
  release(): void {
    this.#segments.clear()
  }

  /**
   * Fetches what a task needs. Segments that cannot be fetched are left out, and the files that need them are in `failed`. Of a file that
   * has failed, there or before, nothing is in the task: whoever writes a part of a file would take it for the whole.
   */
  async fetch(task: PlannedTask, { describe, hasFailed }: WindowFiles): Promise<FetchedTask> {
    const failed = new Map<number, FileFailure>()
    const transfer: ArrayBuffer[] = []
    const keyring = await this.#repository.keyring()
    const opened = await keyring.of(task.packId).catch(asDamage)
    if (opened instanceof SnapError) {
      for (const segment of task.segments) failAll(segment, opened, failed)
      return { task: emptyTask(task.packId), files: [], transfer, failed }
    }
    const fetched: FetchedSegment[] = []
    const bytesOf = await this.#read(task, failed, transfer)
    for (const segment of task.segments) {
      const sealed = bytesOf.get(segment.number)
      if (sealed === undefined) continue
      const dictionary = await this.#dictionary(segment, failed)
      if (segment.place.depth > 0 && dictionary === undefined) continue
      if (dictionary !== undefined) transfer.push(...transferOf(dictionary))
      fetched.push({ segment, sealed, dictionary })
    }
    // Not before all have been fetched: the last may fail files that lie in the first too.
    const files = new LocalFiles()
    const isWanted = (file: number): boolean => !failed.has(file) && !hasFailed(file)
    const segments = fetched.flatMap((each) => restoreSegment(each, isWanted, files))
    const { header, packKey: key, footerKey } = opened
    const restore: RestoreTask = {
      pack: task.packId,
      header,
      keys: { packKey: key, footerKey },
      segments,
      files: toColumns(files.list.map(describe)),
    }
    return { task: restore, files: files.list, transfer, failed }
  }

  async #dictionary(
    segment: WantedSegment,
    failed: Map<number, FileFailure>,
  ): Promise<Dictionary | undefined> {
    if (segment.place.depth === 0) return undefined
    if (segment.gathered?.hasFailed === false) return segment.gathered.bases
    try {
      return await readDictionary(this.#repository, segment.pack, segment.number)
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      failAll(segment, error, failed)
      return undefined
    }
  }

  /** Sealed bytes by segment number; neighbours are read together. */
  async #read(
    task: PlannedTask,
    failed: Map<number, FileFailure>,
    transfer: ArrayBuffer[],
  ): Promise<Map<number, Uint8Array>> {
    const { storage } = this.#repository
    const found = new Map<number, Uint8Array>()
    const placeOf = ({ place }: WantedSegment) => ({ offset: place.offset, bytes: place.sealed })
    for (const { parts, range } of neighbours(task.segments, placeOf)) {
      try {
        const bytes = await storage.read(packKey(task.packId), range)
        transfer.push(bytes.buffer)
        for (const { number, place } of parts) {
          const from = place.offset - range.offset
          found.set(number, bytes.subarray(from, from + place.sealed))
        }
      } catch (error) {
        if (!(error instanceof SnapError)) throw error
        for (const segment of parts) failAll(segment, error, failed)
      }
    }
    return found
  }
}

const inOrder = (segments: readonly WantedSegment[]): WantedSegment[] =>
  [...segments].sort((a, b) => a.pack - b.pack || a.number - b.number)

function tasksOf(ordered: readonly WantedSegment[]): PlannedTask[] {
  const tasks: PlannedTask[] = []
  let current: WantedSegment[] = []
  let sealed = 0
  const close = (): void => {
    const [first] = current
    if (first !== undefined) tasks.push({ pack: first.pack, packId: first.packId, segments: current })
    current = []
    sealed = 0
  }
  for (const segment of ordered) {
    if (current[0] !== undefined && (current[0].pack !== segment.pack || sealed >= TASK_SEALED_BYTES)) close()
    current.push(segment)
    sealed += segment.place.depth === 0 ? segment.place.sealed : DELTA_SEALED_BYTES
  }
  close()
  return tasks
}

function countParts(tasks: readonly PlannedTask[], files: number): Uint32Array {
  const parts = new Uint32Array(files)
  const lastTask = new Int32Array(files).fill(-1)
  tasks.forEach((task, number) => {
    for (const segment of task.segments) {
      for (const file of segment.files) {
        if (lastTask[file] === number) continue
        lastTask[file] = number
        parts[file] = (parts[file] ?? 0) + 1
      }
    }
  })
  return parts
}

/** The files of one task, numbered from 0 as they come. */
class LocalFiles {
  readonly list: number[] = []
  readonly #indexes = new Map<number, number>()

  indexOf(file: number): number {
    const known = this.#indexes.get(file)
    if (known !== undefined) return known
    const index = this.list.push(file) - 1
    this.#indexes.set(file, index)
    return index
  }
}

/** What is the repository's fault fails files; anything else ends the restore. */
function asDamage(error: unknown): SnapError {
  if (error instanceof SnapError) return error
  throw error
}

/** Whoever needs a base of this segment has to read it some other way. */
function failBases({ feeds }: WantedSegment): void {
  for (const gathered of feeds) gathered.hasFailed = true
}

function failAll(segment: WantedSegment, error: SnapError, failed: Map<number, FileFailure>): void {
  failBases(segment)
  for (const file of segment.files)
    failed.set(file, { side: 'repository', code: error.code, reason: error.message })
}

/** Nothing where neither a file nor a delta segment wants anything of it any more. */
function restoreSegment(
  { segment: wanted, sealed, dictionary }: FetchedSegment,
  isWanted: (file: number) => boolean,
  files: LocalFiles,
): RestoreSegment[] {
  const isAll = wanted.files.every(isWanted)
  const column = <T>(of: readonly T[]): readonly T[] =>
    isAll ? of : of.filter((_, row) => isWanted(wanted.files[row] ?? 0))
  const chunkIds = column(wanted.ids)
  if (chunkIds.length === 0 && wanted.copies.length === 0) return []
  const ids = new Uint8Array(chunkIds.length * CHUNK_ID_BYTES)
  chunkIds.forEach((id, row) => {
    ids.set(id, row * CHUNK_ID_BYTES)
  })
  return [
    {
      number: wanted.number,
      sealed,
      dictionary,
      copies: baseCopies(wanted.copies),
      offsets: Uint32Array.from(column(wanted.offsets)),
      lengths: Uint32Array.from(column(wanted.lengths)),
      ids,
      files: Uint32Array.from(column(wanted.files), (file) => files.indexOf(file)),
      positions: Float64Array.from(column(wanted.positions)),
    },
  ]
}

function emptyTask(pack: PackId): RestoreTask {
  const none = new Uint8Array(0)
  const keys = { packKey: none, footerKey: none }
  return { pack, header: none, keys, segments: [], files: toColumns([]) }
}

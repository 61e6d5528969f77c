/**
 * A bounded number of files to write, planned by pack: each segment is fetched and decoded once for all the files that
 * need it. It knows where chunks lie and not what the target looks like.
 */

import { toHex } from '../../base/bytes.ts'
import type { ChunkFinder } from '../../manifest/chunk-finder.ts'
import { SnapError } from '../../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../../model/ids.ts'
import { packKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import type { FileFailure, RestoreFile, RestoreSegment, RestoreTask } from '../../workers/restore-task.ts'

/** Sealed bytes of the segments of one task: some tens of MB of plaintext, so that threads stay evenly busy. */
const TASK_SEALED_BYTES = 6 * 1024 * 1024
/** Segments closer than this in a pack are fetched with one read. */
const GAP_BYTES_MAX = 262_144

type Chunk = {
  readonly id: Uint8Array
  readonly offset: number
  readonly bytes: number
  /** Pairs of file (index in the window) and position. */
  readonly writes: number[]
}

type Segment = {
  readonly pack: number
  readonly packId: PackId
  readonly number: number
  readonly depth: number
  readonly chunks: Map<number, Chunk>
}

/** One unit of work: its segments lie in one pack and are in memory when the task is made. */
export type PlannedTask = {
  readonly pack: number
  readonly packId: PackId
  readonly segments: readonly Segment[]
}

export class FileWindow {
  readonly #repository: Repository
  readonly #finder: ChunkFinder
  readonly #segments = new Map<string, Segment>()
  readonly #parts: Map<number, Set<PlannedTask>> = new Map()
  chunks = 0

  constructor(repository: Repository, finder: ChunkFinder) {
    this.#repository = repository
    this.#finder = finder
  }

  /** `file`: the index that the tasks will name. `OBJECT_MISSING` where nothing holds the chunk. Returns its bytes. */
  add(file: number, position: number, id: Uint8Array): number {
    const location = this.#finder.find(id)
    if (location === undefined) throw new SnapError('OBJECT_MISSING', `chunk ${toHex(id)} is in no pack`)
    const name = `${location.pack}/${location.segment}`
    let segment = this.#segments.get(name)
    if (segment === undefined) {
      const { pack, packId, segment: number } = location
      const depth = this.#repository.manifest.packs.segmentOf(pack, number)?.depth ?? 0
      segment = { pack, packId, number, depth, chunks: new Map() }
      this.#segments.set(name, segment)
    }
    let chunk = segment.chunks.get(location.offset)
    if (chunk === undefined) {
      chunk = { id, offset: location.offset, bytes: location.bytes, writes: [] }
      segment.chunks.set(location.offset, chunk)
    }
    chunk.writes.push(file, position)
    this.chunks += 1
    return location.bytes
  }

  /** Tasks in pack order, and which files lie wholly in one of them. */
  plan(): { tasks: readonly PlannedTask[]; partsOf: (file: number) => number } {
    const { manifest } = this.#repository
    const ordered = [...this.#segments.values()].sort((a, b) => a.pack - b.pack || a.number - b.number)
    const tasks: PlannedTask[] = []
    let current: Segment[] = []
    let sealed = 0
    const close = (): void => {
      const [first] = current
      if (first !== undefined) tasks.push({ pack: first.pack, packId: first.packId, segments: current })
      current = []
      sealed = 0
    }
    for (const segment of ordered) {
      if (current[0] !== undefined && (current[0].pack !== segment.pack || sealed >= TASK_SEALED_BYTES))
        close()
      current.push(segment)
      sealed += manifest.packs.segmentOf(segment.pack, segment.number)?.sealed ?? 0
    }
    close()
    for (const task of tasks) this.#countParts(task)
    return { tasks, partsOf: (file) => this.#parts.get(file)?.size ?? 0 }
  }

  #countParts(task: PlannedTask): void {
    for (const segment of task.segments) {
      for (const chunk of segment.chunks.values()) {
        for (let at = 0; at < chunk.writes.length; at += 2) {
          const file = chunk.writes[at] ?? 0
          const parts = this.#parts.get(file)
          if (parts === undefined) this.#parts.set(file, new Set([task]))
          else parts.add(task)
        }
      }
    }
  }

  /**
   * Fetches what a task needs. `describe` gives the file as the task shall see it. Segments that cannot be fetched are
   * left out, and the files that need them are in `failed`.
   */
  async fetch(
    task: PlannedTask,
    describe: (file: number) => RestoreFile,
  ): Promise<{
    task: RestoreTask
    files: readonly number[]
    transfer: ArrayBuffer[]
    failed: Map<number, FileFailure>
  }> {
    const failed = new Map<number, FileFailure>()
    const files: number[] = []
    const indexOf = new Map<number, number>()
    const segments: RestoreSegment[] = []
    const transfer: ArrayBuffer[] = []
    const keyring = await this.#repository.keyring()
    const opened = await keyring.of(task.packId).catch((error: unknown) => error)
    if (opened instanceof SnapError) {
      for (const segment of task.segments) failAll(segment, opened, failed)
    } else {
      const bytesOf = await this.#read(task, failed, transfer)
      for (const segment of task.segments) {
        const sealed = bytesOf.get(segment.number)
        if (sealed === undefined) continue
        const dictionary = await this.#dictionary(segment, failed)
        if (segment.depth > 0 && dictionary === undefined) continue
        segments.push(restoreSegment(segment, sealed, dictionary, files, indexOf))
      }
    }
    // Files whose only segments failed are in no segment; they are named in `failed`.
    if (opened instanceof Error) return { task: emptyTask(task.packId), files, transfer, failed }
    const { header, packKey: key, footerKey } = opened as Awaited<ReturnType<typeof keyring.of>>
    const restore: RestoreTask = {
      pack: task.packId,
      header,
      keys: { packKey: key, footerKey },
      segments,
      files: files.map(describe),
    }
    return { task: restore, files, transfer, failed }
  }

  async #dictionary(segment: Segment, failed: Map<number, FileFailure>): Promise<Uint8Array | undefined> {
    if (segment.depth === 0) return undefined
    try {
      return await this.#repository.chunks.dictionaryOf(segment.pack, segment.number)
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
    const { manifest, storage } = this.#repository
    const found = new Map<number, Uint8Array>()
    type Wanted = { segment: Segment; offset: number; sealed: number }
    const runs: Wanted[][] = []
    for (const segment of task.segments) {
      const place = manifest.packs.segmentOf(segment.pack, segment.number)
      if (place === undefined) continue
      const wanted = { segment, offset: place.offset, sealed: place.sealed }
      const run = runs.at(-1)
      const last = run?.at(-1)
      if (
        run !== undefined &&
        last !== undefined &&
        place.offset - (last.offset + last.sealed) <= GAP_BYTES_MAX
      )
        run.push(wanted)
      else runs.push([wanted])
    }
    for (const run of runs) {
      const start = run[0]?.offset ?? 0
      const last = run.at(-1)
      const end = (last?.offset ?? 0) + (last?.sealed ?? 0)
      try {
        const bytes = await storage.read(packKey(task.packId), { offset: start, bytes: end - start })
        transfer.push(bytes.buffer)
        for (const { segment, offset, sealed } of run) {
          found.set(segment.number, bytes.subarray(offset - start, offset - start + sealed))
        }
      } catch (error) {
        if (!(error instanceof SnapError)) throw error
        for (const { segment } of run) failAll(segment, error, failed)
      }
    }
    return found
  }
}

function failAll(segment: Segment, error: SnapError, failed: Map<number, FileFailure>): void {
  for (const chunk of segment.chunks.values()) {
    for (let at = 0; at < chunk.writes.length; at += 2) {
      failed.set(chunk.writes[at] ?? 0, { side: 'repository', code: error.code, reason: error.message })
    }
  }
}

function restoreSegment(
  segment: Segment,
  sealed: Uint8Array,
  dictionary: Uint8Array | undefined,
  files: number[],
  indexOf: Map<number, number>,
): RestoreSegment {
  const chunks = [...segment.chunks.values()].sort((a, b) => a.offset - b.offset)
  const ids = new Uint8Array(chunks.length * CHUNK_ID_BYTES)
  const writes: number[] = []
  chunks.forEach((chunk, index) => {
    ids.set(chunk.id, index * CHUNK_ID_BYTES)
    for (let at = 0; at < chunk.writes.length; at += 2) {
      const file = chunk.writes[at] ?? 0
      let local = indexOf.get(file)
      if (local === undefined) {
        local = files.push(file) - 1
        indexOf.set(file, local)
      }
      writes.push(index, local, chunk.writes[at + 1] ?? 0)
    }
  })
  return {
    number: segment.number,
    sealed,
    dictionary,
    offsets: chunks.map((chunk) => chunk.offset),
    lengths: chunks.map((chunk) => chunk.bytes),
    ids,
    writes,
  }
}

function emptyTask(pack: PackId): RestoreTask {
  const none = new Uint8Array(0)
  return { pack, header: none, keys: { packKey: none, footerKey: none }, segments: [], files: [] }
}

/** What the queue and the walk stand on in tests: an executor that answers in any order, and a store of lists. */
import { createChunker } from '../../../../src/chunker/chunker.ts'
import { gearTable } from '../../../../src/chunker/gear.ts'
import { chunkerParams } from '../../../../src/chunker/params.ts'
import { createZstd } from '../../../../src/codec/zstd.ts'
import type { Box } from '../../../../src/crypto/box.ts'
import { packBufferBytes } from '../../../../src/pack/pack-writer.ts'
import { ContentStore } from '../../../../src/repository/content-store.ts'
import { CHUNK_ITEM, type Content, readItems } from '../../../../src/snapshot/content.ts'
import { encodeEntry } from '../../../../src/snapshot/entry.ts'
import type { Executor } from '../../../../src/workers/executor.ts'
import { entryOf } from '../../../../src/workers/file-pipeline.ts'
import { PackFiller } from '../../../../src/workers/pack-filler.ts'
import { createSeenMemory, SeenTable } from '../../../../src/workers/seen-table.ts'
import type { FilesTask, PieceTask, Task, TaskResult } from '../../../../src/workers/tasks.ts'
import { type Chance, hasher, idOf, makeSecrets, makeTicket } from '../../../support/builders.ts'
import type { MemorySource } from '../../../support/memory-source.ts'

const PACK_BYTES = 1_048_576

/** A real store of lists whose chunks stay here; `resolved` gives back the items of level 0. */
export function listStore(box: Box): { contents: ContentStore; resolved: (content: Content) => Buffer } {
  const chunks = new Map<string, Buffer>()
  const secrets = makeSecrets(box)
  class KeepingFiller extends PackFiller {
    override add(chunk: Uint8Array, ids: Uint8Array, idAt: number): void {
      chunks.set(Buffer.from(ids.subarray(idAt, idAt + 32)).toString('hex'), Buffer.from(chunk))
    }
  }
  const contents = new ContentStore({
    chunker: createChunker(gearTable(new Uint8Array(32)), 131_072),
    params: chunkerParams(4096),
    hasher,
    seen: new SeenTable(createSeenMemory([2 ** 16])),
    knows: () => false,
    filler: new KeepingFiller({
      zstd: createZstd(),
      hasher,
      level: 0,
      segmentBytes: 65_536,
      packBytes: PACK_BYTES,
      recheck: false,
      nextTicket: () => makeTicket(box, secrets),
      nextBuffer: () => new Uint8Array(packBufferBytes(PACK_BYTES)),
      onPack: () => undefined,
    }),
    deltas: undefined,
  })
  const resolved = ({ levels, items }: Content): Buffer => {
    if (levels === 0) return Buffer.from(items)
    const parts = [...readItems(items)].map((item) =>
      chunks.get('chunk' in item ? Buffer.from(item.chunk).toString('hex') : ''),
    )
    return resolved({
      levels: levels - 1,
      items: Buffer.concat(parts.map((part) => part ?? Buffer.alloc(0))),
    })
  }
  return { contents, resolved }
}

/** The one item that the executor below gives a file, or a piece of one. */
export function itemFor(path: string, offset = 0): Uint8Array {
  return Uint8Array.of(CHUNK_ITEM, ...idOf(Buffer.from(`${path}@${offset}`)))
}

const NONE = { read: 0, chunks: 0, newChunks: 0, newBytes: 0 }

/** Holds tasks until `answer` picks one by chance. What `failing`, `long` and `shrunk` name comes back so. */
export class ShuffledExecutor implements Executor {
  readonly tasks: Task[] = []
  readonly failing = new Map<string, string>()
  readonly long = new Map<string, Uint8Array>()
  readonly changed = new Set<string>()
  readonly shrunk = new Map<string, number>()
  readonly parallel: number
  readonly scanners = 0
  waiting: { task: Task; resolve: (result: TaskResult) => void; reject: (error: Error) => void }[] = []
  waitingMost = 0
  readonly #chance: Chance
  readonly #source: MemorySource

  constructor(chance: Chance, source: MemorySource, parallel = 4) {
    this.#chance = chance
    this.#source = source
    this.parallel = parallel
  }

  run(task: Task): Promise<TaskResult> {
    this.tasks.push(task)
    return new Promise((resolve, reject) => {
      this.waiting.push({ task, resolve, reject })
      this.waitingMost = Math.max(this.waitingMost, this.waiting.length)
    })
  }

  /** Answers one task, or fails it with `error`. */
  answer(error?: Error): void {
    const [next] = this.waiting.splice(this.#chance.int(this.waiting.length), 1)
    if (next === undefined) return
    const { task } = next
    if (error !== undefined) next.reject(error)
    else if (task.kind === 'files') next.resolve(this.#files(task))
    else if (task.kind === 'piece') next.resolve(this.#piece(task))
    else next.reject(new Error('this executor scans nothing'))
  }

  /** Answers until `done` is settled. */
  async until<T>(done: Promise<T>): Promise<T> {
    let settled = false
    const watched = done.finally(() => {
      settled = true
    })
    watched.catch(() => undefined)
    while (!settled) {
      this.answer()
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    return watched
  }

  #files({ paths, names }: FilesTask): TaskResult {
    const parts: Uint8Array[] = []
    const ends = new Uint32Array(paths.length)
    const result = { long: [] as object[], failed: [] as object[], changed: [] as number[] }
    let end = 0
    paths.forEach((path, index) => {
      const reason = this.failing.get(path)
      const items = this.long.get(path)
      if (reason !== undefined) result.failed.push({ index, reason })
      else {
        const entry = entryOf(names[index]!, this.#source.lstat(path), undefined)
        if (this.changed.has(path)) result.changed.push(index)
        if (items !== undefined) result.long.push({ index, entry, items })
        else parts.push(encodeEntry({ ...entry, content: { levels: 0, items: itemFor(path) } }))
        if (items === undefined) end += parts.at(-1)!.length
      }
      ends[index] = end
    })
    return {
      kind: 'files',
      encoded: Buffer.concat(parts),
      ends,
      counts: { ...NONE, read: paths.length },
      ...result,
    } as TaskResult
  }

  #piece({ path, range }: PieceTask): TaskResult {
    const failed = this.failing.get(path)
    if (failed !== undefined)
      return { kind: 'piece', items: new Uint8Array(0), bytes: 0, failed, counts: NONE }
    const bytes = Math.max(
      0,
      Math.min(range.bytes, (this.shrunk.get(path) ?? Number.POSITIVE_INFINITY) - range.offset),
    )
    return { kind: 'piece', items: itemFor(path, range.offset), bytes, counts: { ...NONE, chunks: 1 } }
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

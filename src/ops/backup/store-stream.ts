/**
 * Stores what comes as a stream: in blocks that go to the threads, so that it never lies anywhere as a whole. Where the stream has holes, so
 * has the content. It knows neither where a stream comes from nor what entry it is for.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { looksIncompressible } from '../../codec/probe.ts'
import type { ContentBlock } from '../../repository/content-blocks.ts'
import type { ContentStore } from '../../repository/content-store.ts'
import { type Content, writeHole } from '../../snapshot/content.ts'
import type { Executor } from '../../workers/executor.ts'
import { TASK_BYTES_MAX, type TaskCounts } from '../../workers/tasks.ts'
import { type FormerVersions, FormerWindow, listChunksOf } from './former-items.ts'

export type StreamParts = {
  readonly executor: Executor
  readonly contents: ContentStore
  readonly former: FormerVersions
  readonly count: (counts: TaskCounts) => void
  readonly signal: AbortSignal
}

export type Stream = {
  /** May throw, as what it returns may. */
  readonly open: () => AsyncIterable<ContentBlock>
  /** Why the stream failed; `undefined` where the error is not its fault, and is thrown on. */
  readonly reasonOf: (error: unknown) => string | undefined
}

type Failed = { readonly reason: string }
/** `content`: `undefined` for no bytes. */
export type StoredStream = { readonly content: Content | undefined; readonly bytes: number }

/** `former`: what its former version consisted of. Throws what is not the stream's fault. */
export async function storeStream(
  parts: StreamParts,
  stream: Stream,
  former: Content | undefined,
): Promise<StoredStream | Failed> {
  const { executor, contents, count, signal } = parts
  const list = former === undefined ? undefined : await listChunksOf(former, parts.former.chunks)
  using builder = contents.builder(list)
  const window = former === undefined ? undefined : new FormerWindow(former, parts.former)
  const pending: (Promise<Uint8Array> | Uint8Array)[] = []
  const take = async (): Promise<void> => builder.append((await pending.shift()) ?? NO_ITEMS)
  const run = async (...[task]: Parameters<Executor['run']>): Promise<Uint8Array> => {
    const result = await executor.run(task)
    if (result.kind !== 'piece') throw new TypeError('a block has the result of a piece')
    count(result.counts)
    return result.items
  }
  let offset = 0
  let isIncompressible: boolean | undefined
  const failed = await readBlocks(stream, signal, async (block, isLast) => {
    if ('hole' in block) {
      pending.push(holeItem(block.hole))
      offset += block.hole
      return
    }
    const { bytes } = block
    isIncompressible ??= looksIncompressible(bytes)
    const range = { offset, bytes: bytes.length }
    const near = window === undefined ? undefined : await window.around(range, isLast)
    const items = run({ kind: 'block', bytes, isIncompressible, former: near })
    items.catch(() => undefined) // awaited in order; a later one may fail first
    pending.push(items)
    offset += range.bytes
    while (pending.length > executor.parallel) await take()
  })
  while (pending.length > 0) await take()
  if (failed !== undefined) return failed
  return { content: offset === 0 ? undefined : builder.finish(), bytes: offset }
}

const NO_ITEMS = new Uint8Array(0)

function holeItem(bytes: number): Uint8Array {
  const writer = new ByteWriter(16)
  writeHole(writer, bytes)
  return writer.done()
}

type OwnBlock = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly hole: number }

/**
 * Calls `use` with one block after the other, the bytes of each a buffer of its own. One is held back until the next has begun: whether it
 * is the last is known by then.
 */
async function readBlocks(
  { open, reasonOf }: Stream,
  signal: AbortSignal,
  use: (block: OwnBlock, isLast: boolean) => Promise<void>,
): Promise<Failed | undefined> {
  const failure = (error: unknown): Failed => {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    return { reason }
  }
  const begun = asking(() => open()[Symbol.asyncIterator](), failure)
  if ('reason' in begun) return begun
  const iterator = begun.answer
  let block = new Uint8Array(TASK_BYTES_MAX)
  let filled = 0
  const finish = async (isLast: boolean): Promise<void> => {
    if (filled === 0) return
    const whole = filled === block.length ? block : block.slice(0, filled)
    filled = 0
    block = new Uint8Array(isLast ? 0 : TASK_BYTES_MAX)
    await use({ bytes: whole }, isLast)
  }
  try {
    for (;;) {
      const next = await iterator.next().then((answer) => ({ answer }), failure)
      signal.throwIfAborted()
      if ('reason' in next) return next
      if (next.answer.done === true) break
      const { value } = next.answer
      if ('hole' in value) {
        await finish(false)
        await use(value, false)
        continue
      }
      for (let { bytes } = value; bytes.length > 0; ) {
        if (filled === block.length) await finish(false)
        const part = bytes.subarray(0, block.length - filled)
        block.set(part, filled)
        filled += part.length
        bytes = bytes.subarray(part.length)
      }
    }
    await finish(true)
    return undefined
  } finally {
    // Whoever produces the bytes is told where nobody wants the rest.
    await iterator.return?.().catch(() => undefined)
  }
}

function asking<T>(call: () => T, failure: (error: unknown) => Failed): { readonly answer: T } | Failed {
  try {
    return { answer: call() }
  } catch (error) {
    return failure(error)
  }
}

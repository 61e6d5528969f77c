/**
 * A file of a snapshot that is none of the machine: what a command prints, or a copy that a database makes of itself. It is
 * read once, in order, into blocks that go to the threads; it never lies anywhere as a whole.
 */
import { looksIncompressible } from '../../codec/probe.ts'
import type { FileStat } from '../../model/files.ts'
import type { ContentStore } from '../../repository/content-store.ts'
import type { Entry } from '../../snapshot/entry.ts'
import type { Executor } from '../../workers/executor.ts'
import { entryOf } from '../../workers/file-pipeline.ts'
import { TASK_BYTES_MAX, type TaskCounts } from '../../workers/tasks.ts'
import { contentOfFile, type FormerVersions, FormerWindow, listChunksOf } from './former-items.ts'

export type StreamedFile = {
  /** A single name. */
  readonly name: string
  /**
   * Begins to produce the bytes; called again where the sources are gone over again. Where it throws, or ends with an error, whatever
   * came before is no dump: the file is recorded as unreadable, with the error's message as the reason.
   */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>
  /** Asked when all has been stored: what is wrong with it all the same, so that the snapshot is not complete. */
  readonly problem?: () => string | undefined
}

/** A directory of the snapshot, directly below its root, that holds streams alone. */
export type StreamedDirectory = {
  /** A single name, which the machine's root has not. */
  readonly name: string
  /** With names that differ. */
  readonly files: readonly StreamedFile[]
}

export type StreamParts = {
  readonly executor: Executor
  readonly contents: ContentStore
  readonly former: FormerVersions
  readonly count: (counts: TaskCounts) => void
  readonly signal: AbortSignal
}

/** What an entry records of a reason. Bytes; format, section 11. */
const REASON_BYTES_MAX = 256
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** Of a directory or file that exists in the snapshot alone: the owner's, and nobody else's. */
export function streamedStat(type: 'dir' | 'file', nowMs: number, size = 0): FileStat {
  const seconds = Math.floor(nowMs / 1000)
  const nanoseconds = (nowMs - seconds * 1000) * 1_000_000
  return {
    type,
    mode: type === 'dir' ? DIRECTORY_MODE : FILE_MODE,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    size,
    allocated: size,
    links: 1,
    inode: 0,
    device: 0,
    rdevMajor: 0,
    rdevMinor: 0,
    mtimeSec: seconds,
    mtimeNsec: nanoseconds,
    ctimeSec: seconds,
    ctimeNsec: nanoseconds,
  }
}

/** The entry, or why there is none. `former`: its entry in the parent snapshot, encoded. Throws what is not the stream's fault. */
export async function readStreamedFile(
  parts: StreamParts,
  { name, open }: StreamedFile,
  former: Uint8Array | undefined,
  nowMs: number,
): Promise<Entry | { readonly reason: string }> {
  const { executor, contents, count, signal } = parts
  const content = contentOfFile(former)
  const list = content === undefined ? undefined : await listChunksOf(content, parts.former.chunks)
  using builder = contents.builder(list)
  const window = content === undefined ? undefined : new FormerWindow(content, parts.former)
  const pending: ReturnType<Executor['run']>[] = []
  const take = async (): Promise<void> => {
    const result = await pending.shift()
    if (result?.kind !== 'piece') throw new TypeError('a block has the result of a piece')
    count(result.counts)
    builder.append(result.items)
  }
  let offset = 0
  let isIncompressible = false
  const outcome = await readBlocks(open, signal, async (bytes, isLast) => {
    if (offset === 0) isIncompressible = looksIncompressible(bytes)
    const range = { offset, bytes: bytes.length }
    const near = window === undefined ? undefined : await window.around(range, isLast)
    const result = executor.run({ kind: 'block', bytes, isIncompressible, former: near })
    result.catch(() => undefined) // awaited in order; a later one may fail first
    pending.push(result)
    offset += range.bytes
    while (pending.length > executor.parallel) await take()
  })
  while (pending.length > 0) await take()
  if (outcome.failed !== undefined) return { reason: outcome.failed }
  const stored = offset === 0 ? undefined : builder.finish()
  return { ...entryOf(name, streamedStat('file', nowMs, offset), undefined), content: stored }
}

/**
 * Calls `use` with one block after the other, each a buffer of its own. One is held back until the next has begun: whether it is
 * the last is known by then.
 */
async function readBlocks(
  open: StreamedFile['open'],
  signal: AbortSignal,
  use: (bytes: Uint8Array<ArrayBuffer>, isLast: boolean) => Promise<void>,
): Promise<{ readonly failed: string | undefined }> {
  const parts = asking(() => open(signal)[Symbol.asyncIterator]())
  if ('failed' in parts) return parts
  const iterator = parts.answer
  let block = new Uint8Array(TASK_BYTES_MAX)
  let filled = 0
  try {
    for (;;) {
      const next = await iterator.next().then(
        (answer) => ({ answer }),
        (error: unknown) => ({ failed: reasonOf(error) }),
      )
      signal.throwIfAborted()
      if ('failed' in next) return next
      if (next.answer.done === true) break
      for (let bytes = next.answer.value; bytes.length > 0; ) {
        if (filled === block.length) {
          await use(block, false)
          block = new Uint8Array(TASK_BYTES_MAX)
          filled = 0
        }
        const part = bytes.subarray(0, block.length - filled)
        block.set(part, filled)
        filled += part.length
        bytes = bytes.subarray(part.length)
      }
    }
    if (filled > 0) await use(block.slice(0, filled), true)
    return { failed: undefined }
  } finally {
    // Whoever produces the bytes is told where nobody wants the rest.
    await iterator.return?.().catch(() => undefined)
  }
}

function asking<T>(call: () => T): { readonly answer: T } | { readonly failed: string } {
  try {
    return { answer: call() }
  } catch (error) {
    return { failed: reasonOf(error) }
  }
}

/** The first code points that fit into so many bytes of UTF-8. */
function cutText(text: string, bytesMax: number): string {
  let bytes = 0
  let length = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMax) break
    length += character.length
  }
  return text.slice(0, length)
}

/** One line, as long as an entry can have it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [line = ''] = text.split('\n')
  const reason = line.trim() === '' ? 'it failed and does not say why' : line.trim()
  return cutText(reason, REASON_BYTES_MAX)
}

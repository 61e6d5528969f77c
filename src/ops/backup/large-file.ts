/**
 * A file that is too large for one thread: read piece by piece on all of them, its items joined in order. Holes between
 * pieces are never visited, however large they are.
 */

import { ByteWriter } from '../../base/bytes.ts'
import type { Extent, FileStat, SourceFiles } from '../../model/files.ts'
import type { ContentStore } from '../../repository/content-store.ts'
import { type Content, writeHole } from '../../snapshot/content.ts'
import type { Entry } from '../../snapshot/entry.ts'
import type { Executor } from '../../workers/executor.ts'
import { entryOf, sameContent, sourceReason } from '../../workers/file-pipeline.ts'
import { PIECE_BYTES, type TaskCounts } from '../../workers/tasks.ts'
import { contentOfFile, type FormerVersions, FormerWindow, listChunksOf } from './former-items.ts'

/** A file that changed while it was read is read once more. */
const READ_TRIES = 2
/** No file system of ours counts further exactly. */
const SIZE_MAX = Number.MAX_SAFE_INTEGER

export type LargeFileParts = {
  readonly executor: Executor
  readonly contents: ContentStore
  readonly source: SourceFiles
  readonly former: FormerVersions
  readonly count: (counts: TaskCounts) => void
}

export type LargeFile = {
  readonly path: string
  readonly name: string
  /** Its entry in the parent snapshot, encoded. */
  readonly former?: Uint8Array | undefined
}

type Unread = { readonly reason: string }

/**
 * The entry, or why it could not be read. The file that is opened is the one that is read to its end, also where another
 * has taken its name meanwhile.
 */
export async function readLargeFile(
  parts: LargeFileParts,
  { path, name, former }: LargeFile,
): Promise<Entry | Unread> {
  const { source } = parts
  const opened = ask(() => source.open(path))
  if ('reason' in opened) return opened
  try {
    return await readOpen(parts, path, name, opened.answer, contentOfFile(former))
  } finally {
    // Where a piece failed for a reason of ours, others may be read still: nothing comes of them any more.
    source.close(opened.answer)
  }
}

async function readOpen(
  parts: LargeFileParts,
  path: string,
  name: string,
  fd: number,
  former: Content | undefined,
): Promise<Entry | Unread> {
  const { source } = parts
  let before = ask(() => source.fstat(fd))
  for (let tries = 1; ; tries++) {
    if ('reason' in before) return before
    const stat = before.answer
    if (stat.type !== 'file') return { reason: 'REPLACED' }
    const outcome = await readOnce(parts, path, fd, stat, former)
    const after = ask(() => ({ stat: source.fstat(fd), xattrs: source.fxattrs(fd) }))
    if ('reason' in after) return after
    const { stat: now, xattrs } = after.answer
    const changed = outcome.failed !== undefined || !sameContent(stat, now) || outcome.bytes !== now.size
    if (changed && tries < READ_TRIES) {
      before = { answer: now }
      continue
    }
    if (outcome.failed !== undefined) return { reason: outcome.failed }
    const entry = entryOf(name, now, xattrs)
    return { ...entry, size: outcome.bytes, content: outcome.content, changed }
  }
}

/** What the source answers, or why it does not. */
function ask<T>(call: () => T): { readonly answer: T } | Unread {
  try {
    return { answer: call() }
  } catch (error) {
    return { reason: sourceReason(error) }
  }
}

type Outcome = {
  readonly content: Content | undefined
  readonly bytes: number
  readonly failed: string | undefined
}

const failure = (failed: string): Outcome => ({ content: undefined, bytes: 0, failed })

async function readOnce(
  parts: LargeFileParts,
  path: string,
  fd: number,
  stat: FileStat,
  content: Content | undefined,
): Promise<Outcome> {
  if (stat.size > SIZE_MAX) return failure('EFBIG')
  const extents = ask(() => extentsOf(parts.source, fd, stat))
  if ('reason' in extents) return failure(extents.reason)
  const pieces = piecesOf(extents.answer)
  const { executor, contents, count } = parts
  const list = content === undefined ? undefined : await listChunksOf(content, parts.former.chunks)
  using builder = contents.builder(list)
  const window = content === undefined ? undefined : new FormerWindow(content, parts.former)
  const pending: { readonly range: Extent; readonly result: ReturnType<Executor['run']> }[] = []
  let at = 0
  let started = 0
  for (let finished = 0; finished < pieces.length; finished++) {
    for (; started < pieces.length && pending.length <= executor.parallel; started++) {
      const range = pieces[started] as Extent
      const former =
        window === undefined ? undefined : await window.around(range, started === pieces.length - 1)
      const result = executor.run({ kind: 'piece', path, fd, range, former })
      result.catch(() => undefined) // awaited in order below; a later one may fail first
      pending.push({ range, result })
    }
    const next = pending.shift()
    const result = await next?.result
    if (next === undefined || result?.kind !== 'piece') throw new TypeError('a piece task has a piece result')
    count(result.counts)
    if (result.failed !== undefined) {
      await Promise.all(pending.map((piece) => piece.result))
      return failure(result.failed)
    }
    if (next.range.offset > at) builder.append(hole(next.range.offset - at))
    builder.append(result.items)
    at = next.range.offset + result.bytes
    if (result.bytes < next.range.bytes) break
  }
  await Promise.all(pending.map((piece) => piece.result))
  const last = pieces.at(-1)
  const isWhole = last === undefined || at === last.offset + last.bytes
  if (isWhole && at < stat.size) {
    builder.append(hole(stat.size - at))
    at = stat.size
  }
  return { content: builder.finish(), bytes: at, failed: undefined }
}

function hole(bytes: number): Uint8Array {
  const writer = new ByteWriter(16)
  writeHole(writer, bytes)
  return writer.done()
}

function extentsOf(source: SourceFiles, fd: number, stat: FileStat): Extent[] {
  if (stat.allocated >= stat.size) return [{ offset: 0, bytes: stat.size }]
  return source.dataExtents(fd, stat.size)
}

/** Ranges of at most `PIECE_BYTES` that hold all data, each beginning and ending with data. */
export function piecesOf(extents: readonly Extent[]): Extent[] {
  const pieces: Extent[] = []
  let start = 0
  let end = 0
  const close = (): void => {
    if (end > start) pieces.push({ offset: start, bytes: end - start })
  }
  for (const extent of extents) {
    let at = extent.offset
    const stop = extent.offset + extent.bytes
    if (end === start || at >= start + PIECE_BYTES) {
      close()
      start = at
      end = at
    }
    while (stop > start + PIECE_BYTES) {
      end = start + PIECE_BYTES
      close()
      at = end
      start = at
    }
    end = stop
  }
  close()
  return pieces
}

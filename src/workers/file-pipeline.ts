/**
 * The whole way of a file on one thread: open, read, cut, name, deduplicate, hand new chunks to the packs, encode the
 * entry. It reads sources and fills packs; it knows neither storage nor the log.
 */
import { ByteWriter } from '../base/bytes.ts'
import { nameBytes } from '../base/names.ts'
import type { Chunker } from '../chunker/chunker.ts'
import type { ChunkerParams } from '../chunker/params.ts'
import { looksIncompressible } from '../codec/probe.ts'
import type { ChunkHasher } from '../crypto/blake3.ts'
import type { Extent, FileStat, SourceFiles, Xattr } from '../model/files.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { CONTENT_ITEMS_INLINE_MAX, XATTR_BYTES_MAX, XATTRS_MAX } from '../model/limits.ts'
import { CHUNK_ITEM, CHUNK_ITEM_BYTES, writeHole } from '../snapshot/content.ts'
import { type Entry, writeEntry } from '../snapshot/entry.ts'
import type { DeltaRun } from './delta-run.ts'
import { FormerContent } from './former-content.ts'
import type { PackFiller } from './pack-filler.ts'
import type { SeenTable } from './seen-table.ts'
import {
  type BlockTask,
  type ContentsResult,
  type ContentsTask,
  type FailedFile,
  type FilesResult,
  type FilesTask,
  type FormerItems,
  GREW,
  type LongFile,
  PIECE_BYTES,
  type PieceResult,
  type PieceTask,
  type TaskCounts,
} from './tasks.ts'

/** A file that changed while it was read is read again this often before it is stored with a mark. */
const READ_TRIES = 3
/** The head that decides whether a file is cut and stored as incompressible. */
const PROBE_BYTES = 65_536
/** Smaller files are not worth the verdict. */
const PROBE_FILE_BYTES_MIN = 16_384
const NSEC_MAX = 999_999_999
/** Of what is in memory. */
const NO_DESCRIPTOR = -1

export type PipelineParts = {
  readonly source: SourceFiles
  readonly chunker: Chunker
  readonly hasher: ChunkHasher
  readonly seen: SeenTable
  /** Whether the repository has the chunk already. */
  readonly knows: (id: Uint8Array) => boolean
  readonly filler: PackFiller
  /** Takes new chunks of files that have a former version. */
  readonly run: DeltaRun
  readonly params: ChunkerParams
  /** For what does not get smaller. */
  readonly mediaParams: ChunkerParams
}

export class FilePipeline {
  readonly #parts: PipelineParts
  readonly #id: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_ID_BYTES)
  readonly #items: ByteWriter = new ByteWriter(4096)
  /** Whether the file under way is cut and stored as incompressible; `undefined` until its head has been seen. */
  #media: boolean | undefined
  /** What the former version of the file under way has need not be looked up. */
  #isFormerStored = false
  #counts: TaskCounts = noCounts()
  /** What packs or manifest threw. It may look like a system call of the source, and must not be taken for one. */
  #failure: { readonly error: unknown } | undefined

  constructor(parts: PipelineParts) {
    this.#parts = parts
  }

  /** One result per file; a file that cannot be read is in `failed`, and never throws. Errors of packs do. */
  files(task: FilesTask): FilesResult {
    this.#counts = noCounts()
    const encoded = new ByteWriter(task.paths.length * 160)
    const ends = new Uint32Array(task.paths.length)
    const long: LongFile[] = []
    const failed: FailedFile[] = []
    const changed: number[] = []
    this.#isFormerStored = task.former?.isStored === true
    task.paths.forEach((path, index) => {
      const outcome = this.#file(path, task.names[index] ?? '', formerOf(task.former, index))
      if ('reason' in outcome) failed.push({ index, reason: outcome.reason })
      else {
        const { entry } = outcome
        if (entry.changed === true) changed.push(index)
        if (this.#items.length > CONTENT_ITEMS_INLINE_MAX * CHUNK_ITEM_BYTES) {
          long.push({ index, entry, items: this.#items.done() })
        } else if (this.#items.length > 0) {
          entry.content = { levels: 0, items: this.#items.view() }
          writeEntry(encoded, entry)
        } else writeEntry(encoded, entry)
      }
      ends[index] = encoded.length
    })
    return { kind: 'files', encoded: encoded.done(), ends, long, failed, changed, counts: this.#counts }
  }

  piece(task: PieceTask): PieceResult {
    this.#counts = noCounts()
    this.#items.clear()
    const { source } = this.#parts
    const { offset, bytes } = task.range
    const { former } = task
    let got = 0
    try {
      if (former !== undefined) {
        this.#isFormerStored = former.isStored
        this.#parts.run.begin(new FormerContent(former.items), former.first - 1)
      }
      got = this.#content(task.fd, source.fstat(task.fd), offset, offset + bytes)
    } catch (error) {
      return this.#pieceFailed(this.#reason(error))
    } finally {
      this.#endRun(former?.isLast === true)
    }
    return { kind: 'piece', items: this.#items.done(), bytes: got, counts: this.#counts }
  }

  block({ bytes, isIncompressible, former }: BlockTask): PieceResult {
    this.#counts = noCounts()
    this.#items.clear()
    this.#media = isIncompressible
    if (former !== undefined) {
      this.#isFormerStored = former.isStored
      this.#parts.run.begin(new FormerContent(former.items), former.first - 1)
    }
    this.#data(readerOf(bytes), NO_DESCRIPTOR, 0, bytes.length)
    this.#parts.run.end(former?.isLast === true)
    return { kind: 'piece', items: this.#items.done(), bytes: bytes.length, counts: this.#counts }
  }

  contents({ bytes, ends, former }: ContentsTask): ContentsResult {
    this.#counts = noCounts()
    this.#items.clear()
    this.#isFormerStored = former?.isStored === true
    const { run } = this.#parts
    const itemEnds = new Uint32Array(ends.length)
    let from = 0
    ends.forEach((end, index) => {
      const file = bytes.subarray(from, end)
      const known = formerOf(former, index)
      if (known !== undefined) run.begin(known)
      this.#media = file.length < PROBE_FILE_BYTES_MIN ? false : undefined
      if (file.length > 0) this.#data(readerOf(file), NO_DESCRIPTOR, 0, file.length)
      if (known !== undefined) run.end(true)
      itemEnds[index] = this.#items.length
      from = end
    })
    return { kind: 'contents', items: this.#items.done(), ends: itemEnds, counts: this.#counts }
  }

  #pieceFailed(failed: string): PieceResult {
    return { kind: 'piece', items: new Uint8Array(0), bytes: 0, failed, counts: this.#counts }
  }

  #file(
    path: string,
    name: string,
    former: FormerContent | undefined,
  ): { entry: EntryDraft } | { reason: string } {
    const { source } = this.#parts
    try {
      const fd = source.open(path)
      try {
        return this.#opened(fd, name, former)
      } finally {
        source.close(fd)
      }
    } catch (error) {
      return { reason: this.#reason(error) }
    }
  }

  #opened(
    fd: number,
    name: string,
    former: FormerContent | undefined,
  ): { entry: EntryDraft } | { reason: string } {
    const { source } = this.#parts
    for (let tries = 1; ; tries++) {
      this.#items.clear()
      const before = source.fstat(fd)
      if (before.type !== 'file') return { reason: 'REPLACED' }
      if (before.size > PIECE_BYTES) return { reason: GREW }
      const size = this.#contentAfter(former, fd, before)
      const after = source.fstat(fd)
      const changed = size !== after.size || !sameContent(before, after)
      if (changed && tries < READ_TRIES) continue
      const entry = entryOf(name, after, source.fxattrs(fd))
      entry.size = size
      entry.changed = changed
      return { entry }
    }
  }

  /** The whole file. What is new is handed on at its end, also of a file that cannot be read to it: others may have the same chunks. */
  #contentAfter(former: FormerContent | undefined, fd: number, stat: FileStat): number {
    if (former === undefined) return this.#content(fd, stat, 0, stat.size)
    this.#parts.run.begin(former)
    try {
      return this.#content(fd, stat, 0, stat.size)
    } finally {
      this.#endRun(true)
    }
  }

  #endRun(whole: boolean): void {
    this.#ours(() => this.#parts.run.end(whole))
  }

  /** What this throws is no failure of the source. */
  #ours(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** Why the source could not be read; throws what was not the source's fault. */
  #reason(error: unknown): string {
    if (this.#failure === undefined) return sourceReason(error)
    const failure = this.#failure
    this.#failure = undefined
    throw failure.error
  }

  /** Appends the items of `from` to `to`; returns the bytes they stand for (less where the file ends early). */
  #content(fd: number, stat: FileStat, from: number, to: number): number {
    if (to === from) return 0
    const sparse = stat.allocated < stat.size
    if (stat.size < PROBE_FILE_BYTES_MIN) this.#media = false
    else if (from > 0 || sparse) this.#media = this.#isIncompressible(fd)
    else this.#media = undefined
    const extents = sparse ? this.#parts.source.dataExtents(fd, stat.size) : [{ offset: 0, bytes: stat.size }]
    let at = from
    for (const extent of clip(extents, from, to)) {
      if (extent.offset > at) writeHole(this.#items, extent.offset - at)
      const end = extent.offset + extent.bytes
      at = extent.offset + this.#data(this.#parts.source, fd, extent.offset, end)
      if (at < end) return at - from
    }
    if (sparse && at < to) {
      writeHole(this.#items, to - at)
      at = to
    }
    return at - from
  }

  #isIncompressible(fd: number): boolean {
    const { source, chunker } = this.#parts
    const count = source.read(fd, chunker.window, 0, Math.min(PROBE_BYTES, chunker.window.length), 0)
    return looksIncompressible(chunker.window.subarray(0, count))
  }

  /** Cuts, names and stores the bytes of `from` to `to`; returns how many there were. */
  #data(source: Reader, fd: number, from: number, to: number): number {
    const { chunker, params, mediaParams } = this.#parts
    const { window } = chunker
    let position = from
    let filled = 0
    for (;;) {
      const wanted = Math.min(window.length - filled, to - position)
      const count = wanted === 0 ? 0 : source.read(fd, window, filled, wanted, position)
      position += count
      filled += count
      const final = count === 0 || position === to
      if (!final && filled < window.length) continue
      // Where there is no verdict yet, this is the head of the file.
      this.#media ??= looksIncompressible(window.subarray(0, Math.min(filled, PROBE_BYTES)))
      const chunks = chunker.cut(0, filled, final, this.#media ? mediaParams : params)
      let start = 0
      for (let index = 0; index < chunks; index++) {
        const end = chunker.ends[index] ?? 0
        this.#chunk(window.subarray(start, end), !this.#media)
        start = end
      }
      if (final) break
      window.copyWithin(0, start, filled)
      filled -= start
    }
    this.#counts.read += position - from
    return position - from
  }

  #chunk(chunk: Uint8Array, compress: boolean): void {
    const { hasher } = this.#parts
    const id = this.#id
    hasher.hashInto(chunk, id, 0)
    this.#counts.chunks += 1
    this.#ours(() => this.#store(chunk, id, compress))
    this.#items.u8(CHUNK_ITEM).raw(id)
  }

  #store(chunk: Uint8Array, id: Uint8Array, compress: boolean): void {
    const { seen, knows, filler, run } = this.#parts
    const isInFormer = run.match(id)
    if (isInFormer && this.#isFormerStored) return
    if (!seen.claim(id, 0) || knows(id)) return
    if (run.isOpen && !isInFormer) run.add(chunk, id, compress)
    else filler.add(chunk, id, 0, compress)
    this.#counts.newChunks += 1
    this.#counts.newBytes += chunk.length
  }
}

type Reader = Pick<SourceFiles, 'read'>

function readerOf(bytes: Uint8Array): Reader {
  return {
    read(_fd, into, at, wanted, position) {
      const part = bytes.subarray(position, position + wanted)
      into.set(part, at)
      return part.length
    },
  }
}

function formerOf(former: FormerItems | undefined, index: number): FormerContent | undefined {
  if (former === undefined) return undefined
  const from = index === 0 ? 0 : (former.ends[index - 1] ?? 0)
  const to = former.ends[index] ?? 0
  return to > from ? new FormerContent(former.items.subarray(from, to)) : undefined
}

/** An entry under construction. Filled in place: copying it with a spread for each file took longer than encoding it. */
export type EntryDraft = { -readonly [Field in keyof Entry]: Entry[Field] }

/** The entry of a file or other thing, as far as its stat and xattrs go, within what an entry can hold; the caller's to complete. */
export function entryOf(name: string, stat: FileStat, xattrs: Entry['xattrs']): EntryDraft {
  return {
    name,
    type: stat.type,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.type === 'file' ? Math.min(stat.size, Number.MAX_SAFE_INTEGER) : 0,
    mtimeSec: Math.max(-Number.MAX_SAFE_INTEGER, Math.min(stat.mtimeSec, Number.MAX_SAFE_INTEGER)),
    mtimeNsec: Math.min(stat.mtimeNsec, NSEC_MAX),
    ctimeSec: Math.max(-Number.MAX_SAFE_INTEGER, Math.min(stat.ctimeSec, Number.MAX_SAFE_INTEGER)),
    ctimeNsec: Math.min(stat.ctimeNsec, NSEC_MAX),
    inode: stat.inode,
    content: undefined,
    target: undefined,
    xattrs: xattrs === undefined || xattrs.length === 0 ? undefined : withinLimits(xattrs),
    hardLink: stat.type !== 'dir' && stat.links > 1 ? { links: stat.links, device: stat.device } : undefined,
    device:
      stat.type === 'char' || stat.type === 'block'
        ? { major: stat.rdevMajor, minor: stat.rdevMinor }
        : undefined,
    changed: undefined,
    unreadable: undefined,
  }
}

/** The first that fit: a file system may have more, and one file must not make its directory unreadable. */
function withinLimits(xattrs: readonly Xattr[]): readonly Xattr[] {
  let bytes = 0
  return xattrs.slice(0, XATTRS_MAX).filter(({ name, value }) => {
    bytes += nameBytes(name).length + value.length
    return bytes <= XATTR_BYTES_MAX
  })
}

/** Whether nothing that a write changes has changed. */
export function sameContent(a: FileStat, b: FileStat): boolean {
  return (
    a.size === b.size &&
    a.mtimeSec === b.mtimeSec &&
    a.mtimeNsec === b.mtimeNsec &&
    a.ctimeSec === b.ctimeSec &&
    a.ctimeNsec === b.ctimeNsec &&
    a.inode === b.inode
  )
}

/** A system error's code; anything else is not the source's fault and is thrown on. */
export function sourceReason(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string') {
    return error.code
  }
  throw error
}

function noCounts(): TaskCounts {
  return { read: 0, chunks: 0, newChunks: 0, newBytes: 0 }
}

function* clip(extents: readonly Extent[], from: number, to: number): Generator<Extent> {
  for (const { offset, bytes } of extents) {
    const start = Math.max(offset, from)
    const end = Math.min(offset + bytes, to)
    if (start < end) yield { offset: start, bytes: end - start }
  }
}

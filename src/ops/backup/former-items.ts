/** What files consisted of in the parent snapshot, for the threads that read their next versions. Lists of chunks only, no contents. */
import { ByteWriter } from '../../base/bytes.ts'
import { SnapError } from '../../model/errors.ts'
import type { Extent } from '../../model/files.ts'
import type { ChunkReader } from '../../repository/chunk-reader.ts'
import { CHUNK_ITEM, CHUNK_ITEM_BYTES, type Content } from '../../snapshot/content.ts'
import { decodeEntry } from '../../snapshot/entry.ts'
import { type FormerItems, type FormerPiece, PIECE_BYTES } from '../../workers/tasks.ts'

/** A file that is read whole has no longer list, cut as usual: what is longer is left out. */
const ITEMS_BYTES_MAX: number = (PIECE_BYTES / 1024) * CHUNK_ITEM_BYTES
/** What was inserted or removed before a place may have shifted it by so much, for its chunks to be found. Bytes. */
const SHIFT_BYTES_MAX: number = PIECE_BYTES / 4

/** The parent snapshot, as far as files are held against it. */
export type FormerVersions = {
  readonly chunks: ChunkReader
  /** Every chunk of it is in a pack that may be relied upon. */
  readonly isStored: boolean
}

/** `entries`: encoded, as in the parent snapshot. */
export async function formerItemsOf(
  entries: readonly (Uint8Array | undefined)[],
  { chunks, isStored }: FormerVersions,
): Promise<FormerItems> {
  const items = new ByteWriter(entries.length * CHUNK_ITEM_BYTES * 2)
  const ends = new Uint32Array(entries.length)
  for (const [index, entry] of entries.entries()) {
    const content = contentOfFile(entry)
    if (content?.levels === 0) items.raw(content.items)
    else if (content !== undefined) items.raw(await wholeList(content, chunks))
    ends[index] = items.length
  }
  return { items: items.done(), ends, isStored }
}

/** Of an encoded entry of the parent snapshot; `undefined` where it is no file, or cannot be read. */
export function contentOfFile(entry: Uint8Array | undefined): Content | undefined {
  if (entry === undefined) return undefined
  try {
    const { type, content } = decodeEntry(entry)
    return type === 'file' ? content : undefined
  } catch (error) {
    if (error instanceof SnapError) return undefined
    throw error
  }
}

async function wholeList(content: Content, chunks: ChunkReader): Promise<Uint8Array> {
  const list = new ByteWriter(65_536)
  try {
    for await (const item of chunks.items(content)) {
      if ('chunk' in item) list.u8(CHUNK_ITEM).raw(item.chunk)
      if (list.length > ITEMS_BYTES_MAX) return new Uint8Array(0)
    }
  } catch (error) {
    // An edit that cannot be told from something new is stored like that.
    if (error instanceof SnapError) return new Uint8Array(0)
    throw error
  }
  return list.done()
}

/** Items that name the chunks in which a file's list lies; none where it is in the entry itself, or is too long, or cannot be read. */
export async function listChunksOf(content: Content, chunks: ChunkReader): Promise<Uint8Array> {
  if (content.levels === 0) return new Uint8Array(0)
  return await wholeList({ levels: content.levels - 1, items: content.items }, chunks)
}

type PlacedChunk = { readonly id: Uint8Array; readonly offset: number; readonly bytes: number }

/** The list of a large file, read on as its next version is: what lies near the piece under way is in memory, and no more. */
export class FormerWindow {
  readonly #former: FormerVersions
  readonly #items: AsyncIterator<{ readonly chunk: Uint8Array } | { readonly hole: number }>
  #near: PlacedChunk[] = []
  /** Bytes of the file before what is read next. */
  #position = 0
  #hasEnded = false
  #isLost = false

  constructor(content: Content, former: FormerVersions) {
    this.#former = former
    this.#items = former.chunks.items(content)[Symbol.asyncIterator]()
  }

  /** Of pieces that rise; `isLast`: the file ends with this one. `undefined` where nothing is near, or the list cannot be read. */
  async around(range: Extent, isLast: boolean): Promise<FormerPiece | undefined> {
    const end = range.offset + range.bytes
    const from = range.offset - SHIFT_BYTES_MAX
    this.#near = this.#near.filter(({ offset, bytes }) => offset + bytes > from)
    await this.#readTo(end + SHIFT_BYTES_MAX, from)
    if (this.#isLost || this.#near.length === 0) return undefined
    const items = new ByteWriter(this.#near.length * CHUNK_ITEM_BYTES)
    for (const { id } of this.#near) items.u8(CHUNK_ITEM).raw(id)
    const first = this.#near.findIndex(({ offset }) => offset >= range.offset)
    return {
      items: items.done(),
      isStored: this.#former.isStored,
      first: first === -1 ? this.#near.length : first,
      isLast: isLast && this.#hasEnded,
    }
  }

  async #readTo(end: number, from: number): Promise<void> {
    try {
      while (this.#position < end && !this.#hasEnded && !this.#isLost) {
        const next = await this.#items.next()
        if (next.done === true) this.#hasEnded = true
        else if ('hole' in next.value) this.#position += next.value.hole
        else {
          const id = next.value.chunk
          const bytes = this.#former.chunks.lengthOf(id)
          if (bytes === undefined) this.#isLost = true
          else if (this.#position + bytes > from) this.#near.push({ id, offset: this.#position, bytes })
          this.#position += bytes ?? 0
        }
      }
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      this.#isLost = true
    }
  }
}

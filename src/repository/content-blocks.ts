/** The bytes of a content in order, with bounded memory: its chunks are read in windows, each segment once for a window. */
import { toHex } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { type Content, EMPTY_CONTENT } from '../snapshot/content.ts'
import type { Entry } from '../snapshot/entry.ts'
import type { ChunkReader, Item } from './chunk-reader.ts'

/** Bytes of chunks that are read together. */
const WINDOW_BYTES: number = 32 * 1024 * 1024
const WINDOW_ITEMS_MAX = 65_536

const NONE: ReadonlyMap<string, Uint8Array> = new Map()

/** A chunk's bytes, not to be changed, or the length of a hole. */
export type ContentBlock = { readonly bytes: Uint8Array } | { readonly hole: number }

/** Throws as `ChunkReader.chunk` when the turn of a chunk comes. */
export async function* contentBlocks(chunks: ChunkReader, content: Content): AsyncGenerator<ContentBlock> {
  for await (const items of windowsOf(chunks, content)) {
    const ids = items.flatMap((item) => ('chunk' in item ? item.chunk : []))
    // A single chunk is read with its segment, which stays in memory for the next file.
    const together = ids.length > 1 ? await chunks.chunks(ids) : NONE
    for (const item of items) {
      if ('hole' in item) yield item
      else yield { bytes: together.get(toHex(item.chunk)) ?? (await chunks.chunk(item.chunk)) }
    }
  }
}

/** Those of a file. `OBJECT_DAMAGED` where there are more bytes than the entry says, before they are handed out, or fewer. */
export async function* wholeBlocks(chunks: ChunkReader, entry: Entry): AsyncGenerator<ContentBlock> {
  let left = entry.size
  for await (const block of contentBlocks(chunks, entry.content ?? EMPTY_CONTENT)) {
    left -= 'bytes' in block ? block.bytes.length : block.hole
    if (left < 0) throw wrongSize(entry)
    yield block
  }
  if (left > 0) throw wrongSize(entry)
}

export function wrongSize({ name, size }: Entry): SnapError {
  return new SnapError(
    'OBJECT_DAMAGED',
    `the chunks of ${JSON.stringify(name)} do not add up to ${size} bytes`,
  )
}

async function* windowsOf(chunks: ChunkReader, content: Content): AsyncGenerator<readonly Item[]> {
  let items: Item[] = []
  let bytes = 0
  for await (const item of chunks.items(content)) {
    items.push(item)
    bytes += 'chunk' in item ? (chunks.lengthOf(item.chunk) ?? 0) : 0
    if (bytes < WINDOW_BYTES && items.length < WINDOW_ITEMS_MAX) continue
    yield items
    items = []
    bytes = 0
  }
  yield items
}

/**
 * What a file or an encoded directory consists of: a list of chunks and holes, itself cut into chunks where it is
 * long (format, section 6). It does not know where chunks are stored.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES, type ChunkId, chunkId } from '../model/ids.ts'
import { CONTENT_INLINE_BYTES_MAX, CONTENT_LEVELS_MAX } from '../model/limits.ts'

export const CHUNK_ITEM = 1
export const HOLE_ITEM = 2
export const CHUNK_ITEM_BYTES: number = 1 + CHUNK_ID_BYTES
export const HOLE_ITEM_BYTES = 9

export type Content = {
  /** 0: `items` are the content's own; n: they name the chunks that hold the items of level n - 1. */
  readonly levels: number
  /** Encoded items. */
  readonly items: Uint8Array
}

export type ContentItem = { readonly chunk: ChunkId } | { readonly hole: number }

export const EMPTY_CONTENT: Content = { levels: 0, items: new Uint8Array(0) }

export function writeContent(writer: ByteWriter, content: Content): void {
  writer.u8(content.levels).bytes(content.items)
}

export function encodeContent(content: Content): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(content.items.length + 8)
  writeContent(writer, content)
  return writer.done()
}

/** The items are a view of what the reader reads. */
export function readContent(reader: ByteReader): Content {
  const levels = reader.u8()
  if (levels > CONTENT_LEVELS_MAX) throw new SnapError('LIMIT_EXCEEDED', `content with ${levels} levels`)
  return { levels, items: reader.bytes(CONTENT_INLINE_BYTES_MAX) }
}

export function decodeContent(bytes: Uint8Array): Content {
  const reader = new ByteReader(bytes, 'content')
  const content = readContent(reader)
  reader.end()
  return content
}

/** All items of an encoded list, in order; ids are views. `OBJECT_DAMAGED` where it ends within an item. */
export function* readItems(items: Uint8Array): Generator<ContentItem> {
  const reader = new ByteReader(items, 'content items')
  while (reader.left > 0) {
    const tag = reader.u8()
    if (tag === CHUNK_ITEM) yield { chunk: chunkId(reader.raw(CHUNK_ID_BYTES)) }
    else if (tag === HOLE_ITEM) yield { hole: reader.u64() || reader.fail('a hole of no bytes') }
    else reader.fail(`unknown content item ${tag}`)
  }
}

export function writeHole(writer: ByteWriter, bytes: number): void {
  writer.u8(HOLE_ITEM).u64(bytes)
}

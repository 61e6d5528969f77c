/** Whether a file at the target has the bytes that the snapshot holds: hashed chunk by chunk, nothing is fetched. */
import type { Extent, TargetDirectory, TargetFiles } from '../../model/files.ts'
import { CHUNK_BYTES_MAX } from '../../model/limits.ts'
import type { ChunkReader } from '../../repository/chunk-reader.ts'
import { readItems } from '../../snapshot/content.ts'
import type { Entry } from '../../snapshot/entry.ts'

const buffer = new Uint8Array(CHUNK_BYTES_MAX)

/**
 * What is read of a file to compare it with holes, where it has none itself. A file with more is written anew: a hole may be larger
 * than anyone can read. Bytes.
 */
const HOLE_BYTES_READ_MAX = 268_435_456

export type ContentParts = {
  readonly chunks: ChunkReader
  readonly target: TargetFiles
  /** Plaintext bytes of a chunk; `undefined` where nothing holds it. */
  readonly lengthOf: (id: Uint8Array) => number | undefined
}

/** The file exists and has the entry's size. Holes compare as zeros. */
export async function sameContentAsFile(
  parts: ContentParts,
  directory: TargetDirectory,
  { name, size, content }: Entry,
): Promise<boolean> {
  if (content === undefined) return size === 0
  const fd = directory.openFile(name, false)
  try {
    const file = new FileToCompare(parts, fd, size)
    // Nearly every list is in its entry, and waiting for each of its items would take longer than hashing the chunk.
    if (content.levels === 0) {
      for (const item of readItems(content.items)) if (!file.goesOnWith(item)) return false
    } else for await (const item of parts.chunks.items(content)) if (!file.goesOnWith(item)) return false
    return file.isAtEnd
  } finally {
    parts.target.close(fd)
  }
}

class FileToCompare {
  readonly #parts: ContentParts
  readonly #fd: number
  readonly #size: number
  #position = 0
  /** Bytes that were compared with holes. */
  #zeros = 0
  /** Where the file has data; asked for when the first hole comes. */
  #extents: readonly Extent[] | undefined
  /** Of `#extents`, the first that ends behind the position. */
  #extent = 0

  constructor(parts: ContentParts, fd: number, size: number) {
    this.#parts = parts
    this.#fd = fd
    this.#size = size
  }

  get isAtEnd(): boolean {
    return this.#position === this.#size
  }

  /** Whether the item is what comes next in the file. */
  goesOnWith(item: { readonly chunk: Uint8Array } | { readonly hole: number }): boolean {
    const length = 'hole' in item ? item.hole : this.#parts.lengthOf(item.chunk)
    if (length === undefined || this.#position + length > this.#size) return false
    if ('hole' in item ? !this.#isHole(length) : !this.#isChunk(length, item.chunk)) return false
    this.#position += length
    return true
  }

  #isChunk(length: number, id: Uint8Array): boolean {
    if (length > buffer.length) return false
    const { target, chunks } = this.#parts
    return (
      target.read(this.#fd, buffer, 0, length, this.#position) === length &&
      chunks.matches(buffer.subarray(0, length), id)
    )
  }

  /** Holes of the file's own are taken for what they are, everything else is read. */
  #isHole(length: number): boolean {
    const end = this.#position + length
    this.#extents ??= this.#parts.target.dataExtents(this.#fd, this.#size)
    for (; this.#extent < this.#extents.length; this.#extent++) {
      const { offset = 0, bytes = 0 } = this.#extents[this.#extent] ?? {}
      if (offset >= end) break
      const from = Math.max(offset, this.#position)
      const to = Math.min(offset + bytes, end)
      if (to > from && !this.#isZero(from, to - from)) return false
      if (offset + bytes > end) break
    }
    return true
  }

  #isZero(from: number, length: number): boolean {
    this.#zeros += length
    if (this.#zeros > HOLE_BYTES_READ_MAX) return false
    for (let done = 0; done < length; ) {
      const wanted = Math.min(buffer.length, length - done)
      const count = this.#parts.target.read(this.#fd, buffer, 0, wanted, from + done)
      if (count === 0) return false
      for (let at = 0; at < count; at++) if (buffer[at] !== 0) return false
      done += count
    }
    return true
  }
}

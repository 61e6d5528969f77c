/** Whether a file at the target has the bytes that the snapshot holds: hashed chunk by chunk, nothing is fetched. */
import type { TargetDirectory, TargetFiles } from '../../model/files.ts'
import { CHUNK_BYTES_MAX } from '../../model/limits.ts'
import type { ChunkReader } from '../../repository/chunk-reader.ts'
import type { Entry } from '../../snapshot/entry.ts'

const buffer = new Uint8Array(CHUNK_BYTES_MAX)

/** Zeros that are read to compare holes. A file with more is written anew: a hole may be larger than anyone can read. */
const HOLE_BYTES_READ_MAX = 268_435_456

/** The file exists and has the entry's size. Holes compare as zeros. */
export async function sameContentAsFile(
  chunks: ChunkReader,
  target: TargetFiles,
  directory: TargetDirectory,
  entry: Entry,
): Promise<boolean> {
  if (entry.content === undefined) return entry.size === 0
  const fd = directory.openFile(entry.name, false)
  try {
    let position = 0
    let holes = 0
    for await (const item of chunks.items(entry.content)) {
      const length = 'hole' in item ? item.hole : chunks.lengthOf(item.chunk)
      if (length === undefined || !fits(position, length, entry.size)) return false
      if ('hole' in item) holes += length
      if (holes > HOLE_BYTES_READ_MAX) return false
      const same =
        'hole' in item
          ? isZero(target, fd, position, length)
          : isChunk(chunks, target, fd, position, length, item.chunk)
      if (!same) return false
      position += length
    }
    return position === entry.size
  } finally {
    target.close(fd)
  }
}

function fits(position: number, length: number, size: number): boolean {
  return position + length <= size
}

function isChunk(
  chunks: ChunkReader,
  target: TargetFiles,
  fd: number,
  position: number,
  length: number,
  id: Uint8Array,
): boolean {
  if (length > buffer.length) return false
  return (
    target.read(fd, buffer, 0, length, position) === length && chunks.matches(buffer.subarray(0, length), id)
  )
}

function isZero(target: TargetFiles, fd: number, position: number, length: number): boolean {
  for (let done = 0; done < length; ) {
    const count = target.read(fd, buffer, 0, Math.min(buffer.length, length - done), position + done)
    if (count === 0) return false
    for (let at = 0; at < count; at++) if (buffer[at] !== 0) return false
    done += count
  }
  return true
}

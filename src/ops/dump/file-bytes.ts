/** The bytes of a stored file as a stream: in order, with bounded memory, the next ones on their way while one is used. */
import type { ChunkReader } from '../../repository/chunk-reader.ts'
import { wholeBlocks } from '../../repository/content-blocks.ts'
import type { Entry } from '../../snapshot/entry.ts'

/** Blocks that are read ahead; a block has at most 1 MiB. */
const BLOCKS_AHEAD = 8
/** A hole comes in blocks of this. */
const HOLE_BLOCK_BYTES = 262_144

const ZEROS: Uint8Array = new Uint8Array(HOLE_BLOCK_BYTES)

/** Exactly `entry.size` bytes; `OBJECT_DAMAGED` otherwise, before more are handed out. Blocks must not be changed. */
export function fileBytes(chunks: ChunkReader, entry: Entry): AsyncGenerator<Uint8Array> {
  return readAhead(blocksOf(chunks, entry))
}

async function* blocksOf(chunks: ChunkReader, entry: Entry): AsyncGenerator<Uint8Array> {
  for await (const block of wholeBlocks(chunks, entry)) {
    if ('bytes' in block) {
      yield block.bytes
      continue
    }
    for (let rest = block.hole; rest > 0; rest -= HOLE_BLOCK_BYTES)
      yield ZEROS.subarray(0, Math.min(rest, HOLE_BLOCK_BYTES))
  }
}

/** A generator runs one `next` after the other, so asking early never reads two things at once. */
async function* readAhead(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const ahead: Promise<IteratorResult<Uint8Array>>[] = []
  try {
    for (;;) {
      while (ahead.length < BLOCKS_AHEAD) {
        const next = source.next()
        next.catch(() => undefined) // awaited below, in its turn
        ahead.push(next)
      }
      const result = await ahead.shift()
      if (result === undefined || result.done === true) return
      yield result.value
    }
  } finally {
    await source.return(undefined)
  }
}

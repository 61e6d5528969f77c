/**
 * Chunk sizes, and the rule for cutting that follows from them. It knows nothing of data, and nothing of which
 * files get which sizes.
 */
import { SnapError } from '../model/errors.ts'

/** Bytes. `average` is a power of two; see `chunkerParams`. */
export type ChunkerParams = { readonly min: number; readonly average: number; readonly max: number }

export const CHUNK_AVERAGE_BYTES_MIN = 4096
export const CHUNK_AVERAGE_BYTES_MAX: number = 4 * 1024 * 1024

/**
 * Sizes around an average: a quarter of it to four times it. `LIMIT_EXCEEDED` where the average is no power of two
 * between 4 KiB and 4 MiB.
 */
export function chunkerParams(average: number): ChunkerParams {
  const power = Number.isInteger(Math.log2(average))
  if (!power || average < CHUNK_AVERAGE_BYTES_MIN || average > CHUNK_AVERAGE_BYTES_MAX) {
    throw new SnapError(
      'LIMIT_EXCEEDED',
      `chunks of ${average} bytes on average: a power of two from 4 KiB to 4 MiB is needed`,
    )
  }
  return { min: average / 4, average, max: average * 4 }
}

/** 4, 16 and 64 KiB: what is edited in place. */
export const DEFAULT_PARAMS: ChunkerParams = chunkerParams(16 * 1024)
/** 64 KiB, 256 KiB and 1 MiB: media and archives, which are replaced rather than edited. */
export const MEDIA_PARAMS: ChunkerParams = chunkerParams(256 * 1024)

/** Where a chunk may end. Bytes from its start, and masks over the gear hash. */
export type CutRule = {
  readonly min: number
  /** From here on the easier mask holds. */
  readonly normal: number
  readonly max: number
  readonly strictMask: number
  readonly easyMask: number
}

/**
 * FastCDC's normalised chunking, level 2 (Xia et al., USENIX ATC 2016; IEEE TPDS 2020): four times as hard to cut
 * as the average asks for while the chunk is short, four times as easy afterwards. The masks take the highest
 * bits, which depend on most bytes. The border lies at 13/16 of the average: with the mean wait of a quarter of
 * the average behind it, less the chunks cut before it, chunks of random data have the average size within 2 %.
 */
export function cutRule({ min, average, max }: ChunkerParams): CutRule {
  const bits = Math.log2(average)
  return {
    min,
    normal: (average / 16) * 13,
    max,
    strictMask: highBits(bits + 2),
    easyMask: highBits(bits - 2),
  }
}

function highBits(count: number): number {
  return (0xffffffff << (32 - count)) >>> 0
}

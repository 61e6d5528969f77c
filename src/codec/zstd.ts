/**
 * zstd frames in buffers of the caller, with and without a dictionary. It does not know what is compressed or
 * when compressing pays; it never writes past the room it is given, whatever the frame says.
 */
import { createRequire } from 'node:module'
import type * as Binding from 'zstd-napi/binding.js'
import { SnapError } from '../model/errors.ts'
import { rawContent } from './dictionary.ts'
import { createNodeZstd } from './zstd-node.ts'

/**
 * One context each way, reused: an object serves one call at a time, and none of the buffers is kept. Frames carry
 * no checksum and no dictionary id.
 *
 * A dictionary is raw content, as `dictionary.ts` says. At level 3 zstd uses the last MiB of it. Source and
 * dictionary must not share memory: zstd leaves out what overlaps.
 */
export interface Zstd {
  readonly name: 'zstd-napi' | 'node:zlib'
  /** Writes one frame into `into` from `at` on; returns its bytes, or 0 where the room left does not hold it. */
  compress(source: Uint8Array, into: Uint8Array, at: number, level: number): number
  compressWithDictionary(
    source: Uint8Array,
    dictionary: Uint8Array,
    into: Uint8Array,
    at: number,
    level: number,
  ): number
  /**
   * Decompresses all of `source` into `into` and returns the bytes written, at most `into.length`; the caller
   * compares them with what it expects. `OBJECT_DAMAGED` where the source is no zstd data or does not fit.
   */
  decompress(source: Uint8Array, into: Uint8Array): number
  decompressWithDictionary(source: Uint8Array, dictionary: Uint8Array, into: Uint8Array): number
}

/** `zstd-napi` where it loads, otherwise Node's own zstd (22.15 and later). `PLATFORM_LACKS` where neither is there. */
export function createZstd(): Zstd {
  const zstd = createNativeZstd() ?? createNodeZstd()
  if (zstd !== undefined) return zstd
  throw new SnapError('PLATFORM_LACKS', 'neither zstd-napi nor the zstd of node:zlib loads here', {
    hint: 'Reinstall so that zstd-napi is built for this platform, or use Node 22.15 or later.',
  })
}

/**
 * At this level zstd's table of short matches has 2^16 entries for 2 MiB. With 2^14 both its tables fit in 640 KiB of cache: on a
 * kernel tree 265 MB/s instead of 241, and frames 0.45 % larger.
 */
const TUNED_LEVEL = 3
const TUNED_CHAIN_LOG = 14

/** `undefined` where the addon has no binary for this platform. */
export function createNativeZstd(): Zstd | undefined {
  const binding = loadBinding()
  if (binding === undefined) return undefined
  const compressor = new binding.CCtx()
  const tuned = new binding.CCtx()
  tuned.setParameter(binding.CParameter.compressionLevel, TUNED_LEVEL)
  tuned.setParameter(binding.CParameter.chainLog, TUNED_CHAIN_LOG)
  const decompressor = new binding.DCtx()
  return {
    name: 'zstd-napi',
    compress: (source, into, at, level) =>
      fittingBytes(() =>
        level === TUNED_LEVEL
          ? tuned.compress2(into.subarray(at), source)
          : compressor.compress(into.subarray(at), source, level),
      ),
    compressWithDictionary: (source, dictionary, into, at, level) =>
      fittingBytes(() =>
        compressor.compressUsingDict(into.subarray(at), source, rawContent(dictionary), level),
      ),
    decompress: (source, into) => decoded(() => decompressor.decompress(into, source)),
    decompressWithDictionary: (source, dictionary, into) =>
      decoded(() => decompressor.decompressUsingDict(into, source, rawContent(dictionary))),
  }
}

function loadBinding(): typeof Binding | undefined {
  try {
    // Not `import`: the binding is CommonJS whose names Node cannot see before it runs, and this call is synchronous.
    return createRequire(import.meta.url)('zstd-napi/binding.js') as typeof Binding
  } catch {
    return undefined
  }
}

/** libzstd's name of `ZSTD_error_dstSize_tooSmall`, which is all that the binding passes on. */
const TOO_SMALL = 'Destination buffer is too small'

function fittingBytes(compress: () => number): number {
  try {
    return compress()
  } catch (error) {
    if (error instanceof Error && error.message === TOO_SMALL) return 0
    throw error
  }
}

function decoded(decompress: () => number): number {
  try {
    return decompress()
  } catch (cause) {
    throw new SnapError('OBJECT_DAMAGED', 'compressed data does not decode', { cause })
  }
}

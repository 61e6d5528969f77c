/**
 * The zstd of `node:zlib` behind the `Zstd` port, for platforms where the native addon has no binary. It copies
 * each result once more than the addon does.
 */
import * as zlib from 'node:zlib'
import { SnapError } from '../model/errors.ts'
import { rawContent } from './dictionary.ts'
import type { Zstd } from './zstd.ts'

type ZstdOptions = {
  readonly params?: Readonly<Record<number, number>>
  readonly dictionary?: Uint8Array
  readonly maxOutputLength?: number
}

/** What Node 22.15 added; the types of Node 20 do not know it. */
type ZstdOfNode = {
  readonly zstdCompressSync: (source: Uint8Array, options: ZstdOptions) => Uint8Array
  readonly zstdDecompressSync: (source: Uint8Array, options: ZstdOptions) => Uint8Array
  readonly constants: { readonly ZSTD_c_compressionLevel: number }
}

/** `undefined` where this Node has no zstd. Functions that take a dictionary throw `PLATFORM_LACKS` before Node 22.19. */
export function createNodeZstd(): Zstd | undefined {
  if (!('zstdCompressSync' in zlib)) return undefined
  const node = zlib as unknown as ZstdOfNode
  let dictionaries: boolean | undefined

  const compress = (source: Uint8Array, into: Uint8Array, at: number, options: ZstdOptions): number => {
    const frame = node.zstdCompressSync(source, options)
    if (frame.length > into.length - at) return 0
    into.set(frame, at)
    return frame.length
  }
  const decompress = (source: Uint8Array, into: Uint8Array, options: ZstdOptions): number => {
    const plain = decode(node, source, { ...options, maxOutputLength: Math.max(1, into.length) })
    if (plain.length > into.length) throw damaged(undefined)
    into.set(plain)
    return plain.length
  }
  const level = (value: number): ZstdOptions => ({
    params: { [node.constants.ZSTD_c_compressionLevel]: value },
  })
  const withDictionary = (dictionary: Uint8Array): ZstdOptions => {
    dictionaries ??= usesDictionaries(node)
    if (!dictionaries) {
      throw new SnapError('PLATFORM_LACKS', "this Node's zstd takes no dictionary", {
        hint: 'Reinstall so that zstd-napi is built for this platform, or use Node 22.19 or later.',
      })
    }
    return { dictionary: rawContent(dictionary) }
  }
  return {
    name: 'node:zlib',
    compress: (source, into, at, value) => compress(source, into, at, level(value)),
    compressWithDictionary: (source, dictionary, into, at, value) =>
      compress(source, into, at, { ...level(value), ...withDictionary(dictionary) }),
    decompress: (source, into) => decompress(source, into, {}),
    decompressWithDictionary: (source, dictionary, into) =>
      decompress(source, into, withDictionary(dictionary)),
  }
}

/** An option that Node does not know is ignored without a word, so see whether it makes a frame smaller. */
function usesDictionaries(node: ZstdOfNode): boolean {
  const text = Uint8Array.from({ length: 64 }, (_, i) => (i * i * 37) & 0xff)
  return node.zstdCompressSync(text, { dictionary: text }).length < node.zstdCompressSync(text, {}).length
}

function decode(node: ZstdOfNode, source: Uint8Array, options: ZstdOptions): Uint8Array {
  try {
    return node.zstdDecompressSync(source, options)
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause: unknown): SnapError {
  return new SnapError('OBJECT_DAMAGED', 'compressed data does not decode', { cause })
}

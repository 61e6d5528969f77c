/**
 * A repository's fixed parameters: the body of the object `config` (format, section 2).
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 12 | chunk sizes of ordinary files: min, average, max |
 * | 12 | 12 | chunk sizes of incompressible files: min, average, max |
 * | 24 | 4 | segment target, bytes of plaintext |
 * | 28 | 4 | pack target, bytes |
 * | 32 | 32 | content public key |
 * | 64 | 32 | signing public key of the first admin |
 * | 96 | 8 | created, ms since the epoch |
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import type { RepositoryId } from '../model/ids.ts'
import { CHUNK_BYTES_MAX, PACK_BYTES_MAX, SEGMENT_BYTES_MAX } from '../model/limits.ts'
import { decodeObjectHeader } from '../object/header.ts'
import { CONFIG_KEY } from '../object/object-keys.ts'
import { openNamed, sealedBytesMax, sealNamed } from '../object/sealed-object.ts'
import { KEY_BYTES } from './hierarchy.ts'

/** Smaller chunks cost more to describe than they hold. */
export const CHUNK_SIZE_BYTES_MIN = 1_024
/** Half of the greatest pack: room for a last segment, the footer and padding. */
export const PACK_TARGET_BYTES_MAX: number = PACK_BYTES_MAX / 2
const CONFIG_BYTES_MAX = 4_096
/** Of the whole object. */
export const CONFIG_OBJECT_BYTES_MAX: number = sealedBytesMax(CONFIG_BYTES_MAX)

/** Bytes. `average` is a power of two. */
export type ChunkSizes = { readonly min: number; readonly average: number; readonly max: number }

export type RepositoryConfig = {
  readonly chunks: ChunkSizes
  /** Of files that do not compress: media and archives, which are replaced, not edited. */
  readonly incompressibleChunks: ChunkSizes
  readonly segmentBytesTarget: number
  readonly packBytesTarget: number
  readonly contentPublic: Uint8Array
  /** The only key that may write log entry 0, and an admin from the start. */
  readonly firstAdmin: Uint8Array
  /** ms since the epoch. */
  readonly createdMs: number
}

/** `LIMIT_EXCEEDED` for sizes that the format does not allow. */
export function encodeConfig(config: RepositoryConfig): Uint8Array<ArrayBuffer> {
  checkConfig(config)
  const writer = new ByteWriter(104)
  for (const sizes of [config.chunks, config.incompressibleChunks]) {
    writer.u32(sizes.min).u32(sizes.average).u32(sizes.max)
  }
  return writer
    .u32(config.segmentBytesTarget)
    .u32(config.packBytesTarget)
    .raw(config.contentPublic)
    .raw(config.firstAdmin)
    .i64(config.createdMs)
    .done()
}

export function decodeConfig(body: Uint8Array): RepositoryConfig {
  const reader = new ByteReader(body, CONFIG_KEY)
  const config = {
    chunks: readSizes(reader),
    incompressibleChunks: readSizes(reader),
    segmentBytesTarget: reader.u32(),
    packBytesTarget: reader.u32(),
    contentPublic: reader.raw(KEY_BYTES),
    firstAdmin: reader.raw(KEY_BYTES),
    createdMs: reader.i64(),
  }
  reader.end()
  checkConfig(config)
  return config
}

/** The whole object `config`. */
export function sealConfig(
  config: RepositoryConfig,
  repositoryId: RepositoryId,
  configKey: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const body = encodeConfig(config)
  return sealNamed({ repositoryId, type: 'config', key: CONFIG_KEY, secret: configKey, body, random })
}

export function openConfig(
  bytes: Uint8Array,
  repositoryId: RepositoryId,
  configKey: Uint8Array,
): RepositoryConfig {
  const place = { repositoryId, type: 'config', key: CONFIG_KEY } as const
  return decodeConfig(openNamed({ ...place, secret: configKey, bytes, bodyBytesMax: CONFIG_BYTES_MAX }))
}

/** Which repository this is, from the clear header of `config`: not authenticated until a slot and the config open under it. */
export function repositoryIdOfConfig(bytes: Uint8Array): RepositoryId {
  const header = decodeObjectHeader(bytes, CONFIG_KEY)
  if (header.type !== 'config') throw new SnapError('OBJECT_DAMAGED', `config is a ${header.type}`)
  return header.repository
}

function readSizes(reader: ByteReader): ChunkSizes {
  return { min: reader.u32(), average: reader.u32(), max: reader.u32() }
}

function checkConfig(config: RepositoryConfig): void {
  checkChunkSizes(config.chunks)
  checkChunkSizes(config.incompressibleChunks)
  checkWithin('the segment target', config.segmentBytesTarget, CHUNK_SIZE_BYTES_MIN, SEGMENT_BYTES_MAX)
  checkWithin('the pack target', config.packBytesTarget, config.segmentBytesTarget, PACK_TARGET_BYTES_MAX)
}

/** `LIMIT_EXCEEDED` unless min is at most half the average, average <= max, all within the limits, and the average is a power of two. */
export function checkChunkSizes({ min, average, max }: ChunkSizes): void {
  checkWithin('the smallest chunk', min, CHUNK_SIZE_BYTES_MIN, average / 2)
  checkWithin('the average chunk', average, min, CHUNK_BYTES_MAX)
  checkWithin('the greatest chunk', max, average, CHUNK_BYTES_MAX)
  if (!Number.isInteger(Math.log2(average))) {
    throw new SnapError(
      'LIMIT_EXCEEDED',
      `the average chunk has ${average} bytes, which is not a power of two`,
    )
  }
}

function checkWithin(what: string, bytes: number, min: number, max: number): void {
  if (Number.isInteger(bytes) && bytes >= min && bytes <= max) return
  throw new SnapError('LIMIT_EXCEEDED', `${what} has ${bytes} bytes; ${min} to ${max} are allowed`)
}

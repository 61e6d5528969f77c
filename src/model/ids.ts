/**
 * Names of things, each its own type, so that one cannot be passed for another. The only casts live here.
 */
import { SnapError } from './errors.ts'

declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** Keyed BLAKE3 of a chunk's plaintext: 32 bytes. */
export type ChunkId = Branded<Uint8Array, 'ChunkId'>
/** 128 random bits as 32 hex digits, fresh for every attempt to store a pack. */
export type PackId = Branded<string, 'PackId'>
/** 128 random bits as 32 hex digits. */
export type SnapshotId = Branded<string, 'SnapshotId'>
/** 128 random bits as 32 hex digits; the object `index/<id>`. */
export type IndexId = Branded<string, 'IndexId'>
/** 128 random bits as 32 hex digits, fixed at `init`. */
export type RepositoryId = Branded<string, 'RepositoryId'>
/** 128 random bits as 32 hex digits; the object `slots/<id>`. */
export type SlotId = Branded<string, 'SlotId'>
/** 128 random bits as 32 hex digits; the object `lists/<id>`. */
export type ListId = Branded<string, 'ListId'>
/** 128 bits of a keyed hash over host and job or paths, as 32 hex digits. */
export type SeriesId = Branded<string, 'SeriesId'>

export const CHUNK_ID_BYTES = 32
/** Bytes of every other id. */
export const ID_BYTES = 16

const HEX_ID = /^[0-9a-f]{32}$/

function hexId(text: string, what: string): string {
  if (!HEX_ID.test(text))
    throw new SnapError('OBJECT_DAMAGED', `${what} ${JSON.stringify(text.slice(0, 64))} is not 32 hex digits`)
  return text
}

/** Takes exactly 32 bytes; a view, not a copy. */
export function chunkId(bytes: Uint8Array): ChunkId {
  if (bytes.length !== CHUNK_ID_BYTES)
    throw new SnapError('OBJECT_DAMAGED', `a chunk id has ${bytes.length} bytes, not 32`)
  return bytes as ChunkId
}

export const packId = (text: string): PackId => hexId(text, 'pack id') as PackId
export const snapshotId = (text: string): SnapshotId => hexId(text, 'snapshot id') as SnapshotId
export const indexId = (text: string): IndexId => hexId(text, 'index id') as IndexId
export const repositoryId = (text: string): RepositoryId => hexId(text, 'repository id') as RepositoryId
export const slotId = (text: string): SlotId => hexId(text, 'slot id') as SlotId
export const listId = (text: string): ListId => hexId(text, 'list id') as ListId
export const seriesId = (text: string): SeriesId => hexId(text, 'series id') as SeriesId

/** Of ids that follow each other: copies. */
export function chunkIdsIn(ids: Uint8Array): Uint8Array[] {
  return Array.from({ length: ids.length / CHUNK_ID_BYTES }, (_, index) =>
    ids.slice(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES),
  )
}

/**
 * What each kind of log entry says, and its bytes (format, section 7). It does not know whether an entry may say so:
 * that is the fold's.
 */
import { unreachable } from '../base/assert.ts'
import { ByteReader, ByteWriter, decodeText, encodeText, fromHex, toHex } from '../base/bytes.ts'
import { HASH_BYTES } from '../crypto/blake3.ts'
import { SIGNING_PUBLIC_KEY_BYTES } from '../crypto/signature.ts'
import { SnapError } from '../model/errors.ts'
import {
  ID_BYTES,
  type IndexId,
  indexId,
  type PackId,
  packId,
  type SeriesId,
  type SnapshotId,
  seriesId,
  snapshotId,
} from '../model/ids.ts'
import { CONTENT_INLINE_BYTES_MAX, CONTENT_LEVELS_MAX, LOG_LIST_BYTES_MAX } from '../model/limits.ts'
import type { LogKind } from './entry.ts'

/** Numbered in this order, from 0. */
export const KEY_ROLES = ['revoked', 'admin', 'reader', 'writer'] as const
export type KeyRole = (typeof KEY_ROLES)[number]

const KEY_NAME_BYTES_MAX = 1_024

/** An index object and the BLAKE3 of its raw bytes. */
export type IndexReference = { readonly id: IndexId; readonly hash: Uint8Array }

export type CommitPayload = {
  readonly kind: 'commit'
  readonly snapshot: SnapshotId
  readonly series: SeriesId
  /** The newest log number that the writer knew; -1 for none. */
  readonly headRead: number
  /** When the snapshot was taken, ms since the epoch. */
  readonly timeMs: number
  /** The tree of `/`: one encoded `content`. */
  readonly root: Uint8Array
  readonly indexes: readonly IndexReference[]
  /** `SnapshotDetails`, sealed to the content public key. */
  readonly details: Uint8Array
}

export type SnapshotsPayload = {
  readonly kind: 'forget' | 'unforget' | 'hold' | 'unhold'
  readonly snapshots: readonly SnapshotId[]
}

/** `sealed`: JSON as in a note, sealed to the content public key. */
export type TagPayload = {
  readonly kind: 'tag'
  readonly tags: readonly { readonly snapshot: SnapshotId; readonly sealed: Uint8Array }[]
}

export type GcPayload = {
  readonly kind: 'gc'
  readonly packs: readonly PackId[]
  readonly indexes: readonly IndexId[]
  readonly newIndexes: readonly IndexReference[]
  /** Forgotten ones that nothing is kept for any more: they cannot be had back. */
  readonly snapshots: readonly SnapshotId[]
}

export type PacksPayload = { readonly kind: 'quarantine' | 'attest'; readonly packs: readonly PackId[] }

export type KeyGrant = { readonly publicKey: Uint8Array; readonly role: KeyRole; readonly name: string }
export type KeysPayload = { readonly kind: 'keys'; readonly keys: readonly KeyGrant[] }

/** JSON, sealed to the content public key. */
export type NotePayload = { readonly kind: 'note'; readonly sealed: Uint8Array }
/** An encoded log state (`checkpoint.ts`). */
export type CheckpointPayload = { readonly kind: 'checkpoint'; readonly state: Uint8Array }

export type LogPayload =
  | CommitPayload
  | SnapshotsPayload
  | GcPayload
  | PacksPayload
  | KeysPayload
  | NotePayload
  | CheckpointPayload
  | TagPayload

export function encodePayload(payload: LogPayload): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter()
  switch (payload.kind) {
    case 'commit':
      return encodeCommit(writer, payload)
    case 'forget':
    case 'unforget':
    case 'hold':
    case 'unhold':
      writeIds(writer, payload.snapshots)
      break
    case 'gc':
      writeIds(writer, payload.packs)
      writeIds(writer, payload.indexes)
      writeReferences(writer, payload.newIndexes)
      writeIds(writer, payload.snapshots)
      break
    case 'quarantine':
    case 'attest':
      writeIds(writer, payload.packs)
      break
    case 'keys':
      writeKeys(writer, payload.keys)
      break
    case 'note':
      writer.bytes(payload.sealed)
      break
    case 'checkpoint':
      writer.raw(payload.state)
      break
    case 'tag':
      writer.varint(payload.tags.length)
      for (const { snapshot, sealed } of payload.tags) writer.raw(fromHex(snapshot)).bytes(sealed)
      break
    default:
      unreachable(payload)
  }
  return writer.done()
}

/** `name` is for messages. What is returned holds no view of `bytes`. */
export function decodePayload(kind: LogKind, bytes: Uint8Array, name: string): LogPayload {
  const reader = new ByteReader(bytes, name)
  const payload = readPayload(kind, reader, bytes)
  reader.end()
  return payload
}

function readPayload(kind: LogKind, reader: ByteReader, bytes: Uint8Array): LogPayload {
  switch (kind) {
    case 'commit':
      return readCommit(reader, bytes)
    case 'forget':
    case 'unforget':
    case 'hold':
    case 'unhold':
      return { kind, snapshots: readIds(reader, snapshotId) }
    case 'gc':
      return {
        kind,
        packs: readIds(reader, packId),
        indexes: readIds(reader, indexId),
        newIndexes: readReferences(reader),
        snapshots: readIds(reader, snapshotId),
      }
    case 'quarantine':
    case 'attest':
      return { kind, packs: readIds(reader, packId) }
    case 'keys':
      return { kind, keys: readKeys(reader) }
    case 'note':
      return { kind, sealed: copy(reader.bytes(LOG_LIST_BYTES_MAX)) }
    case 'checkpoint':
      return { kind, state: copy(reader.raw(reader.left)) }
    case 'tag':
      return { kind, tags: readTags(reader) }
    default:
      return unreachable(kind)
  }
}

function encodeCommit(writer: ByteWriter, commit: CommitPayload): Uint8Array<ArrayBuffer> {
  writer.raw(fromHex(commit.snapshot)).raw(fromHex(commit.series)).i64(commit.headRead).i64(commit.timeMs)
  writer.raw(commit.root)
  writeReferences(writer, commit.indexes)
  return writer.bytes(commit.details).done()
}

function readCommit(reader: ByteReader, bytes: Uint8Array): CommitPayload {
  return {
    kind: 'commit',
    snapshot: snapshotId(toHex(reader.raw(ID_BYTES))),
    series: seriesId(toHex(reader.raw(ID_BYTES))),
    headRead: reader.i64(),
    timeMs: reader.i64(),
    root: readRoot(reader, bytes),
    indexes: readReferences(reader),
    details: copy(reader.bytes(LOG_LIST_BYTES_MAX)),
  }
}

/** One encoded `content`, its frame checked and its items left to who reads trees. `bytes` is what the reader reads. */
export function readRoot(reader: ByteReader, bytes: Uint8Array): Uint8Array {
  const start = reader.position
  const levels = reader.u8()
  if (levels > CONTENT_LEVELS_MAX) throw new SnapError('LIMIT_EXCEEDED', `a root tree with ${levels} levels`)
  reader.bytes(CONTENT_INLINE_BYTES_MAX)
  return copy(bytes.subarray(start, reader.position))
}

export function writeIds(writer: ByteWriter, ids: readonly string[]): void {
  writer.varint(ids.length)
  for (const id of ids) writer.raw(fromHex(id))
}

export function readIds<Id>(reader: ByteReader, parse: (text: string) => Id): Id[] {
  const count = reader.count(LOG_LIST_BYTES_MAX, ID_BYTES)
  return Array.from({ length: count }, () => parse(toHex(reader.raw(ID_BYTES))))
}

export function writeReferences(writer: ByteWriter, references: readonly IndexReference[]): void {
  writer.varint(references.length)
  for (const { id, hash } of references) writer.raw(fromHex(id)).raw(hash)
}

export function readReferences(reader: ByteReader): IndexReference[] {
  const count = reader.count(LOG_LIST_BYTES_MAX, ID_BYTES + HASH_BYTES)
  return Array.from({ length: count }, () => ({
    id: indexId(toHex(reader.raw(ID_BYTES))),
    hash: copy(reader.raw(HASH_BYTES)),
  }))
}

function readTags(reader: ByteReader): TagPayload['tags'] {
  const count = reader.count(LOG_LIST_BYTES_MAX, ID_BYTES + 1)
  return Array.from({ length: count }, () => ({
    snapshot: snapshotId(toHex(reader.raw(ID_BYTES))),
    sealed: copy(reader.bytes(LOG_LIST_BYTES_MAX)),
  }))
}

export function writeKeys(writer: ByteWriter, keys: readonly KeyGrant[]): void {
  writer.varint(keys.length)
  for (const { publicKey, role, name } of keys) {
    writer.raw(publicKey).u8(KEY_ROLES.indexOf(role)).bytes(encodeText(name))
  }
}

export function readKeys(reader: ByteReader): KeyGrant[] {
  const count = reader.count(LOG_LIST_BYTES_MAX, SIGNING_PUBLIC_KEY_BYTES + 2)
  return Array.from({ length: count }, () => ({
    publicKey: copy(reader.raw(SIGNING_PUBLIC_KEY_BYTES)),
    role: KEY_ROLES[reader.u8()] ?? reader.fail('unknown role'),
    name: decodeText(reader.bytes(KEY_NAME_BYTES_MAX), 'the name of a key'),
  }))
}

/** Own memory, so that a long-lived value does not keep a whole entry alive. */
export function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

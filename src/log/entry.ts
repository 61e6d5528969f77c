/**
 * One entry of the log: its signed body and the object around it (format, section 7). It knows who signed what,
 * not who may write what, nor what a payload means.
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 1 | kind |
 * | 1 | 1 | 1 where the payload is a list object |
 * | 2 | 6 | reserved |
 * | 8 | 8 | number |
 * | 16 | 32 | BLAKE3 of the raw bytes of the object before |
 * | 48 | 8 | time, ms since the epoch, by the author's clock |
 * | 56 | 32 | author: signing public key |
 * | 88 | 4 | payload length p |
 * | 92 | p | payload, or list id (16) and BLAKE3 of the list object's raw bytes (32) |
 * | 92 + p | 64 | Ed25519 signature |
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter, encodeText, fromHex, toHex } from '../base/bytes.ts'
import { HASH_BYTES } from '../crypto/blake3.ts'
import {
  SIGNATURE_BYTES,
  SIGNING_PUBLIC_KEY_BYTES,
  sign,
  signaturePublicKey,
  verifySignature,
} from '../crypto/signature.ts'
import type { Random } from '../model/clock.ts'
import { ID_BYTES, type ListId, listId, type RepositoryId } from '../model/ids.ts'
import { LOG_ENTRY_BYTES_MAX } from '../model/limits.ts'
import { logKey } from '../object/object-keys.ts'
import { openNamed, sealNamed } from '../object/sealed-object.ts'

/** In the order of their numbers, which begin at 1. */
export const LOG_KINDS = [
  'commit',
  'forget',
  'unforget',
  'gc',
  'quarantine',
  'attest',
  'keys',
  'note',
  'checkpoint',
  'hold',
  'unhold',
  'tag',
] as const
export type LogKind = (typeof LOG_KINDS)[number]

const SIGNATURE_LABEL = encodeText('snapkeep v1 log entry')
const RESERVED_BYTES = 6
const REFERENCE_BYTES: number = ID_BYTES + HASH_BYTES

/** A payload that is an object of its own. */
export type ListReference = { readonly id: ListId; readonly hash: Uint8Array }

export type EntryPayload = { readonly inline: Uint8Array } | { readonly list: ListReference }

export type EntryFields = {
  readonly kind: LogKind
  readonly number: number
  /** BLAKE3 of the raw bytes of the object before; zeros for number 0. */
  readonly previous: Uint8Array
  /** ms since the epoch, by the author's clock, which may be wrong. */
  readonly timeMs: number
  readonly payload: EntryPayload
}

export type LogEntry = EntryFields & {
  /** Signing public key. */
  readonly author: Uint8Array
}

/** Whose log it is, and the key that opens it. */
export type LogSecrets = { readonly repositoryId: RepositoryId; readonly logKey: Uint8Array }

/** The body, signed by the holder of `signingSeed`, who becomes its author. */
export function signEntry(
  fields: EntryFields,
  repository: RepositoryId,
  signingSeed: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { kind, number, previous, timeMs, payload } = fields
  assert(previous.length === HASH_BYTES, 'the hash of the object before has 32 bytes')
  const elsewhere = 'list' in payload
  const bytes = elsewhere
    ? new ByteWriter(REFERENCE_BYTES).raw(fromHex(payload.list.id)).raw(payload.list.hash).done()
    : payload.inline
  const writer = new ByteWriter(256 + bytes.length)
    .u8(LOG_KINDS.indexOf(kind) + 1)
    .u8(elsewhere ? 1 : 0)
    .zeros(RESERVED_BYTES)
    .u64(number)
    .raw(previous)
    .i64(timeMs)
    .raw(signaturePublicKey(signingSeed))
    .u32(bytes.length)
    .raw(bytes)
  const body = writer.raw(sign(signingSeed, signedMessage(repository, writer.view()))).done()
  assert(body.length <= LOG_ENTRY_BYTES_MAX, 'a log entry within its limit')
  return body
}

/** Decodes a body and nothing more: `OBJECT_DAMAGED` where its bytes are no entry with that number. */
export function decodeEntry(body: Uint8Array, number: number): LogEntry {
  const reader = new ByteReader(body, logKey(number))
  const kind = LOG_KINDS[reader.u8() - 1] ?? reader.fail('unknown kind')
  const elsewhere = reader.u8()
  if (elsewhere > 1) reader.fail('payload neither here nor elsewhere')
  reader.zeros(RESERVED_BYTES)
  const own = reader.u64()
  if (own !== number) reader.fail(`holds entry ${own}`)
  const previous = new Uint8Array(reader.raw(HASH_BYTES))
  const timeMs = reader.i64()
  const author = new Uint8Array(reader.raw(SIGNING_PUBLIC_KEY_BYTES))
  const bytes = reader.raw(reader.u32())
  reader.raw(SIGNATURE_BYTES)
  reader.end()
  const payload = elsewhere === 1 ? { list: readReference(bytes, number) } : { inline: bytes }
  return { kind, number, previous, timeMs, author, payload }
}

/** True where the author of `entry`, decoded from `body`, signed it for this repository. */
export function isSigned(entry: LogEntry, body: Uint8Array, repository: RepositoryId): boolean {
  const signedBytes = body.length - SIGNATURE_BYTES
  const message = signedMessage(repository, body.subarray(0, signedBytes))
  return verifySignature(entry.author, message, body.subarray(signedBytes))
}

/** The whole log object. */
export function sealEntry(
  body: Uint8Array,
  number: number,
  secrets: LogSecrets,
  random: Random,
): Uint8Array<ArrayBuffer> {
  return sealNamed({ ...placeOf(number, secrets), body, random })
}

/** The body of the log object `number`. */
export function openEntry(bytes: Uint8Array, number: number, secrets: LogSecrets): Uint8Array {
  return openNamed({ ...placeOf(number, secrets), bytes, bodyBytesMax: LOG_ENTRY_BYTES_MAX })
}

function placeOf(number: number, { repositoryId, logKey: secret }: LogSecrets) {
  return { repositoryId, type: 'log', key: logKey(number), secret } as const
}

function readReference(bytes: Uint8Array, number: number): ListReference {
  const reader = new ByteReader(bytes, `list reference of ${logKey(number)}`)
  const reference = {
    id: listId(toHex(reader.raw(ID_BYTES))),
    hash: new Uint8Array(reader.raw(HASH_BYTES)),
  }
  reader.end()
  return reference
}

function signedMessage(repository: RepositoryId, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([SIGNATURE_LABEL, fromHex(repository), bytes])
}

/**
 * Small objects with one sealed body (format, section 1): config, slots, index objects, log entries and lists. It
 * frames, pads, seals and binds a body to its place; it does not know what a body means.
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 32 | object header |
 * | 32 | c | context: what the object shows in clear (only slots have any) |
 * | 32 + c | 32 + n + 16 | salt, ciphertext, tag |
 *
 * Plaintext: body length (4), body, zeros up to a Padme size. AAD: header, object key in ASCII, context.
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter, encodeText } from '../base/bytes.ts'
import { OBJECT_SEAL_BYTES, openObject, sealObject } from '../crypto/aead.ts'
import type { Random } from '../model/clock.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { RepositoryId } from '../model/ids.ts'
import type { ObjectKey } from '../model/storage.ts'
import { OBJECT_HEADER_BYTES, type ObjectType, readObjectHeader, writeObjectHeader } from './header.ts'
import { padmeBytes } from './padme.ts'

const LENGTH_BYTES = 4

/** What binds a sealed object to its place. */
export type ObjectPlace = {
  readonly repositoryId: RepositoryId
  readonly type: ObjectType
  readonly key: ObjectKey
}

export type ToSeal = ObjectPlace & {
  /** 32 bytes. */
  readonly secret: Uint8Array
  /** Stored in clear between the header and the sealed body, and authenticated with it. */
  readonly context?: Uint8Array | undefined
  readonly body: Uint8Array
  readonly random: Random
  /** The frame has at least so many bytes. */
  readonly minimum?: number | undefined
}

export type ToOpen = ObjectPlace & {
  readonly secret: Uint8Array
  readonly contextBytes?: number | undefined
  /** The stored object. */
  readonly bytes: Uint8Array
  readonly bodyBytesMax: number
}

/** No object with a body of at most `bodyBytesMax` is longer. */
export function sealedBytesMax(bodyBytesMax: number, contextBytes = 0): number {
  return OBJECT_HEADER_BYTES + contextBytes + OBJECT_SEAL_BYTES + padmeBytes(LENGTH_BYTES + bodyBytesMax)
}

/** The whole object, ready to store. */
export function sealNamed(object: ToSeal): Uint8Array<ArrayBuffer> {
  const { repositoryId: repository, type, key, secret, body } = object
  const context = object.context ?? new Uint8Array(0)
  const header = writeObjectHeader({ type, repository })
  const framed = LENGTH_BYTES + body.length
  const size = Math.max(object.minimum ?? 0, padmeBytes(framed))
  const frame = new ByteWriter(size)
    .u32(body.length)
    .raw(body)
    .zeros(size - framed)
  const sealed = sealObject(secret, aadOf(header, key, context), frame.view(), object.random)
  return new ByteWriter(header.length + context.length + sealed.length)
    .raw(header)
    .raw(context)
    .raw(sealed)
    .done()
}

/**
 * The body, a view of bytes of its own. `OBJECT_DAMAGED` where anything differs from what was sealed at this place,
 * `LIMIT_EXCEEDED` for more than `bodyBytesMax`, before anything is decrypted.
 */
export function openNamed(object: ToOpen): Uint8Array {
  const { repositoryId: repository, type, key, bytes, bodyBytesMax } = object
  readObjectHeader(bytes, { type, repository, name: key })
  const sealedAt = OBJECT_HEADER_BYTES + (object.contextBytes ?? 0)
  if (bytes.length < sealedAt + OBJECT_SEAL_BYTES)
    throw new SnapError('OBJECT_DAMAGED', `${key} is cut short`)
  if (bytes.length > sealedBytesMax(bodyBytesMax, object.contextBytes)) {
    throw new SnapError('LIMIT_EXCEEDED', `${key} has ${bytes.length} bytes; a body may have ${bodyBytesMax}`)
  }
  const aad = aadOf(
    bytes.subarray(0, OBJECT_HEADER_BYTES),
    key,
    bytes.subarray(OBJECT_HEADER_BYTES, sealedAt),
  )
  const frame = new ByteReader(open(object.secret, aad, bytes.subarray(sealedAt), key), key)
  const length = frame.u32()
  if (length > bodyBytesMax) {
    throw new SnapError('LIMIT_EXCEEDED', `${key}: a body of ${length} bytes; ${bodyBytesMax} are allowed`)
  }
  const body = frame.raw(length)
  frame.zeros(frame.left)
  return body
}

function open(secret: Uint8Array, aad: Uint8Array, sealed: Uint8Array, key: ObjectKey): Uint8Array {
  try {
    return openObject(secret, aad, sealed)
  } catch (cause) {
    if (!hasCode(cause, 'OBJECT_DAMAGED')) throw cause
    throw new SnapError('OBJECT_DAMAGED', `${key} does not authenticate`, { cause })
  }
}

function aadOf(header: Uint8Array, key: ObjectKey, context: Uint8Array): Uint8Array {
  assert(header.length === OBJECT_HEADER_BYTES, 'a whole object header')
  return new ByteWriter(header.length + key.length + context.length)
    .raw(header)
    .raw(encodeText(key))
    .raw(context)
    .view()
}

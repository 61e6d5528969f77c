/** Object headers, sealed bodies, keys and hashes: sections 1 and 2 of `docs/format.md`. Knows no object's body. */
import { createDecipheriv } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import sodium from 'libsodium-wrappers-sumo'
import { Cursor, NewerFormat, violation } from './cursor.ts'

await sodium.ready

export const OBJECT_TYPE = { config: 1, slot: 2, pack: 3, index: 4, log: 5, list: 6 } as const

export const hash = (bytes: Uint8Array): Buffer => Buffer.from(blake3(bytes))

export function keyed(key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.from(blake3(joined(parts), { key }))
}

export function derive(context: string, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.from(blake3(joined(parts), { context: Buffer.from(context, 'ascii') }))
}

const joined = (parts: readonly (Uint8Array | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'ascii') : part)))

/** The nonce of message `number`: 4 bytes and 8 zero bytes. */
export function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(number)
  return nonce
}

/** ChaCha20-Poly1305, the tag at the end. */
export function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer {
  if (sealed.length < 16) violation('a sealed message is shorter than its tag')
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  decipher.setAAD(aad, { plaintextLength: sealed.length - 16 })
  decipher.setAuthTag(sealed.subarray(-16))
  const plain = decipher.update(sealed.subarray(0, -16))
  try {
    decipher.final()
  } catch {
    violation('a sealed message does not authenticate')
  }
  return plain
}

export function openBox(sealed: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): Buffer {
  try {
    return Buffer.from(sodium.crypto_box_seal_open(sealed, publicKey, secretKey))
  } catch {
    return violation('a sealed box does not open')
  }
}

export function verifySignature(signature: Buffer, message: Buffer, publicKey: Buffer): boolean {
  return sodium.crypto_sign_verify_detached(signature, message, publicKey)
}

export function argon2id(password: string, salt: Buffer, passes: number, kibibytes: number): Buffer {
  const bytes = Buffer.from(password, 'utf8')
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13
  return Buffer.from(sodium.crypto_pwhash(32, bytes, salt, passes, kibibytes * 1_024, algorithm))
}

export function padme(length: number): number {
  if (length < 256) return 256
  const e = Math.floor(Math.log2(length))
  const s = Math.floor(Math.log2(e)) + 1
  const step = 2 ** (e - s)
  return Math.ceil(length / step) * step
}

export type Header = { readonly bytes: Buffer; readonly kind: number; readonly repositoryId: Buffer }

/** `repositoryId` undefined: any. Only packs have a kind. */
export function readHeader(raw: Buffer, type: number, repositoryId: Buffer | undefined): Header {
  const cursor = new Cursor(raw)
  if (cursor.take(8).toString('latin1') !== 'snapkeep') violation('the magic is not "snapkeep"')
  const version = cursor.u8()
  if (version > 1) throw new NewerFormat(`newer format: ${version}`)
  if (version !== 1) violation(`version ${version} never was`)
  if (cursor.u8() !== type) violation('the object type does not fit the key')
  const kind = cursor.u8()
  if (type === OBJECT_TYPE.pack ? kind !== 1 && kind !== 2 : kind !== 0) violation(`kind ${kind} is unknown`)
  cursor.zeros(5, 'the reserved part of an object header')
  const id = cursor.take(16)
  if (repositoryId !== undefined && !id.equals(repositoryId)) violation('the object is of another repository')
  return { bytes: raw.subarray(0, 32), kind, repositoryId: id }
}

export type SealedPlace = {
  /** The object's key, as `log/0000000000000007`. */
  readonly objectKey: string
  /** Where the sealed body begins. */
  readonly offset?: number
  readonly context?: Buffer
}

/** The body that is sealed in `raw` from `place.offset` to the end. */
export function openBody(raw: Buffer, key: Buffer, place: SealedPlace): Buffer {
  const sealed = new Cursor(raw.subarray(place.offset ?? 32))
  const messageKey = keyed(key, sealed.take(32), 'object')
  const aad = joined([raw.subarray(0, 32), place.objectKey, place.context ?? Buffer.alloc(0)])
  const frame = new Cursor(open(messageKey, nonceOf(0), aad, sealed.rest()))
  const body = frame.take(frame.u32())
  frame.zeros(frame.bytes.length - frame.at, 'the padding of a sealed body')
  return body
}

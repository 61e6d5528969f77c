/**
 * ChaCha20-Poly1305 (RFC 8439) in two forms that leave no nonce to choose: a sealer that numbers its messages
 * (segments of a pack), and single objects under a key of their own. It knows nothing of what it seals.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { assert } from '../base/assert.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import { keyedHash } from './blake3.ts'

export const SEAL_KEY_BYTES = 32
export const SEAL_TAG_BYTES = 16
/** Bytes that `sealObject` adds: salt and tag. */
export const OBJECT_SEAL_BYTES = 48
/** A pack key seals at most this many messages; the last number is never used. */
export const SEALED_MESSAGES_MAX: number = 2 ** 32 - 1

const ALGORITHM = 'chacha20-poly1305'
/**
 * The cipher gets long messages in parts of this size: it returns each in a buffer of its own, and one of this size comes from the
 * heap and stays in the cache, where one of a whole message would be mapped, faulted in and unmapped again.
 */
const STEP_BYTES = 65_536
const NONCE_BYTES = 12
const SALT_BYTES = 32
const ZERO_NONCE = new Uint8Array(NONCE_BYTES)
const OBJECT_LABEL = new TextEncoder().encode('object')

/**
 * Seals messages 0, 1, 2 ... under one key, each number once: it cannot be reset, copied or told a number, so
 * no nonce ever serves two messages. The key must belong to this sealer alone.
 */
export interface PackSealer extends Disposable {
  /** The number that the next message will have. */
  readonly next: number
  /**
   * Writes ciphertext and then the 16-byte tag of the concatenated `parts` into `into` at `at`; returns the
   * bytes written. Asserts that they fit. `into` must not overlap a part.
   */
  seal(aad: Uint8Array, parts: readonly Uint8Array[], into: Uint8Array, at: number): number
  /** Forgets the key; sealing afterwards is an assertion. */
  close(): void
}

/** `key`: 32 bytes, used for nothing else; copied. */
export function createPackSealer(key: Uint8Array): PackSealer {
  assert(key.length === SEAL_KEY_BYTES, 'a seal key has 32 bytes')
  const own = key.slice()
  let next = 0
  let open = true
  const close = (): void => {
    open = false
    own.fill(0)
  }
  return {
    get next() {
      return next
    },
    seal(aad, parts, into, at) {
      assert(open, 'this sealer is closed')
      assert(next < SEALED_MESSAGES_MAX, 'this sealer has used all its numbers')
      const nonce = messageNonce(next)
      next += 1 // before the cipher runs: a failed message uses its number up
      return encrypt(own, nonce, aad, parts, into, at)
    },
    close,
    [Symbol.dispose]: close,
  }
}

/**
 * Opens message `number` of the sealer that had `key`, into `into` at 0 where that is given, and returns the plaintext.
 * `OBJECT_DAMAGED` where key, number, AAD or bytes differ; nothing that did not authenticate is left in `into`.
 */
export function openSegment(
  key: Uint8Array,
  number: number,
  aad: Uint8Array,
  sealed: Uint8Array,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return decrypt(key, messageNonce(number), aad, sealed, into)
}

/**
 * Seals one small object. Layout:
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 32 | random salt |
 * | 32 | n | ciphertext |
 * | 32 + n | 16 | Poly1305 tag |
 *
 * The message key is the keyed BLAKE3, under `key`, of salt and ASCII `object`; its nonce is zero. With 256
 * random bits in each message key, one `key` serves any number of objects.
 */
export function sealObject(
  key: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const salt = random.bytes(SALT_BYTES)
  const sealed = new Uint8Array(plaintext.length + OBJECT_SEAL_BYTES)
  sealed.set(salt)
  encrypt(objectKey(key, salt), ZERO_NONCE, aad, [plaintext], sealed, SALT_BYTES)
  return sealed
}

/** Opens what `sealObject` sealed. `OBJECT_DAMAGED` where key, AAD or bytes differ. */
export function openObject(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (sealed.length < OBJECT_SEAL_BYTES) throw damaged()
  return decrypt(objectKey(key, sealed.subarray(0, SALT_BYTES)), ZERO_NONCE, aad, sealed.subarray(SALT_BYTES))
}

function objectKey(key: Uint8Array, salt: Uint8Array): Uint8Array {
  return keyedHash(key, salt, OBJECT_LABEL)
}

/** u32 message number, little-endian, then eight zeros. */
function messageNonce(number: number): Uint8Array {
  assert(Number.isInteger(number) && number >= 0 && number < SEALED_MESSAGES_MAX, 'a message number is a u32')
  const nonce = new Uint8Array(NONCE_BYTES)
  new DataView(nonce.buffer).setUint32(0, number, true)
  return nonce
}

function encrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  parts: readonly Uint8Array[],
  into: Uint8Array,
  at: number,
): number {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0) + SEAL_TAG_BYTES
  assert(at >= 0 && at + bytes <= into.length, 'a sealed message fits where it is written')
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: SEAL_TAG_BYTES })
  cipher.setAAD(aad, { plaintextLength: bytes - SEAL_TAG_BYTES })
  let end = at
  for (const part of parts) {
    for (let from = 0; from < part.length; from += STEP_BYTES) {
      const step = cipher.update(part.subarray(from, from + STEP_BYTES))
      into.set(step, end)
      end += step.length
    }
  }
  cipher.final()
  into.set(cipher.getAuthTag(), end)
  return bytes
}

function decrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  assert(key.length === SEAL_KEY_BYTES, 'a seal key has 32 bytes')
  if (sealed.length < SEAL_TAG_BYTES) throw damaged()
  const bytes = sealed.length - SEAL_TAG_BYTES
  const plaintext = into === undefined ? new Uint8Array(bytes) : into.subarray(0, bytes)
  assert(plaintext.length === bytes, 'an opened message fits where it is written')
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: SEAL_TAG_BYTES })
  decipher.setAAD(aad, { plaintextLength: bytes })
  decipher.setAuthTag(sealed.subarray(bytes))
  for (let from = 0; from < bytes; from += STEP_BYTES) {
    plaintext.set(decipher.update(sealed.subarray(from, Math.min(from + STEP_BYTES, bytes))), from)
  }
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw damaged()
  }
  return plaintext
}

function damaged(): SnapError {
  return new SnapError('OBJECT_DAMAGED', 'a sealed object does not authenticate')
}

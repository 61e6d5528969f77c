/**
 * Anonymous public-key sealing (libsodium `crypto_box_seal`: X25519 and XSalsa20-Poly1305): anyone with the
 * public key can seal, only the secret key opens. It knows nothing of packs or roles.
 */
import { assert } from '../base/assert.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import { loadSodium, type Sodium } from './sodium.ts'

export const BOX_KEY_BYTES = 32
/** Bytes that sealing adds: an ephemeral public key and a tag. */
export const BOX_SEAL_BYTES = 48

export type BoxKeys = {
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly secretKey: Uint8Array<ArrayBuffer>
}

/** All bytes returned are the caller's own. */
export interface Box {
  generateKeys(random: Random): BoxKeys
  /** The public key of a secret key. */
  publicKey(secretKey: Uint8Array): Uint8Array<ArrayBuffer>
  /** The message and 48 bytes more. */
  seal(publicKey: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer>
  /** `OBJECT_DAMAGED` where it was not sealed to this public key or has been changed. */
  open(publicKey: Uint8Array, secretKey: Uint8Array, sealed: Uint8Array): Uint8Array<ArrayBuffer>
}

export async function loadBox(): Promise<Box> {
  return boxOf(await loadSodium())
}

function boxOf(sodium: Sodium): Box {
  const publicKey = (secretKey: Uint8Array): Uint8Array<ArrayBuffer> =>
    new Uint8Array(sodium.crypto_scalarmult_base(checkedKey(secretKey)))
  return {
    publicKey,
    generateKeys: (random) => {
      const secretKey = random.bytes(BOX_KEY_BYTES)
      return { secretKey, publicKey: publicKey(secretKey) }
    },
    seal: (key, message) => new Uint8Array(sodium.crypto_box_seal(message, checkedKey(key))),
    open: (key, secretKey, sealed) => {
      checkedKey(key)
      checkedKey(secretKey)
      try {
        return new Uint8Array(sodium.crypto_box_seal_open(sealed, key, secretKey))
      } catch (cause) {
        throw new SnapError('OBJECT_DAMAGED', 'a sealed box does not open with this key', { cause })
      }
    },
  }
}

function checkedKey(key: Uint8Array): Uint8Array {
  assert(key.length === BOX_KEY_BYTES, 'an X25519 key has 32 bytes')
  return key
}

/** Ed25519 (RFC 8032) over raw 32-byte seeds and public keys. It knows nothing of who signs what. */
import { createPrivateKey, createPublicKey, type KeyObject, sign as nodeSign, verify } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'

export const SIGNING_SEED_BYTES = 32
export const SIGNING_PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** DER of a PKCS #8 private key and of a SubjectPublicKeyInfo up to the 32 raw bytes (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Imported public keys that are kept: a log has few authors and many entries, and importing one takes as long as a verification. */
const IMPORTED_MAX = 64
const imported = new Map<string, KeyObject>()

/** The public key of a 32-byte seed. */
export function signaturePublicKey(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' })
  return new Uint8Array(der.subarray(-SIGNING_PUBLIC_KEY_BYTES))
}

/** 64 bytes; the same for the same seed and message. */
export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(nodeSign(null, message, privateKey(seed)))
}

/** Never throws: keys and signatures of any length or content that do not verify are `false`. */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== SIGNING_PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    return verify(null, message, importPublic(publicKey), signature)
  } catch {
    return false
  }
}

function importPublic(publicKey: Uint8Array): KeyObject {
  const name = toHex(publicKey)
  const known = imported.get(name)
  if (known !== undefined) return known
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
  if (imported.size === IMPORTED_MAX) imported.clear()
  imported.set(name, key)
  return key
}

function privateKey(seed: Uint8Array): KeyObject {
  assert(seed.length === SIGNING_SEED_BYTES, 'a signing seed has 32 bytes')
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

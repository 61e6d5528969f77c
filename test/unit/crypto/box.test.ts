import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { BOX_SEAL_BYTES, loadBox } from '../../../src/crypto/box.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { hasCode } from '../../../src/model/errors.ts'

const MESSAGE = new TextEncoder().encode('the secret of a pack')
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const box = await loadBox()

const opens = (publicKey: Uint8Array, secretKey: Uint8Array, sealed: Uint8Array) => {
  try {
    box.open(publicKey, secretKey, sealed)
    return true
  } catch (error) {
    if (hasCode(error, 'OBJECT_DAMAGED')) return false
    throw error
  }
}

describe('box', () => {
  it('derives the X25519 public key that another implementation derives', () => {
    const { publicKey, secretKey } = box.generateKeys(systemRandom)
    const key = createPrivateKey({
      key: Buffer.concat([PKCS8_X25519, secretKey]),
      format: 'der',
      type: 'pkcs8',
    })
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
    expect(publicKey).toEqual(new Uint8Array(spki.subarray(-32)))
    expect(box.publicKey(secretKey)).toEqual(publicKey)
  })

  it('opens what was sealed to its public key, and never seals twice alike', () => {
    const keys = box.generateKeys(systemRandom)
    const sealed = box.seal(keys.publicKey, MESSAGE)
    expect(sealed.length).toBe(MESSAGE.length + BOX_SEAL_BYTES)
    expect(box.open(keys.publicKey, keys.secretKey, sealed)).toEqual(MESSAGE)
    expect(box.seal(keys.publicKey, MESSAGE)).not.toEqual(sealed)
  })

  it('refuses another key, every flipped byte and every truncation', () => {
    const keys = box.generateKeys(systemRandom)
    const other = box.generateKeys(systemRandom)
    const sealed = box.seal(keys.publicKey, MESSAGE)
    expect(opens(keys.publicKey, keys.secretKey, sealed)).toBe(true)
    expect(opens(other.publicKey, other.secretKey, sealed)).toBe(false)
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = sealed.slice()
      changed[at]! ^= 1
      expect(opens(keys.publicKey, keys.secretKey, changed)).toBe(false)
      expect(opens(keys.publicKey, keys.secretKey, sealed.subarray(0, at))).toBe(false)
    }
  })

  it('asserts the length of its keys', () => {
    expect(() => box.seal(new Uint8Array(31), MESSAGE)).toThrow('32 bytes')
  })
})

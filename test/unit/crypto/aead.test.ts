import { createCipheriv } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  createPackSealer,
  OBJECT_SEAL_BYTES,
  openObject,
  openSegment,
  SEAL_TAG_BYTES,
  sealObject,
} from '../../../src/crypto/aead.ts'
import { keyedHash } from '../../../src/crypto/blake3.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { hasCode } from '../../../src/model/errors.ts'

const ascii = (text: string) => new TextEncoder().encode(text)
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const KEY = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i)
const AAD = ascii('repository 1, pack 2')
const TEXT = ascii('a segment of plaintext')

const damaged = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return hasCode(error, 'OBJECT_DAMAGED')
  }
  return false
}

const flipped = (bytes: Uint8Array, at: number) => {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

function sealOne(aad = AAD, text = TEXT, before = 0) {
  const sealer = createPackSealer(KEY)
  const into = new Uint8Array(text.length + SEAL_TAG_BYTES)
  for (let i = 0; i <= before; i += 1) sealer.seal(aad, [text], into, 0)
  return into
}

/** Node's primitive, driven as RFC 8439 writes it. */
function reference(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array) {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(aad, { plaintextLength: text.length })
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('hex')
}

describe('the cipher', () => {
  it('gives the sealed text of RFC 8439, section 2.8.2', () => {
    const text = ascii(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    )
    expect(reference(KEY, hex('070000004041424344454647'), hex('50515253c0c1c2c3c4c5c6c7'), text)).toBe(
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b' +
        '1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc' +
        '3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
    )
  })

  it('is keyed and started by the pack sealer as RFC 8439, appendix A.1, vector 2 has it', () => {
    const into = new Uint8Array(64 + SEAL_TAG_BYTES)
    createPackSealer(new Uint8Array(32)).seal(new Uint8Array(0), [new Uint8Array(64)], into, 0)
    expect(Buffer.from(into.subarray(0, 64)).toString('hex')).toBe(
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    )
  })
})

describe('createPackSealer', () => {
  it('uses the message number, little-endian, and eight zeros as the nonce', () => {
    expect(Buffer.from(sealOne(AAD, TEXT, 258)).toString('hex')).toBe(
      reference(KEY, hex('020100000000000000000000'), AAD, TEXT),
    )
  })

  it('numbers its messages by itself, also those that do not fit', () => {
    const sealer = createPackSealer(KEY)
    const into = new Uint8Array(100)
    sealer.seal(AAD, [TEXT], into, 0)
    expect(() => sealer.seal(AAD, [TEXT], into, 90)).toThrow('fits')
    const bytes = sealer.seal(AAD, [TEXT], into, 3)
    expect(sealer.next).toBe(3)
    expect(openSegment(KEY, 2, AAD, into.subarray(3, 3 + bytes))).toEqual(TEXT)
  })

  it('seals parts as if they were one and touches nothing outside', () => {
    const into = new Uint8Array(100).fill(7)
    const bytes = createPackSealer(KEY).seal(
      AAD,
      [TEXT.subarray(0, 5), new Uint8Array(0), TEXT.subarray(5)],
      into,
      10,
    )
    expect(bytes).toBe(TEXT.length + SEAL_TAG_BYTES)
    expect(into.subarray(10, 10 + bytes)).toEqual(sealOne())
    expect([...into.subarray(0, 10), ...into.subarray(10 + bytes)].every((byte) => byte === 7)).toBe(true)
  })

  it('keeps its own copy of the key', () => {
    const key = KEY.slice()
    const sealer = createPackSealer(key)
    key.fill(0)
    const into = new Uint8Array(TEXT.length + SEAL_TAG_BYTES)
    sealer.seal(AAD, [TEXT], into, 0)
    expect(into).toEqual(sealOne())
  })

  it('refuses to seal once closed, and closes twice', () => {
    const sealer = createPackSealer(KEY)
    sealer.close()
    sealer.close()
    expect(() => sealer.seal(AAD, [TEXT], new Uint8Array(100), 0)).toThrow('closed')
  })
})

describe('openSegment', () => {
  it('opens an empty message', () => {
    expect(openSegment(KEY, 0, AAD, sealOne(AAD, new Uint8Array(0)))).toEqual(new Uint8Array(0))
  })

  it('refuses every flipped byte of AAD, ciphertext, tag and key', () => {
    const sealed = sealOne()
    expect(openSegment(KEY, 0, AAD, sealed)).toEqual(TEXT)
    for (let at = 0; at < AAD.length; at += 1) {
      expect(damaged(() => openSegment(KEY, 0, flipped(AAD, at), sealed))).toBe(true)
    }
    for (let at = 0; at < sealed.length; at += 1) {
      expect(damaged(() => openSegment(KEY, 0, AAD, flipped(sealed, at)))).toBe(true)
    }
    for (let at = 0; at < KEY.length; at += 1) {
      expect(damaged(() => openSegment(flipped(KEY, at), 0, AAD, sealed))).toBe(true)
    }
  })

  it('refuses every other message number', () => {
    const sealed = sealOne()
    for (const number of [1, 1 << 8, 1 << 16, 1 << 24, 2 ** 32 - 2]) {
      expect(damaged(() => openSegment(KEY, number, AAD, sealed))).toBe(true)
    }
    expect(() => openSegment(KEY, 2 ** 32 - 1, AAD, sealed)).toThrow('u32')
  })

  it('refuses every truncation', () => {
    const sealed = sealOne()
    for (let bytes = 0; bytes < sealed.length; bytes += 1) {
      expect(damaged(() => openSegment(KEY, 0, AAD, sealed.subarray(0, bytes)))).toBe(true)
    }
  })
})

describe('sealObject', () => {
  it('comes back through openObject, and never seals twice alike', () => {
    const one = sealObject(KEY, AAD, TEXT, systemRandom)
    const two = sealObject(KEY, AAD, TEXT, systemRandom)
    expect(one.length).toBe(TEXT.length + OBJECT_SEAL_BYTES)
    expect(one).not.toEqual(two)
    expect(openObject(KEY, AAD, one)).toEqual(TEXT)
    expect(openObject(KEY, AAD, two)).toEqual(TEXT)
  })

  it('lays out salt, ciphertext and tag under a key derived from the salt', () => {
    const salt = Uint8Array.from({ length: 32 }, (_, i) => i)
    const sealed = sealObject(KEY, AAD, TEXT, { bytes: () => salt })
    expect(sealed.subarray(0, 32)).toEqual(salt)
    expect(Buffer.from(sealed.subarray(32)).toString('hex')).toBe(
      reference(keyedHash(KEY, salt, ascii('object')), new Uint8Array(12), AAD, TEXT),
    )
  })

  it('is refused by openObject with any byte of salt, ciphertext, tag or AAD changed, or any cut off', () => {
    const sealed = sealObject(KEY, AAD, TEXT, systemRandom)
    for (let at = 0; at < sealed.length; at += 1) {
      expect(damaged(() => openObject(KEY, AAD, flipped(sealed, at)))).toBe(true)
      expect(damaged(() => openObject(KEY, AAD, sealed.subarray(0, at)))).toBe(true)
    }
    for (let at = 0; at < AAD.length; at += 1) {
      expect(damaged(() => openObject(KEY, flipped(AAD, at), sealed))).toBe(true)
    }
  })
})

import { describe, expect, it } from 'vitest'
import { sign, signaturePublicKey, verifySignature } from '../../../src/crypto/signature.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
/** RFC 8032, section 7.1, tests 1 to 3. */
const VECTORS = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
].map((vector) => Object.fromEntries(Object.entries(vector).map(([name, text]) => [name, hex(text)]))) as {
  seed: Uint8Array
  publicKey: Uint8Array
  message: Uint8Array
  signature: Uint8Array
}[]

describe('signature', () => {
  it.each(VECTORS)('agrees with RFC 8032', ({ seed, publicKey, message, signature }) => {
    expect(signaturePublicKey(seed)).toEqual(publicKey)
    expect(sign(seed, message)).toEqual(signature)
    expect(verifySignature(publicKey, message, signature)).toBe(true)
  })

  it('refuses every flipped byte of key, message and signature', () => {
    const { publicKey, message, signature } = VECTORS[2]!
    const parts = [publicKey, message, signature] as const
    parts.forEach((part, index) => {
      for (let at = 0; at < part.length; at += 1) {
        const changed = parts.map((bytes) => bytes.slice())
        changed[index]![at]! ^= 1
        expect(verifySignature(changed[0]!, changed[1]!, changed[2]!)).toBe(false)
      }
    })
  })

  it('is false, not an error, for keys and signatures of no valid form', () => {
    const { publicKey, message, signature } = VECTORS[0]!
    for (const bytes of [0, 31, 33, 64]) {
      expect(verifySignature(new Uint8Array(bytes), message, signature)).toBe(false)
      expect(verifySignature(publicKey, message, new Uint8Array(bytes))).toBe(false)
    }
    expect(verifySignature(new Uint8Array(32).fill(255), message, signature)).toBe(false)
  })

  it('tells any number of authors apart, each time anew', () => {
    const message = new Uint8Array(10)
    const authors = Array.from({ length: 150 }, (_, index) => {
      const seed = new Uint8Array(32).fill(index + 1)
      return { publicKey: signaturePublicKey(seed), signature: sign(seed, message) }
    })
    for (const [index, { publicKey, signature }] of [...authors, ...authors].entries()) {
      const next = authors[(index + 1) % authors.length]!
      expect(verifySignature(publicKey, message, signature)).toBe(true)
      expect(verifySignature(publicKey, message, next.signature)).toBe(false)
    }
  })

  it('asserts the length of a seed', () => {
    expect(() => sign(new Uint8Array(31), new Uint8Array(1))).toThrow('32 bytes')
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createChunkHasher, deriveKey, hash, keyedHash } from '../../../src/crypto/blake3.ts'
import { blake3Engine, loadNativeEngine, loadPortableEngine } from '../../../src/crypto/blake3-engine.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** The official scheme of test_vectors.json: byte i is i % 251. */
const input = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251)
const KEY = new TextEncoder().encode('whats the Elvish word for friend')
const CONTEXT = 'BLAKE3 2019-12-27 16:29:52 test vectors context'
/** Around the edges of BLAKE3's blocks (64), chunks (1024) and subtrees. */
const LENGTHS = [0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 4097, 8193, 16384, 31744, 65536, 102400]

describe('blake3', () => {
  it('gives the published hashes', () => {
    expect(hex(hash())).toBe('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262')
    expect(hex(hash(input(1)))).toBe('2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213')
    expect(hex(hash(input(1024)))).toBe('42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7')
  })

  it('gives the published keyed hash and derived key of nothing', () => {
    expect(hex(keyedHash(KEY))).toBe('92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26')
    expect(hex(deriveKey(CONTEXT))).toBe('2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d')
  })

  it('hashes parts as if they were one', () => {
    const whole = input(5000)
    expect(keyedHash(KEY, whole.subarray(0, 1), whole.subarray(1, 1030), whole.subarray(1030))).toEqual(
      keyedHash(KEY, whole),
    )
  })

  it('returns bytes in a buffer of their own', () => {
    const one = hash(input(3))
    expect(one.constructor).toBe(Uint8Array)
    expect(one.buffer.byteLength).toBe(32)
    hash(input(4))
    expect(one).toEqual(hash(input(3)))
  })

  it('refuses a key of another length', () => {
    expect(() => keyedHash(KEY.subarray(1), input(1))).toThrow('32 bytes')
    expect(() => createChunkHasher(new Uint8Array(33))).toThrow('32 bytes')
  })
})

describe('createChunkHasher', () => {
  it('writes the keyed hash where it is told and touches nothing else', () => {
    const hasher = createChunkHasher(KEY)
    const out = new Uint8Array(100).fill(7)
    for (const length of LENGTHS) {
      hasher.hashInto(input(length), out, 40)
      expect(out.subarray(40, 72)).toEqual(keyedHash(KEY, input(length)))
    }
    expect([...out.subarray(0, 40), ...out.subarray(72)].every((byte) => byte === 7)).toBe(true)
  })

  it('hashes a view of a larger buffer, and nothing around it', () => {
    const memory = new Uint8Array(65536).fill(9)
    memory.set(input(5000), 333)
    const out = new Uint8Array(32)
    createChunkHasher(KEY).hashInto(memory.subarray(333, 5333), out, 0)
    expect(out).toEqual(keyedHash(KEY, input(5000)))
  })

  it('keeps its own copy of the key', () => {
    const key = KEY.slice()
    const hasher = createChunkHasher(key)
    key.fill(0)
    const out = new Uint8Array(32)
    hasher.hashInto(input(9), out, 0)
    expect(out).toEqual(keyedHash(KEY, input(9)))
  })
})

describe('the two engines', () => {
  const native = loadNativeEngine()
  const portable = loadPortableEngine()

  it('choose the native one where it loads', () => {
    expect(blake3Engine().name).toBe('native')
  })

  it('agree in every mode, at the edges of the algorithm and at random, after a reset too', () => {
    const states = [native, portable].map((engine) => [
      engine.plain(),
      engine.keyed(KEY),
      engine.derive(CONTEXT),
    ])
    const digests = (data: Uint8Array, split: number) =>
      states.map((modes) =>
        modes.map((state) => {
          state.reset()
          state.update(data.subarray(0, split))
          state.update(data.subarray(split))
          return hex(state.digest())
        }),
      )
    for (const length of LENGTHS) {
      const [a, b] = digests(input(length), length >> 1)
      expect(a).toEqual(b)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(5000), (data, split) => {
        const [a, b] = digests(data, Math.min(split, data.length))
        expect(a).toEqual(b)
      }),
      { numRuns: 50 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { constantTimeEqual, systemRandom } from '../../../src/crypto/random.ts'

describe('systemRandom', () => {
  it('gives fresh bytes in a buffer of their own', () => {
    const one = systemRandom.bytes(32)
    expect(one.buffer.byteLength).toBe(32)
    expect(one).not.toEqual(systemRandom.bytes(32))
    expect(systemRandom.bytes(0).length).toBe(0)
  })
})

describe('constantTimeEqual', () => {
  it('is true for equal bytes only', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    expect(constantTimeEqual(bytes, Uint8Array.of(1, 2, 3))).toBe(true)
    expect(constantTimeEqual(bytes, Uint8Array.of(1, 2, 4))).toBe(false)
    expect(constantTimeEqual(bytes, Uint8Array.of(1, 2))).toBe(false)
    expect(constantTimeEqual(new Uint8Array(0), new Uint8Array(0))).toBe(true)
  })
})

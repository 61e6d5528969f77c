import { expect, it } from 'vitest'
import { createPackSealer, openSegment } from '../../../src/crypto/aead.ts'
import { Chance } from '../../support/builders.ts'

it('leaves nothing of a message that does not authenticate where it was to be opened into', () => {
  const chance = new Chance(5)
  const key = chance.bytes(32)
  const aad = chance.bytes(20)
  const sealed = new Uint8Array(100_016)
  using sealer = createPackSealer(key)
  sealer.seal(aad, [chance.bytes(100_000)], sealed, 0)
  sealed[99_000]! ^= 1
  const into = new Uint8Array(100_000).fill(7)
  expect(() => openSegment(key, 0, aad, sealed, into)).toThrow(/does not authenticate/)
  expect(into.every((byte) => byte === 0)).toBe(true)
})

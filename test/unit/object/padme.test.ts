import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PADME_BYTES_MIN, padmeBytes } from '../../../src/object/padme.ts'

describe('padmeBytes', () => {
  it('gives the sizes worked out by hand from the definition', () => {
    // L, floor(log2 L), S: 257 -> 8, 4; 1,000 -> 9, 4; 65,537 -> 16, 5; 33,554,433 -> 25, 5.
    const cases = [
      [0, 256],
      [255, 256],
      [256, 256],
      [257, 272],
      [272, 272],
      [273, 288],
      [1000, 1024],
      [65_536, 65_536],
      [65_537, 67_584],
      [33_554_433, 34_603_008],
    ]
    for (const [length, padded] of cases) expect(padmeBytes(length!)).toBe(padded)
  })

  it('adds at most an eighth above the smallest class, and leaves a size class as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: PADME_BYTES_MIN, max: 2 ** 30 }), (length) => {
        const padded = padmeBytes(length)
        expect(padded).toBeGreaterThanOrEqual(length)
        expect(padded).toBeLessThanOrEqual(length * 1.125)
        expect(padmeBytes(padded)).toBe(padded)
      }),
    )
  })
})

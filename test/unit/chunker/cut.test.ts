import { createCipheriv } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutPoint } from '../../../src/chunker/cut.ts'
import { gearTable } from '../../../src/chunker/gear.ts'
import { type ChunkerParams, chunkerParams, cutRule, DEFAULT_PARAMS } from '../../../src/chunker/params.ts'

const KIB = 1024
const GEAR = gearTable(new Uint8Array(32).fill(3))
const SMALL = chunkerParams(4 * KIB)

/** A key stream, so that every run sees the same bytes. */
function noise(bytes: number, seed: number) {
  const cipher = createCipheriv('aes-128-ctr', new Uint8Array(16).fill(seed), new Uint8Array(16))
  return cipher.update(new Uint8Array(bytes))
}

function ends(data: Uint8Array, params: ChunkerParams, gear = GEAR) {
  const found: number[] = []
  const rule = cutRule(params)
  for (let start = 0; start < data.length; start = found.at(-1)!) {
    found.push(cutPoint(data, start, data.length, gear, rule))
  }
  return found
}

const lengths = (found: readonly number[]) => found.map((end, i) => end - (found[i - 1] ?? 0))

describe('cutPoint', () => {
  it('covers the data with chunks within the limits, the last one possibly short', () => {
    fc.assert(
      fc.property(fc.nat(200 * KIB), (bytes) => {
        const found = ends(noise(bytes, bytes & 0xff), SMALL)
        expect(found.at(-1) ?? 0).toBe(bytes)
        const sizes = lengths(found)
        expect(sizes.slice(0, -1).every((size) => size >= SMALL.min && size <= SMALL.max)).toBe(true)
        expect(sizes.every((size) => size > 0 && size <= SMALL.max)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('makes chunks of random data as long on average as asked for', () => {
    for (const average of [4 * KIB, 16 * KIB]) {
      const found = ends(noise(3000 * average, 1), chunkerParams(average))
      const mean = (3000 * average) / found.length
      expect(mean / average).toBeGreaterThan(0.96)
      expect(mean / average).toBeLessThan(1.04)
    }
  })

  it('finds the old cuts again soon after an insertion', () => {
    const data = noise(2000 * KIB, 1)
    const before = new Set(ends(data, DEFAULT_PARAMS))
    const insertion = noise(10, 2)
    const at = 1_000_000
    const edited = Buffer.concat([data.subarray(0, at), insertion, data.subarray(at)])
    const after = ends(edited, DEFAULT_PARAMS)
    const fresh = after.filter((end) => !before.has(end <= at ? end : end - insertion.length))
    expect(fresh.length).toBeLessThan(6)
  })

  it('does not change a cut when more data follows', () => {
    const data = noise(100 * KIB, 1)
    const rule = cutRule(SMALL)
    const whole = cutPoint(data, 0, data.length, GEAR, rule)
    for (let end = whole + 1; end <= whole + 100; end += 1)
      expect(cutPoint(data, 0, end, GEAR, rule)).toBe(whole)
    expect(cutPoint(data, 0, whole - 1, GEAR, rule)).toBe(whole - 1)
  })

  it('cuts at the first allowed place whose last 32 bytes, hashed by the definition, meet the mask', () => {
    const data = noise(300 * KIB, 3)
    const rule = cutRule(SMALL)
    const hashAt = (place: number) => {
      let sum = 0
      for (let back = 1; back <= 32; back += 1)
        sum = (sum + ((GEAR[data[place - back]!]! << (back - 1)) | 0)) | 0
      return sum
    }
    const meets = (place: number, start: number) =>
      (hashAt(place) & (place - start < rule.normal ? rule.strictMask : rule.easyMask)) === 0
    let start = 0
    for (const end of ends(data, SMALL)) {
      const limit = Math.min(start + rule.max, data.length)
      let place = start + rule.min
      while (place < limit && !meets(place, start)) place += 1
      expect(end).toBe(Math.min(place, limit))
      start = end
    }
  })

  it('cuts differently under another secret', () => {
    const data = noise(500 * KIB, 1)
    const one = ends(data, DEFAULT_PARAMS)
    const shared = ends(data, DEFAULT_PARAMS, gearTable(new Uint8Array(32).fill(4))).filter((end) =>
      one.includes(end),
    )
    expect(shared.length).toBeLessThan(3)
  })
})

describe('chunkerParams', () => {
  it.each([0, 1, 2048, 5000, 16384.5, 8 * 1024 * KIB, -16384, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses an average of %d bytes',
    (average) => {
      expect(() => chunkerParams(average)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
    },
  )

  it('masks as many high bits as the sizes ask for', () => {
    const { strictMask, easyMask, normal } = cutRule(DEFAULT_PARAMS)
    expect([strictMask, easyMask, normal]).toEqual([0xffff0000, 0xfff00000, 13 * KIB])
  })
})

describe('gearTable', () => {
  it('is what the format says, computed by another implementation of BLAKE3', () => {
    const secret = new TextEncoder().encode('golden')
    const context = new TextEncoder().encode('snapkeep v1 gear entries')
    const key = blake3(secret, { context })
    const blocks = Array.from({ length: 32 }, (_, i) => blake3(Uint8Array.of(i, 0, 0, 0), { key }))
    expect(Buffer.from(gearTable(secret).buffer)).toEqual(Buffer.concat(blocks))
  })

  it('stays as it is', () => {
    const table = gearTable(new TextEncoder().encode('golden'))
    expect([table[0], table[7], table[8], table[255]]).toEqual([
      1484382532, 3441004669, 3090205079, 2664662288,
    ])
  })
})

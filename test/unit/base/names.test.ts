import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareNames,
  isWellFormed,
  nameBytes,
  nameFromBytes,
  systemPath,
  terminatedNameBytes,
} from '../../../src/base/names.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)
const text = (value: string) => new Uint8Array(Buffer.from(value))

/** Bytes that a name may hold, rich in the leads and tails of UTF-8. */
const nameByte = fc.oneof(
  fc.integer({ min: 1, max: 255 }),
  fc.constantFrom(
    0xc0,
    0xc1,
    0xc3,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
    0x80,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xbd,
  ),
)
const rawName = fc
  .array(
    fc.oneof(
      nameByte.map((value) => [value]),
      fc.string({ unit: 'grapheme', maxLength: 3 }).map((value) => [...text(value)]),
      fc.constantFrom(
        [0xef, 0xbf, 0xbd],
        [0xed, 0xa0, 0x80],
        [0xed, 0xb2, 0x80],
        [0xc0, 0xaf],
        [0xf0, 0x9f, 0x98],
      ),
    ),
    { maxLength: 20 },
  )
  .map((parts) => Uint8Array.from(parts.flat().filter((value) => value !== 0 && value !== 0x2f)))

describe('names', () => {
  it('come back exactly for any bytes', () => {
    fc.assert(
      fc.property(rawName, (raw) => {
        const name = nameFromBytes(raw)
        expect(new Uint8Array(nameBytes(name))).toEqual(raw)
        expect(new Uint8Array(terminatedNameBytes(name))).toEqual(bytes(...raw, 0))
      }),
      { numRuns: 3000 },
    )
  })

  it('are the plain string where the bytes are UTF-8', () => {
    for (const name of ['', 'a', 'é', '日本', '😀', '\ufffd', '\ufeffbom', 'a\ufffdb😀']) {
      expect(nameFromBytes(text(name))).toBe(name)
      expect(new Uint8Array(nameBytes(name))).toEqual(text(name))
      expect(systemPath(name)).toBe(name)
    }
  })

  it('escape each byte that is not UTF-8', () => {
    expect(nameFromBytes(bytes(0x61, 0xff, 0x62))).toBe('a\udcffb')
    expect(nameFromBytes(bytes(0xc0, 0xaf))).toBe('\udcc0\udcaf')
    expect(nameFromBytes(bytes(0xed, 0xa0, 0x80))).toBe('\udced\udca0\udc80')
    expect(nameFromBytes(bytes(0xf4, 0x90, 0x80, 0x80))).toBe('\udcf4\udc90\udc80\udc80')
    expect(nameFromBytes(bytes(0xe2, 0x82))).toBe('\udce2\udc82')
    expect(nameFromBytes(bytes(0xff, ...text('é\ufffd')))).toBe('\udcffé\ufffd')
  })

  it('keep an escaped byte behind an astral character', () => {
    const raw = bytes(...text('😀'), 0x80)
    expect(nameFromBytes(raw)).toBe('😀\udc80')
    expect(new Uint8Array(nameBytes('😀\udc80'))).toEqual(raw)
  })

  it('give Node a buffer only where the string is not well formed', () => {
    expect(isWellFormed('😀')).toBe(true)
    expect(isWellFormed('\udcff')).toBe(false)
    expect(systemPath('/a/\udcff')).toEqual(Buffer.from([0x2f, 0x61, 0x2f, 0xff]))
  })

  it('replace surrogates that stand for no byte', () => {
    expect(new Uint8Array(nameBytes('a\ud800b\udc7f'))).toEqual(text('a\ufffdb\ufffd'))
  })
})

describe('compareNames', () => {
  it('orders as the bytes do', () => {
    const sign = (value: number) => Math.sign(value)
    fc.assert(
      fc.property(rawName, rawName, rawName, (a, b, prefix) => {
        const left = Uint8Array.from([...prefix, ...a])
        const right = Uint8Array.from([...prefix, ...b])
        expect(sign(compareNames(nameFromBytes(left), nameFromBytes(right)))).toBe(
          Buffer.compare(left, right),
        )
      }),
      { numRuns: 3000 },
    )
  })

  it('puts astral characters behind the private use area, unlike UTF-16', () => {
    expect(['😀', '\uf000', 'z', 'é', ''].sort(compareNames)).toEqual(['', 'z', 'é', '\uf000', '😀'])
    expect(['\udcff', '😀', '\udc80'].sort(compareNames)).toEqual(['\udc80', '😀', '\udcff'])
  })
})

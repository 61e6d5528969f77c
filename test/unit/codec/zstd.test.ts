import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNativeZstd, createZstd, type Zstd } from '../../../src/codec/zstd.ts'
import { createNodeZstd } from '../../../src/codec/zstd-node.ts'
import { hasCode } from '../../../src/model/errors.ts'

/** All that load here; where there are two, each reads the other's frames. */
const engines = [createNativeZstd(), createNodeZstd()].filter((zstd): zstd is Zstd => zstd !== undefined)
const LEVEL = 3
const TEXT = new TextEncoder().encode(
  'a chunk of text that says the same thing, the same thing, again\n'.repeat(400),
)
const KIB = 1024

function packed(zstd: Zstd, source: Uint8Array, dictionary?: Uint8Array) {
  const into = new Uint8Array(source.length + 1024)
  const bytes =
    dictionary === undefined
      ? zstd.compress(source, into, 0, LEVEL)
      : zstd.compressWithDictionary(source, dictionary, into, 0, LEVEL)
  return into.slice(0, bytes)
}

const damaged = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return hasCode(error, 'OBJECT_DAMAGED')
  }
  return false
}

describe('createZstd', () => {
  it('prefers the native addon', () => {
    expect(createZstd().name).toBe('zstd-napi')
  })
})

describe.each(engines.map((zstd) => ({ name: zstd.name, zstd })))('$name', ({ zstd }) => {
  it('gives back what every other engine compressed, also empty and random bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(TEXT, new Uint8Array(200 * KIB))),
        (source) => {
          for (const other of engines) {
            const into = new Uint8Array(source.length)
            expect(zstd.decompress(packed(other, source), into)).toBe(source.length)
            expect(Buffer.compare(into, source)).toBe(0)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('writes at the offset given and touches nothing before it or after the frame', () => {
    const frame = packed(zstd, TEXT)
    const into = new Uint8Array(2000).fill(7)
    const bytes = zstd.compress(TEXT, into.subarray(0, 1900), 100, LEVEL)
    expect(into.subarray(100, 100 + bytes)).toEqual(frame)
    expect([...into.subarray(0, 100), ...into.subarray(1900)].every((byte) => byte === 7)).toBe(true)
  })

  it('returns 0 where a frame does not fit, and works on afterwards', () => {
    const random = randomBytes(5000)
    for (const room of [0, 1, 20, 4999])
      expect(zstd.compress(random, new Uint8Array(room + 10), 10, LEVEL)).toBe(0)
    expect(zstd.compressWithDictionary(random, TEXT, new Uint8Array(4000), 0, LEVEL)).toBe(0)
    expect(packed(zstd, TEXT).length).toBeGreaterThan(0)
  })

  it('never writes more than the room for the plaintext', () => {
    const frame = packed(zstd, TEXT)
    const memory = new Uint8Array(TEXT.length + 100).fill(7)
    for (const room of [0, 1, 100, TEXT.length - 1]) {
      expect(damaged(() => zstd.decompress(frame, memory.subarray(0, room)))).toBe(true)
      expect(memory.subarray(room).every((byte) => byte === 7)).toBe(true)
      memory.fill(7)
    }
    expect(zstd.decompress(frame, new Uint8Array(TEXT.length + 5))).toBe(TEXT.length)
  })

  it('calls bytes that are no frame, and a frame cut short, damaged', () => {
    const frame = packed(zstd, TEXT)
    expect(damaged(() => zstd.decompress(TEXT, new Uint8Array(TEXT.length)))).toBe(true)
    for (const bytes of [1, 5, frame.length - 1]) {
      expect(damaged(() => zstd.decompress(frame.subarray(0, bytes), new Uint8Array(TEXT.length)))).toBe(true)
    }
  })

  it('writes frames without checksum and dictionary id', () => {
    for (const frame of [packed(zstd, TEXT), packed(zstd, TEXT, randomBytes(100))]) {
      expect([...frame.subarray(0, 4)]).toEqual([0x28, 0xb5, 0x2f, 0xfd])
      expect(frame[4]! & 0b0111).toBe(0)
    }
  })

  it('finds the source in a dictionary of a segment, and needs it to read', () => {
    const source = new Uint8Array(randomBytes(KIB * KIB))
    const frame = packed(zstd, source, source.slice())
    expect(frame.length).toBeLessThan(2000)
    const into = new Uint8Array(source.length)
    expect(zstd.decompressWithDictionary(frame, source, into)).toBe(source.length)
    expect(Buffer.compare(into, source)).toBe(0)
    expect(damaged(() => zstd.decompress(frame, into))).toBe(true)
  })

  it.each([
    ['empty', new Uint8Array(0)],
    ['tiny', Uint8Array.of(1, 2, 3)],
    ['opening like a trained one', Uint8Array.of(0x37, 0xa4, 0x30, 0xec, ...TEXT.subarray(0, 300))],
    ['only the magic number', Uint8Array.of(0x37, 0xa4, 0x30, 0xec)],
  ])('takes a dictionary that is %s as raw content', (_, dictionary) => {
    const into = new Uint8Array(TEXT.length)
    expect(zstd.decompressWithDictionary(packed(zstd, TEXT, dictionary), dictionary, into)).toBe(TEXT.length)
    expect(into).toEqual(TEXT)
  })
})

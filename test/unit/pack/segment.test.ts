import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createZstd } from '../../../src/codec/zstd.ts'
import { SEGMENT_BYTES_MAX } from '../../../src/model/limits.ts'
import {
  type DeltaBases,
  decodeSegment,
  encodeSegment,
  readSegmentHeader,
} from '../../../src/pack/segment.ts'
import { Chance, codeOf, idOf, mutated, survives } from '../../support/builders.ts'

const zstd = createZstd()
const chance = new Chance(2)
const MIB = 1_048_576

function encoded(plain: Uint8Array, level = 3, delta?: DeltaBases): Uint8Array {
  const into = new Uint8Array(plain.length + 8 + (delta?.ids.length ?? 0))
  return into.slice(0, encodeSegment(zstd, plain, level, into, delta))
}

function decoded(segment: Uint8Array, dictionary?: Uint8Array): Uint8Array {
  const header = readSegmentHeader(segment)
  return decodeSegment(zstd, segment, header, new Uint8Array(header.plain), dictionary)
}

function deltaOf(bases: readonly Uint8Array[], depth = 1): DeltaBases {
  return { depth, ids: Buffer.concat(bases.map(idOf)), dictionary: Buffer.concat(bases) }
}

/** A header by hand. */
function raw(
  codec: number,
  depth: number,
  bases: number,
  plain: number,
  rest = new Uint8Array(0),
): Uint8Array {
  const segment = new Uint8Array(8 + rest.length)
  const view = new DataView(segment.buffer)
  view.setUint8(0, codec)
  view.setUint8(1, depth)
  view.setUint16(2, bases, true)
  view.setUint32(4, plain, true)
  segment.set(rest, 8)
  return segment
}

describe('a plain segment', () => {
  it('comes back at any level, and never grows by more than its header', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0, 1, 3, 15),
        (piece, times, level) => {
          const plain = Buffer.concat(Array.from({ length: times }, () => piece))
          const segment = encoded(plain, level)
          expect(segment.length).toBeLessThanOrEqual(plain.length + 8)
          expect(plain.equals(decoded(segment))).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('is compressed where that pays, and stored as it is otherwise', () => {
    const text = encoded(chance.text(50_000))
    expect(readSegmentHeader(text)).toMatchObject({ codec: 'zstd', depth: 0, plain: 50_000, payloadAt: 8 })
    expect(text.length).toBeLessThan(30_000)
    const random = encoded(chance.bytes(50_000))
    expect(readSegmentHeader(random).codec).toBe('stored')
    expect(random.length).toBe(50_008)
    expect(readSegmentHeader(encoded(chance.text(50_000), 0)).codec).toBe('stored')
  })

  it('is decoded in place where it is stored, without a copy', () => {
    const segment = encoded(chance.bytes(1000))
    expect(decoded(segment).buffer).toBe(segment.buffer)
  })
})

describe('a delta segment', () => {
  const old = [chance.bytes(40_000), chance.bytes(20_000)]
  const edited = Buffer.concat(old)
  edited.set(chance.bytes(100), 30_000)

  it('costs about what changed, and comes back with its bases', () => {
    const delta = deltaOf(old, 3)
    const segment = encoded(edited, 3, delta)
    expect(segment.length).toBeLessThan(1000)
    const header = readSegmentHeader(segment)
    expect(header).toMatchObject({ codec: 'zstd', depth: 3, plain: 60_000, payloadAt: 8 + 64 })
    expect(Buffer.from(header.bases).equals(delta.ids)).toBe(true)
    expect(edited.equals(decoded(segment, delta.dictionary))).toBe(true)
  })

  it('does not give back its bytes with the wrong bases', () => {
    const segment = encoded(edited, 3, deltaOf(old))
    for (const wrong of [Buffer.concat([old[1]!, old[0]!]), chance.bytes(60_000)]) {
      let plain: Uint8Array | undefined
      const code = codeOf(() => {
        plain = decoded(segment, wrong)
      })
      expect(code === 'OBJECT_DAMAGED' || !edited.equals(plain!)).toBe(true)
    }
  })

  it('is a mistake of the caller to decode without its bases, or a plain one with some', () => {
    expect(() => decoded(encoded(edited, 3, deltaOf(old)))).toThrow('dictionary')
    expect(() => decoded(encoded(edited), old[0])).toThrow('dictionary')
  })

  it('becomes a plain one where its bases do not help, even where there is room for more', () => {
    const bases = [chance.bytes(2000)]
    const plain = chance.bytes(5000)
    const into = new Uint8Array(20_000)
    const segment = into.slice(0, encodeSegment(zstd, plain, 3, into, deltaOf(bases)))
    expect(readSegmentHeader(segment)).toMatchObject({ codec: 'stored', depth: 0 })
    expect(segment.length).toBe(5008)
  })

  it('comes back for any edit', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 4000 }),
        fc.uint8Array({ minLength: 1, maxLength: 50 }),
        fc.nat(3999),
        fc.integer({ min: 1, max: 8 }),
        (base, edit, at, depth) => {
          const next = Buffer.concat([base.subarray(0, at), edit, base.subarray(at)])
          const segment = encoded(next, 3, deltaOf([base], depth))
          const isDelta = readSegmentHeader(segment).depth > 0
          expect(next.equals(decoded(segment, isDelta ? base : undefined))).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('the header of a segment', () => {
  const ids = new Uint8Array(256 * 32)

  it('is refused beyond the limits of the format', () => {
    const code = (segment: Uint8Array) => codeOf(() => readSegmentHeader(segment))
    expect(code(raw(1, 0, 0, SEGMENT_BYTES_MAX))).toBeUndefined()
    expect(code(raw(1, 0, 0, SEGMENT_BYTES_MAX + 1))).toBe('LIMIT_EXCEEDED')
    expect(code(raw(1, 0, 0, 0xffff_ffff))).toBe('LIMIT_EXCEEDED')
    expect(code(raw(1, 0, 0, 0))).toBe('LIMIT_EXCEEDED')
    expect(code(raw(1, 8, 256, 1, ids))).toBeUndefined()
    expect(code(raw(1, 9, 1, 1, ids))).toBe('LIMIT_EXCEEDED')
    expect(code(raw(1, 1, 257, 1, new Uint8Array(257 * 32)))).toBe('LIMIT_EXCEEDED')
  })

  it('is refused where codec, depth and bases do not belong together', () => {
    const code = (segment: Uint8Array) => codeOf(() => readSegmentHeader(segment))
    expect(code(raw(2, 0, 0, 1))).toBe('OBJECT_DAMAGED')
    expect(code(raw(1, 0, 1, 1, ids))).toBe('OBJECT_DAMAGED')
    expect(code(raw(1, 1, 0, 1, ids))).toBe('OBJECT_DAMAGED')
    expect(code(raw(0, 1, 1, 1, ids))).toBe('OBJECT_DAMAGED')
    expect(code(raw(1, 1, 2, 1, new Uint8Array(63)))).toBe('OBJECT_DAMAGED')
    for (let length = 0; length < 8; length++) expect(code(new Uint8Array(length))).toBe('OBJECT_DAMAGED')
  })

  it('must tell the true length of what follows', () => {
    const text = encoded(chance.text(5000))
    for (const plain of [4999, 5001, 1, MIB]) {
      const lying = text.slice()
      new DataView(lying.buffer).setUint32(4, plain, true)
      expect(codeOf(() => decoded(lying))).toBe('OBJECT_DAMAGED')
    }
    expect(codeOf(() => decoded(raw(0, 0, 0, 10, new Uint8Array(9))))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decoded(raw(0, 0, 0, 10, new Uint8Array(11))))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decoded(raw(1, 0, 0, 10)))).toBe('OBJECT_DAMAGED')
  })
})

describe('hostile segments', () => {
  it('are decoded or refused, at once', () => {
    const random = new Chance(3)
    const base = random.bytes(3000)
    const valid = [
      encoded(random.text(2000)),
      encoded(random.bytes(500)),
      encoded(Buffer.concat([base, base.subarray(9)]), 3, deltaOf([base])),
    ]
    const into = new Uint8Array(SEGMENT_BYTES_MAX)
    const outcome = survives(
      20_000,
      (index) => (index % 4 === 3 ? random.bytes(random.int(80)) : mutated(random, valid[index % 3]!)),
      (segment) => {
        const header = readSegmentHeader(segment)
        decodeSegment(zstd, segment, header, into, header.depth > 0 ? base : undefined)
      },
    )
    expect(outcome.refused).toBeGreaterThan(10_000)
    expect(outcome.accepted).toBeGreaterThan(0)
  })
})

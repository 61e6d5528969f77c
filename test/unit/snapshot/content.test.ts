import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../src/base/bytes.ts'
import {
  CHUNK_ITEM,
  CHUNK_ITEM_BYTES,
  decodeContent,
  encodeContent,
  HOLE_ITEM_BYTES,
  readItems,
  writeHole,
} from '../../../src/snapshot/content.ts'
import { Chance, codeOf, mutated, plain, survives } from '../../support/builders.ts'

const anyItem = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((chunk) => ({ chunk })),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((hole) => ({ hole })),
)

function encoded(items: readonly ({ chunk: Uint8Array } | { hole: number })[]): Uint8Array {
  const writer = new ByteWriter(16)
  for (const item of items) {
    if ('hole' in item) writeHole(writer, item.hole)
    else writer.u8(CHUNK_ITEM).raw(item.chunk)
  }
  return writer.done()
}

describe('content', () => {
  it('comes back with its levels', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.uint8Array({ maxLength: 500 }), (levels, items) => {
        const content = decodeContent(encodeContent({ levels, items }))
        expect(content.levels).toBe(levels)
        expect([...content.items]).toEqual([...items])
      }),
    )
  })

  it('is refused with five levels, with too many items, and with bytes behind it', () => {
    const of = (levels: number, bytes: number) => encodeContent({ levels, items: new Uint8Array(bytes) })
    expect(codeOf(() => decodeContent(of(4, 1_048_576)))).toBeUndefined()
    expect(codeOf(() => decodeContent(of(5, 0)))).toBe('LIMIT_EXCEEDED')
    expect(codeOf(() => decodeContent(of(0, 1_048_577)))).toBe('LIMIT_EXCEEDED')
    expect(codeOf(() => decodeContent(Buffer.concat([of(0, 3), new Uint8Array(1)])))).toBe('OBJECT_DAMAGED')
  })
})

describe('content items', () => {
  it('come back in order, chunks and holes', () => {
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 30 }), (items) => {
        const bytes = encoded(items)
        const lengths = items.map((item) => ('hole' in item ? HOLE_ITEM_BYTES : CHUNK_ITEM_BYTES))
        expect(bytes.length).toBe(lengths.reduce((sum, length) => sum + length, 0))
        expect(plain([...readItems(bytes)])).toBe(plain(items))
      }),
    )
  })

  it('are refused where they end within an item, or are of no known kind', () => {
    const bytes = encoded([{ hole: 5 }, { chunk: new Uint8Array(32) }])
    for (let length = 1; length < bytes.length; length++) {
      const code = codeOf(() => [...readItems(bytes.subarray(0, length))])
      expect([length, code]).toEqual([length, length === HOLE_ITEM_BYTES ? undefined : 'OBJECT_DAMAGED'])
    }
    expect(codeOf(() => [...readItems(Uint8Array.of(0))])).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => [...readItems(new Uint8Array(33).fill(3))])).toBe('OBJECT_DAMAGED')
  })

  it('are refused with a hole of no bytes', () => {
    expect(codeOf(() => [...readItems(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0))])).toBe('OBJECT_DAMAGED')
  })

  it('are refused with a hole above 2^53', () => {
    expect(codeOf(() => [...readItems(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 32, 0))])).toBe('OBJECT_DAMAGED')
  })

  it('are decoded or refused at once, however hostile', () => {
    const chance = new Chance(22)
    const valid = fc.sample(fc.array(anyItem, { maxLength: 20 }), { numRuns: 50, seed: 3 }).map(encoded)
    const input = (index: number) =>
      index % 4 === 3 ? chance.bytes(chance.int(200)) : mutated(chance, valid[index % valid.length]!)
    expect(survives(20_000, input, (bytes) => [...readItems(bytes)]).refused).toBeGreaterThan(8_000)
    const contents = valid.map((items, index) => encodeContent({ levels: index % 5, items }))
    const content = (index: number) =>
      index % 4 === 3 ? chance.bytes(chance.int(50)) : mutated(chance, contents[index % contents.length]!)
    expect(survives(20_000, content, decodeContent).refused).toBeGreaterThan(5_000)
  })
})

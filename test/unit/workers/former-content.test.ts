import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../src/base/bytes.ts'
import { CHUNK_ITEM, writeHole } from '../../../src/snapshot/content.ts'
import { FormerContent } from '../../../src/workers/former-content.ts'

const idOf = (number: number): Uint8Array => {
  const id = new Uint8Array(32)
  new DataView(id.buffer).setUint32(0, Math.imul(number, 2_654_435_761))
  new DataView(id.buffer).setUint32(28, number)
  return id
}

/** Items of chunks by number; a negative number is a hole. */
function itemsOf(numbers: readonly number[]): Uint8Array {
  const writer = new ByteWriter(64)
  for (const number of numbers) {
    if (number < 0) writeHole(writer, -number)
    else writer.u8(CHUNK_ITEM).raw(idOf(number))
  }
  return writer.done()
}

describe('a former content', () => {
  it('finds every chunk at the place that is guessed, else at its first, as a search one by one does', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer({ min: -3, max: 40 }).filter((number) => number !== 0),
          { maxLength: 60 },
        ),
        fc.integer({ min: 1, max: 45 }),
        fc.integer({ min: -1, max: 61 }),
        (numbers, wanted, guess) => {
          const former = new FormerContent(itemsOf(numbers))
          const chunks = numbers.filter((number) => number > 0)
          expect(former.count).toBe(chunks.length)
          const expected = chunks[guess] === wanted ? guess : chunks.indexOf(wanted)
          expect(former.find(idOf(wanted), guess)).toBe(expected)
          chunks.forEach((number, place) => {
            expect(Buffer.compare(former.idAt(place), idOf(number))).toBe(0)
          })
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('gives up a search among ids that somebody made alike, instead of going through all of them', () => {
    const alike = Array.from({ length: 5_000 }, (_, number) => {
      const id = new Uint8Array(33).fill(7)
      id[0] = CHUNK_ITEM
      new DataView(id.buffer).setUint32(29, number)
      return id
    })
    const former = new FormerContent(Buffer.concat(alike))
    const started = performance.now()
    for (const item of alike) former.find(item.subarray(1), -1)
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(former.find(alike[3_000]?.subarray(1) ?? new Uint8Array(32), 3_000)).toBe(3_000)
  })

  it('ends where its items are damaged', () => {
    expect(new FormerContent(itemsOf([1, 2]).subarray(0, 50)).count).toBe(1)
    expect(new FormerContent(Uint8Array.of(9)).count).toBe(0)
    expect(new FormerContent(Buffer.concat([itemsOf([1]), Uint8Array.of(9), itemsOf([2])])).count).toBe(1)
  })
})

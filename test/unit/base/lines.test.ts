import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutText, Lines } from '../../../src/base/lines.ts'

function inParts(text: string, lengths: readonly number[], charsMax: number): string[] {
  const lines = new Lines(charsMax)
  const found: string[] = []
  let at = 0
  for (const length of lengths) {
    found.push(...lines.push(text.slice(at, at + length)))
    at += length
  }
  return [...found, ...lines.push(text.slice(at)), ...lines.end()]
}

describe('lines', () => {
  it('are those of the whole text, however it comes', () => {
    const text = fc.array(fc.constantFrom('a', 'bc', '\n', ' ', 'é')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.array(fc.nat(5)), (whole, lengths) => {
        const expected = whole.split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(inParts(whole, lengths, 1_000)).toEqual(expected)
      }),
    )
  })

  it('are bounded, and so is what is kept of an open one', () => {
    const lengths = fc.array(fc.nat(50), { minLength: 1 })
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), lengths, (whole, each) => {
        for (const line of inParts(whole, each, 20)) expect(line.length).toBeLessThanOrEqual(20)
        expect(inParts(whole, each, 20)).toEqual(inParts(whole, [], 20))
      }),
    )
    const lines = new Lines(4_096)
    const part = 'x'.repeat(1_048_576)
    for (let count = 0; count < 2_000; count++) expect(lines.push(part)).toEqual([])
    expect(lines.push('\n')[0]).toHaveLength(4_096)
  })
})

describe('a text that is cut', () => {
  it.each([
    ['short', 5, 'short'],
    ['one two three four five', 20, 'one two three four…'],
    ['abcdefghij', 5, 'abcd…'],
    ['a bcdefghijklmnop', 10, 'a bcdefgh…'],
  ])('%j to %i is %j', (text, charsMax, expected) => {
    expect(cutText(text, charsMax)).toBe(expected)
  })
})

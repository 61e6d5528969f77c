import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileGlob, compilePathGlob } from '../../../src/base/glob.ts'

const REGEXP = new Map([
  ['*', '.*'],
  ['?', '.'],
])
const RAW = '\udcff'

test.each<[string, string, boolean]>([
  ['*', 'anything', true],
  ['*.txt', 'a.txt', true],
  ['*.txt', 'a.txt~', false],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['a?c', 'abc', true],
  ['a?c', 'a😀c', true],
  ['a?c', `a${RAW}c`, true],
  ['a?c', 'ac', false],
  ['[a-c]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[!a-c]x', 'dx', true],
  ['[^a-c]x', 'ax', false],
  ['[]x]', ']', true],
  ['[!]x]', ']', false],
  ['[a-]', '-', true],
  ['[ab', '[ab', true],
  ['\\*', '*', true],
  ['\\*', 'x', false],
  ['a.c', 'abc', false],
  ['(a|b)+$', '(a|b)+$', true],
  ['.hidden', '.hidden', true],
  ['*', '.hidden', true],
  ['Notes', 'notes', false],
])('%s and %j: %s', (pattern, name, expected) => {
  expect(compileGlob(pattern).matches(name)).toBe(expected)
})

test.each<[string, string]>([
  ['*.TXT', 'Straße.txt'],
  ['STRASSE*', 'Straße.txt'],
  ['ὈΔΥΣΣΕΎΣ', 'ὀδυσσεύς'],
  ['[A-C]x', 'bX'],
])('%s is %s where case is ignored', (pattern, name) => {
  expect(compileGlob(pattern, true).matches(name)).toBe(true)
  expect(compileGlob(pattern).matches(name)).toBe(false)
})

test.each<[string, string[], boolean]>([
  ['/etc/*.conf', ['etc', 'a.conf'], true],
  ['etc/*.conf/', ['etc', 'a.conf'], true],
  ['/etc/*.conf', ['etc', 'sub', 'a.conf'], false],
  ['/etc/*.conf', ['srv', 'etc', 'a.conf'], false],
  ['**/a.conf', ['a.conf'], true],
  ['**/a.conf', ['x', 'y', 'a.conf'], true],
  ['/etc/**', ['etc', 'x', 'y'], true],
  ['/etc/**/y/**/z', ['etc', 'y', 'q', 'y', 'z'], true],
  ['/etc/**/y/**/z', ['etc', 'q', 'z'], false],
  ['/a**c/x', ['abc', 'x'], true],
])('the path pattern %s and %j: %s', (pattern, names, expected) => {
  expect(compilePathGlob(pattern).matches(names)).toBe(expected)
})

test('property: a text with every special character escaped matches itself alone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string(), (text, other) => {
      const glob = compileGlob(text.replace(/[*?[\]\\]/g, '\\$&'))
      expect(glob.matches(text)).toBe(true)
      expect(glob.matches(other)).toBe(other === text)
      expect(glob.literal).toBe(text)
    }),
  )
})

test('property: what a pattern promises is in every match', () => {
  const pattern = fc.array(fc.constantFrom('*', '?', 'a', 'b', '[ab]'), { maxLength: 6 })
  fc.assert(
    fc.property(pattern, fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 }), (parts, letters) => {
      const glob = compileGlob(parts.join(''))
      const source = parts.map((part) => REGEXP.get(part) ?? part).join('')
      const text = letters.join('')
      expect(glob.matches(text)).toBe(new RegExp(`^${source}$`).test(text))
      if (glob.matches(text)) expect(text).toContain(glob.literal)
    }),
    { numRuns: 500 },
  )
})

test('where case is ignored nothing is promised', () => {
  expect(compileGlob('abc*', true).literal).toBe('')
})

test('many stars against a long name are no work', () => {
  const started = performance.now()
  expect(compileGlob(`${'*a'.repeat(30)}b`).matches('a'.repeat(1_024))).toBe(false)
  expect(performance.now() - started).toBeLessThan(1_000)
})

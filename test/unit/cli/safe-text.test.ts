import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonPath, jsonText, safeText } from '../../../src/cli/output/safe-text.ts'

describe('safeText', () => {
  it.each([
    ['plain name.txt', 'plain name.txt'],
    ['naïve 日本語 🎉 👩‍🚀', 'naïve 日本語 🎉 👩‍🚀'],
    ['two\nlines\ttab', 'two\\x0alines\\x09tab'],
    ['\u001b[2J\u001b]0;owned\u0007', '\\x1b[2J\\x1b]0;owned\\x07'],
    ['\u009b31m', '\\u{9b}31m'],
    ['del\u007f', 'del\\x7f'],
    ['photo\u202egpj.exe', 'photo\\u{202e}gpj.exe'],
    ['\u2066a\u2069\u200f', '\\u{2066}a\\u{2069}\\u{200f}'],
    ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
    ['line\u2028end', 'line\\u{2028}end'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['latin1 \udce9t\udce9', 'latin1 \\xe9t\\xe9'],
    ['high \ud83d alone', 'high \\u{d83d} alone'],
    ['back\\slash', 'back\\slash'],
  ])('shows %j', (name, expected) => {
    expect(safeText(name)).toBe(expected)
  })

  it('never lets a control character or a lone surrogate through', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.integer({ min: 0xd800, max: 0xdfff }),
        (text, unit) => {
          const safe = safeText(text + String.fromCharCode(unit))
          expect(safe).not.toMatch(/\p{Cc}|\p{Cs}|\p{Bidi_Control}/u)
        },
      ),
    )
  })
})

describe('jsonPath', () => {
  it('gives the name alone where it is UTF-8', () => {
    expect(jsonPath('ö/🎉\n')).toEqual({ path: 'ö/🎉\n' })
  })

  it('gives the raw bytes beside a name that is not', () => {
    const name = 'd/🎉\udce9\udcff.txt'
    const { path, path_b64 } = jsonPath(name)
    expect(path).toBe('d/🎉\ufffd\ufffd.txt')
    const bytes = Buffer.from(path_b64 ?? '', 'base64')
    expect(bytes).toEqual(Buffer.concat([Buffer.from('d/🎉'), Buffer.of(0xe9, 0xff), Buffer.from('.txt')]))
  })

  it('replaces lone surrogates in texts', () => {
    expect(jsonText('a\udc80b')).toBe('a\ufffdb')
  })
})

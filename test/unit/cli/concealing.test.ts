import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concealedError, concealing } from '../../../src/cli/output/concealing.ts'
import { renderError } from '../../../src/cli/output/errors.ts'
import { jsonLine } from '../../../src/cli/output/json-lines.ts'
import { safeText } from '../../../src/cli/output/safe-text.ts'
import { SnapError } from '../../../src/model/errors.ts'

const SECRET = 'pa55\u200b"word\\'

function written(secrets: readonly string[], json: boolean, ...texts: readonly string[]): string {
  const parts: string[] = []
  const sink = concealing(
    { write: (text) => void parts.push(text), isTTY: false, columns: 80 },
    secrets,
    json,
  )
  for (const text of texts) sink.write(text)
  return parts.join('')
}

describe('what is written', () => {
  it('has stars in the place of a secret, also where it was made safe for a terminal', () => {
    expect(written([SECRET], false, `it is ${SECRET}\n`, `it is ${safeText(SECRET)}\n`)).toBe(
      'it is ***\nit is ***\n',
    )
  })

  it('heeds what turns out to be secret later', () => {
    const secrets: string[] = []
    const parts: string[] = []
    const sink = concealing(
      { write: (text) => void parts.push(text), isTTY: true, columns: 1 },
      secrets,
      false,
    )
    sink.write('first word')
    secrets.push('word')
    sink.write('second word')
    expect(parts).toEqual(['first word', 'second ***'])
  })

  it('stays JSON, with its keys, numbers and ids, whatever a secret consists of', () => {
    const id = 'beef'.repeat(16)
    const line = jsonLine({
      message_type: 'summary',
      snapshot_id: id,
      bytes: 12345,
      summary: ['the summary 2345', { text: SECRET }],
    })
    expect(JSON.parse(written(['summary', 'beef', '2345', SECRET], true, line))).toEqual({
      message_type: 'summary',
      snapshot_id: id,
      bytes: 12345,
      summary: ['the *** ***', { text: '***' }],
    })
    expect(JSON.parse(written([id], true, line)).snapshot_id).toBe('***')
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.jsonValue(), (secret, value) => {
        const out = written([secret], true, jsonLine({ value, said: `x${secret}y` }))
        expect(JSON.parse(out).said).not.toContain(secret)
      }),
    )
  })

  it('that is no JSON after all has no secret in it either', () => {
    expect(written(['hidden'], true, '{"cut off hidden\n')).toBe('{"cut off ***\n')
  })
})

describe('an error', () => {
  it('says no secret, nor do its hint, what stands beside it and its causes', () => {
    const cause = new Error(`deep ${SECRET}`, { cause: new TypeError(`deeper ${SECRET}`) })
    const error = new SnapError('HOOK_FAILED', `failed: ${SECRET}`, {
      hint: `try ${SECRET}`,
      also: [SECRET],
      cause,
    })
    const clean = concealedError(error, [SECRET])
    expect(clean).toMatchObject({ code: 'HOOK_FAILED', message: 'failed: ***' })
    for (const json of [true, false]) {
      const text = renderError(clean, { json, verbosity: 2 })
      expect(text).not.toContain('pa55')
      expect(text).toContain('***')
    }
    expect(renderError(clean, { json: false, verbosity: 1 })).toContain('caused by: deeper ***')
    const bug = renderError(concealedError(new TypeError(`a bug with ${SECRET}`), [SECRET]), {
      json: false,
      verbosity: 0,
    })
    expect(bug).toContain('this is a bug in snap')
    expect(bug).not.toContain('pa55')
  })

  it('that goes round in a circle ends', () => {
    const error = new Error('a')
    error.cause = error
    expect(concealedError(error, ['x'])).toBe(error)
    expect(concealedError('no error', ['x'])).toBeUndefined()
  })
})

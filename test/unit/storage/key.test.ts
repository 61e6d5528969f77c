import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPrefix, directoryOf, isKey } from '../../../src/storage/key.ts'

describe('keys', () => {
  it('accepts the keys of the format', () => {
    const id = '0123456789abcdef'.repeat(2)
    for (const key of [
      'config',
      `slots/${id}`,
      `packs/01/${id}`,
      `index/${id}`,
      'log/0000000000000007',
      `lists/${id}`,
    ]) {
      expect(isKey(key), key).toBe(true)
    }
  })

  it('accepts nothing that leads out of the directory or into the temporary files', () => {
    const part = fc.constantFrom('..', '.', '/', 'a', 'tmp', '0', '\\', '\0', '%2e', ' ', '~', 'packs')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const key = parts.join('')
        if (!isKey(key)) return
        expect(resolve('/r', key)).toBe(`/r/${key}`)
        expect(key.split('/')[0]).not.toBe('tmp')
      }),
      { numRuns: 5_000 },
    )
  })

  it('accepts every beginning of a key as a prefix', () => {
    for (let end = 0; end <= 'packs/3f/3fab'.length; end += 1) checkPrefix('packs/3f/3fab'.slice(0, end))
  })

  it('tells the directory of a key', () => {
    expect([directoryOf('packs/3f/aa'), directoryOf('log/0'), directoryOf('config')]).toEqual([
      'packs/3f',
      'log',
      '',
    ])
  })
})

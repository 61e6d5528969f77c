import { blake3 } from '@noble/hashes/blake3.js'
import { describe, expect, it } from 'vitest'
import { loadBox } from '../../../src/crypto/box.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { createAdminKeys, deriveSharedKeys, grantKeys } from '../../../src/keys/hierarchy.ts'
import { ADMIN, READER, WRITER } from './key-samples.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('the key hierarchy', () => {
  it('derives each shared key with its own context, as another BLAKE3 does', () => {
    const master = Uint8Array.from({ length: 32 }, (_, index) => index)
    const contexts = {
      idKey: 'snapkeep v1 chunk id',
      gearSecret: 'snapkeep v1 gear table',
      indexKey: 'snapkeep v1 index objects and pack footers',
      logKey: 'snapkeep v1 log entries and lists',
      configKey: 'snapkeep v1 config',
    }
    for (const [name, context] of Object.entries(contexts)) {
      const expected = blake3(master, { context: new TextEncoder().encode(context) })
      expect(hex(deriveSharedKeys(master)[name as keyof typeof contexts])).toBe(hex(expected))
    }
  })

  it('makes a content pair whose halves belong together, and nothing twice', async () => {
    const box = await loadBox()
    expect(hex(box.publicKey(ADMIN.contentSecret))).toBe(hex(ADMIN.contentPublic))
    const again = createAdminKeys(box, systemRandom)
    expect(hex(again.master)).not.toBe(hex(ADMIN.master))
    expect(hex(again.signingSeed)).not.toBe(hex(ADMIN.signingSeed))
  })

  it('gives a reader the content secret and not the master', () => {
    expect(READER.contentSecret).toEqual(ADMIN.contentSecret)
    expect(READER).not.toHaveProperty('master')
  })

  it('gives a writer neither', () => {
    expect(WRITER).not.toHaveProperty('contentSecret')
    expect(WRITER).not.toHaveProperty('master')
    expect(WRITER.contentPublic).toEqual(ADMIN.contentPublic)
    expect(WRITER.idKey).toEqual(ADMIN.idKey)
  })

  it('gives every holder a signing seed of its own', () => {
    const another = grantKeys(ADMIN, 'admin', systemRandom)
    const seeds = [ADMIN, READER, WRITER, another].map((keys) => hex(keys.signingSeed))
    expect(new Set(seeds).size).toBe(4)
    expect(another).toMatchObject({ role: 'admin', master: ADMIN.master })
  })
})

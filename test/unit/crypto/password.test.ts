import { argon2id } from '@noble/hashes/argon2.js'
import { describe, expect, it } from 'vitest'
import {
  derivePasswordKey,
  PASSWORD_COST_DEFAULT,
  PASSWORD_MEMORY_BYTES_MAX,
  PASSWORD_MEMORY_BYTES_MIN,
  PASSWORD_PASSES_MAX,
} from '../../../src/crypto/password.ts'

const PASSWORD = new TextEncoder().encode('correct horse battery staple')
const SALT = Uint8Array.from({ length: 16 }, (_, i) => i)
const CHEAP = { passes: 1, memoryBytes: PASSWORD_MEMORY_BYTES_MIN }

describe('derivePasswordKey', () => {
  it('is Argon2id with one lane, as another implementation computes it', async () => {
    for (const cost of [CHEAP, { passes: 2, memoryBytes: 9 * 1024 * 1024 }]) {
      const oracle = argon2id(PASSWORD, SALT, { t: cost.passes, m: cost.memoryBytes / 1024, p: 1, dkLen: 32 })
      expect(await derivePasswordKey(PASSWORD, SALT, cost)).toEqual(Uint8Array.from(oracle))
    }
  })

  it('depends on password, salt and cost', async () => {
    const keys = await Promise.all([
      derivePasswordKey(PASSWORD, SALT, CHEAP),
      derivePasswordKey(PASSWORD.subarray(1), SALT, CHEAP),
      derivePasswordKey(PASSWORD, SALT.toReversed(), CHEAP),
      derivePasswordKey(PASSWORD, SALT, { ...CHEAP, passes: 2 }),
    ])
    expect(new Set(keys.map(String)).size).toBe(4)
  })

  it('takes an empty password and the default cost', async () => {
    expect((await derivePasswordKey(new Uint8Array(0), SALT, PASSWORD_COST_DEFAULT)).length).toBe(32)
  })

  it.each([
    { passes: 0, memoryBytes: PASSWORD_MEMORY_BYTES_MIN },
    { passes: PASSWORD_PASSES_MAX + 1, memoryBytes: PASSWORD_MEMORY_BYTES_MIN },
    { passes: 1.5, memoryBytes: PASSWORD_MEMORY_BYTES_MIN },
    { passes: Number.NaN, memoryBytes: PASSWORD_MEMORY_BYTES_MIN },
    { passes: 1, memoryBytes: PASSWORD_MEMORY_BYTES_MIN - 1 },
    { passes: 1, memoryBytes: PASSWORD_MEMORY_BYTES_MAX + 1 },
  ])('refuses the cost %o', async (cost) => {
    await expect(derivePasswordKey(PASSWORD, SALT, cost)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})

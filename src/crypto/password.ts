/**
 * Turns a password into a key with Argon2id (version 1.3, one lane; libsodium `crypto_pwhash`). It knows nothing
 * of slots, but refuses costs outside the format's limits, which may come from a hostile repository.
 */
import { assert } from '../base/assert.ts'
import { SnapError } from '../model/errors.ts'
import { loadSodium } from './sodium.ts'

const MIB = 1024 * 1024

export const PASSWORD_PASSES_MIN = 1
export const PASSWORD_PASSES_MAX = 16
export const PASSWORD_MEMORY_BYTES_MIN: number = 8 * MIB
export const PASSWORD_MEMORY_BYTES_MAX: number = 512 * MIB
export const PASSWORD_SALT_BYTES = 16
export const PASSWORD_KEY_BYTES = 32

export type PasswordCost = {
  readonly passes: number
  /** Bytes; counted in whole KiB. */
  readonly memoryBytes: number
}

export const PASSWORD_COST_DEFAULT: PasswordCost = { passes: 3, memoryBytes: 64 * MIB }

/**
 * 32 bytes. Blocks this thread while it computes: some 0.2 s at the default cost. `LIMIT_EXCEEDED` for a cost
 * outside the limits, before anything is computed. `salt`: 16 bytes.
 */
export async function derivePasswordKey(
  password: Uint8Array,
  salt: Uint8Array,
  cost: PasswordCost,
): Promise<Uint8Array<ArrayBuffer>> {
  checkLimit('passes', cost.passes, PASSWORD_PASSES_MIN, PASSWORD_PASSES_MAX)
  checkLimit('bytes of memory', cost.memoryBytes, PASSWORD_MEMORY_BYTES_MIN, PASSWORD_MEMORY_BYTES_MAX)
  assert(salt.length === PASSWORD_SALT_BYTES, 'a password salt has 16 bytes')
  const sodium = await loadSodium()
  const { passes, memoryBytes } = cost
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13
  return new Uint8Array(
    sodium.crypto_pwhash(PASSWORD_KEY_BYTES, password, salt, passes, memoryBytes, algorithm),
  )
}

function checkLimit(what: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return
  throw new SnapError(
    'LIMIT_EXCEEDED',
    `a password slot asks for ${value} ${what}; ${min} to ${max} are allowed`,
  )
}

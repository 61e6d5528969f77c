/** Keys and errors for the tests of this folder. */
import { loadBox } from '../../../src/crypto/box.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { createAdminKeys, grantKeys } from '../../../src/keys/hierarchy.ts'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import { repositoryId } from '../../../src/model/ids.ts'

export const REPOSITORY = repositoryId('00112233445566778899aabbccddeeff')
export const OTHER_REPOSITORY = repositoryId('ff112233445566778899aabbccddeeff')
export const ADMIN = createAdminKeys(await loadBox(), systemRandom)
export const READER = grantKeys(ADMIN, 'reader', systemRandom)
export const WRITER = grantKeys(ADMIN, 'writer', systemRandom)

export async function codeOf(run: () => unknown): Promise<ErrorCode | undefined> {
  try {
    await run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

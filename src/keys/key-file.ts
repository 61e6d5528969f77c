/**
 * The text of a key file: a random secret that opens a slot without a password. It does not know slots.
 *
 *     snapkeep key 1
 *     repository <32 hex digits>
 *     secret <64 hex digits>
 *
 * Lines that begin with `#` are comments; empty lines and spaces around a line do not count.
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { type RepositoryId, repositoryId } from '../model/ids.ts'

export const KEY_FILE_SECRET_BYTES = 32
const FIRST_LINE = /^snapkeep key ([1-9][0-9]{0,8})$/
const REPOSITORY_LINE = /^repository ([0-9a-f]{32})$/
const SECRET_LINE = /^secret ([0-9a-f]{64})$/
const HINT = 'Give the file that `snap` wrote when the key was made.'

export type KeyFile = { readonly repositoryId: RepositoryId; readonly secret: Uint8Array }

export function encodeKeyFile(file: KeyFile): string {
  return `snapkeep key 1\nrepository ${file.repositoryId}\nsecret ${toHex(file.secret)}\n`
}

/** Whether it says that it is one, of any version. */
export function isKeyFile(text: string): boolean {
  return FIRST_LINE.test(linesOf(text)[0] ?? '')
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** `KEY_WRONG` where this is no key file; no message ever holds a part of the text. */
export function decodeKeyFile(text: string): KeyFile {
  const [first = '', second = '', third = '', ...rest] = linesOf(text)
  const version = FIRST_LINE.exec(first)?.[1]
  if (version === undefined) throw new SnapError('KEY_WRONG', 'this is not a key file', { hint: HINT })
  if (version !== '1') {
    throw new SnapError('REPOSITORY_TOO_NEW', `the key file has version ${version}; this program reads 1`, {
      hint: 'Install a newer version of snap.',
    })
  }
  const repository = REPOSITORY_LINE.exec(second)?.[1]
  const secret = SECRET_LINE.exec(third)?.[1]
  if (repository === undefined || secret === undefined || rest.length > 0) {
    throw new SnapError('KEY_WRONG', 'the key file is damaged', { hint: HINT })
  }
  return { repositoryId: repositoryId(repository), secret: fromHex(secret) }
}

/** The secret of a key file that must belong to `repository`; `KEY_WRONG` otherwise. */
export function keyFileSecret(text: string, repository: RepositoryId): Uint8Array {
  const file = decodeKeyFile(text)
  if (file.repositoryId !== repository) {
    throw new SnapError(
      'KEY_WRONG',
      `the key file belongs to repository ${file.repositoryId}, not to ${repository}`,
      {
        hint: HINT,
      },
    )
  }
  return file.secret
}

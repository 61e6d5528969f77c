/** A secret that a configuration names by its file. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { systemPath } from '../../base/names.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf } from '../../model/errors.ts'

const SECRET_BYTES_MAX = 65_536

/** The text without one line end. Throws an `Error` that names the file. */
export function readSecret(path: string): string {
  try {
    return textOf(path).replace(/\r?\n$/, '')
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${codeInWords(systemCode(cause)) || messageOf(cause)}`, {
      cause,
    })
  }
}

/** A pipe is not waited for, by whom nobody could be told. */
function textOf(path: string): string {
  const file = openSync(systemPath(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw new Error('it is no file')
    if (found.size > SECRET_BYTES_MAX) throw new Error('it is too large to be a secret')
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

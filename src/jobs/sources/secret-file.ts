/** A secret that a configuration names by its file. */
import { readFileSync } from 'node:fs'
import { systemPath } from '../../base/names.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'

/** The text without one line end. Throws an `Error` that names the file. */
export function readSecret(path: string): string {
  try {
    return readFileSync(systemPath(path), 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${codeInWords(systemCode(cause))}`, { cause })
  }
}

/**
 * The grammar of object keys, in this one place, so that no key leaves a backend's own directory or bucket prefix.
 * A key outside the grammar is a mistake of the caller's, never of the user's: ids are parsed long before they become keys.
 */
import { assert } from '../base/assert.ts'
import type { ObjectKey } from '../model/storage.ts'

export const KEY_BYTES_MAX = 128
/** No whole object is larger, and no reader allocates more for one. */
export const OBJECT_BYTES_MAX = 134_217_728
/** The first segment that backends keep for themselves; no key begins with it. */
export const TEMPORARY_SEGMENT = 'tmp'

const KEY = /^(?!tmp(?:\/|$))[a-z0-9]+(?:\/[a-z0-9]+)*$/
const PREFIX = /^(?:[a-z0-9]+(?:\/[a-z0-9]+)*\/?)?$/

/** True where `text` may name an object: segments of `a-z0-9` with `/` between them, the first one not `tmp`. */
export function isKey(text: string): boolean {
  return text.length <= KEY_BYTES_MAX && KEY.test(text)
}

export function checkKey(key: ObjectKey): void {
  assert(isKey(key), `${JSON.stringify(key.slice(0, 2 * KEY_BYTES_MAX))} is not an object key`)
}

/** A prefix is empty or the beginning of a key. */
export function checkPrefix(prefix: string): void {
  assert(
    prefix.length <= KEY_BYTES_MAX && PREFIX.test(prefix),
    `${JSON.stringify(prefix.slice(0, 2 * KEY_BYTES_MAX))} is not a prefix of object keys`,
  )
}

/** `packs/3f` of `packs/3f/3f9c`, and the empty string of `config`. */
export function directoryOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')))
}

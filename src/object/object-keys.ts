/** Under which storage key each object lies, and back (format, section 1). */
import { assert } from '../base/assert.ts'
import { type IndexId, indexId, type ListId, type PackId, packId, type SlotId, slotId } from '../model/ids.ts'
import type { ObjectKey } from '../model/storage.ts'

export const CONFIG_KEY: ObjectKey = 'config'
export const LOG_PREFIX = 'log/'
export const SLOT_PREFIX = 'slots/'
export const PACK_PREFIX = 'packs/'
export const INDEX_PREFIX = 'index/'

const LOG_DIGITS = 16
const LOG_FORM = /^log\/([0-9]{16})$/
const PACK_FORM = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{30})$/
const INDEX_FORM = /^index\/([0-9a-f]{32})$/
const SLOT_FORM = /^slots\/([0-9a-f]{32})$/

export function logKey(number: number): ObjectKey {
  assert(Number.isSafeInteger(number) && number >= 0, `a log number: ${number}`)
  return LOG_PREFIX + String(number).padStart(LOG_DIGITS, '0')
}

export const packKey = (id: PackId): ObjectKey => `${PACK_PREFIX}${id.slice(0, 2)}/${id}`
export const indexKey = (id: IndexId): ObjectKey => INDEX_PREFIX + id
export const slotKey = (id: SlotId): ObjectKey => SLOT_PREFIX + id
export const listKey = (id: ListId): ObjectKey => `lists/${id}`

/** `undefined` where the key is not of that form: something else lies in the repository. */
export function logNumberOf(key: ObjectKey): number | undefined {
  const number = Number(LOG_FORM.exec(key)?.[1] ?? Number.NaN)
  return Number.isSafeInteger(number) ? number : undefined
}

export function packIdOf(key: ObjectKey): PackId | undefined {
  const id = PACK_FORM.exec(key)?.[2]
  return id === undefined ? undefined : packId(id)
}

export function indexIdOf(key: ObjectKey): IndexId | undefined {
  const id = INDEX_FORM.exec(key)?.[1]
  return id === undefined ? undefined : indexId(id)
}

export function slotIdOf(key: ObjectKey): SlotId | undefined {
  const id = SLOT_FORM.exec(key)?.[1]
  return id === undefined ? undefined : slotId(id)
}

/** One listing of the whole storage, sorted into what each kind of object needs. It judges nothing. */

import type { IndexId, PackId } from '../../model/ids.ts'
import type { ObjectKey, Storage } from '../../model/storage.ts'
import { indexIdOf, LOG_PREFIX, logNumberOf, packIdOf } from '../../object/object-keys.ts'

/** Sizes of the objects, in bytes. */
export type Inventory = {
  readonly packBytes: ReadonlyMap<PackId, number>
  readonly indexes: ReadonlyMap<IndexId, number>
  /** -1 where there is none. */
  readonly logHead: number
  readonly lists: ReadonlyMap<ObjectKey, number>
}

const LIST_PREFIX = 'lists/'
/** Missing log entries that are looked for beyond as many as there are. */
const GAP_MAX = 1_000

export async function takeInventory(storage: Storage): Promise<Inventory> {
  const packBytes = new Map<PackId, number>()
  const indexes = new Map<IndexId, number>()
  const lists = new Map<ObjectKey, number>()
  const logNumbers: number[] = []
  for await (const { key, bytes } of storage.list('')) {
    const pack = packIdOf(key)
    const index = indexIdOf(key)
    if (pack !== undefined) packBytes.set(pack, bytes)
    else if (index !== undefined) indexes.set(index, bytes)
    else if (key.startsWith(LIST_PREFIX)) lists.set(key, bytes)
    else {
      const number = logNumberOf(key)
      if (number !== undefined) logNumbers.push(number)
    }
  }
  return { packBytes, indexes, logHead: headOf(logNumbers), lists }
}

/** The number of the newest log entry, found by listing, so that a gap hides nothing; -1 where there is none. */
export async function logHead(storage: Storage): Promise<number> {
  const numbers: number[] = []
  for await (const { key } of storage.list(LOG_PREFIX)) {
    const number = logNumberOf(key)
    if (number !== undefined) numbers.push(number)
  }
  return headOf(numbers)
}

/** A stray object far beyond the others is not the head: whoever put it there would have us read all numbers up to it. */
function headOf(numbers: readonly number[]): number {
  const believed = numbers.length * 2 + GAP_MAX
  return numbers.reduce((head, number) => (number < believed ? Math.max(head, number) : head), -1)
}

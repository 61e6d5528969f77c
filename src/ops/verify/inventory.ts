/** One listing of the whole storage, sorted into what each kind of object needs. It judges nothing. */

import type { IndexId, PackId } from '../../model/ids.ts'
import type { ObjectKey, Storage } from '../../model/storage.ts'
import { indexIdOf, logNumberOf, packIdOf } from '../../object/object-keys.ts'

export type Inventory = {
  readonly packBytes: ReadonlyMap<PackId, number>
  readonly indexes: ReadonlySet<IndexId>
  /** -1 where there is none. */
  readonly logHead: number
  readonly lists: readonly ObjectKey[]
}

const LIST_PREFIX = 'lists/'

export async function takeInventory(storage: Storage): Promise<Inventory> {
  const packBytes = new Map<PackId, number>()
  const indexes = new Set<IndexId>()
  const lists: ObjectKey[] = []
  let logHead = -1
  for await (const { key, bytes } of storage.list('')) {
    const pack = packIdOf(key)
    const index = indexIdOf(key)
    if (pack !== undefined) packBytes.set(pack, bytes)
    else if (index !== undefined) indexes.add(index)
    else if (key.startsWith(LIST_PREFIX)) lists.push(key)
    else logHead = Math.max(logHead, logNumberOf(key) ?? -1)
  }
  return { packBytes, indexes, logHead, lists }
}

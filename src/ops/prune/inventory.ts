/** What the storage holds of packs and index objects, with the time at which it received each. It judges nothing. */
import type { IndexId, PackId } from '../../model/ids.ts'
import type { Storage } from '../../model/storage.ts'
import { INDEX_PREFIX, indexIdOf, PACK_PREFIX, packIdOf } from '../../object/object-keys.ts'

export type Stored = {
  readonly bytes: number
  /** ms, by the storage's clock. */
  readonly storedAt: number
}

export type Holdings = {
  /** What entries from this number on name may have come after the listing. */
  readonly logNext: number
  readonly packs: ReadonlyMap<PackId, Stored>
  readonly indexes: ReadonlyMap<IndexId, Stored>
}

export async function listHoldings(storage: Storage, logNext: number): Promise<Holdings> {
  const packs = new Map<PackId, Stored>()
  for await (const { key, bytes, storedAt } of storage.list(PACK_PREFIX)) {
    const id = packIdOf(key)
    if (id !== undefined) packs.set(id, { bytes, storedAt })
  }
  const indexes = new Map<IndexId, Stored>()
  for await (const { key, bytes, storedAt } of storage.list(INDEX_PREFIX)) {
    const id = indexIdOf(key)
    if (id !== undefined) indexes.set(id, { bytes, storedAt })
  }
  return { logNext, packs, indexes }
}

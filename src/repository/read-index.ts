/** Reads an index object that the log names. Knows neither the manifest nor what is done with the tables. */
import { hash } from '../crypto/blake3.ts'
import type { RepositoryKeys } from '../keys/hierarchy.ts'
import { SnapError } from '../model/errors.ts'
import type { IndexId, RepositoryId } from '../model/ids.ts'
import { INDEX_BYTES_MAX } from '../model/limits.ts'
import type { PackTable } from '../model/pack-table.ts'
import type { Storage } from '../model/storage.ts'
import { indexKey } from '../object/object-keys.ts'
import { readObject } from '../object/read-object.ts'
import { openNamed, sealedBytesMax } from '../object/sealed-object.ts'
import { decodeIndex } from '../pack/index-object.ts'

export type IndexContents = {
  readonly tables: readonly PackTable[]
  /** Of the stored object. */
  readonly bytes: number
}

export type IndexPlace = {
  readonly id: RepositoryId
  readonly storage: Storage
  readonly keys: Pick<RepositoryKeys, 'indexKey'>
}

/** `expected` is the hash of its raw bytes. `OBJECT_MISSING`, `OBJECT_DAMAGED` or `LIMIT_EXCEEDED` where it is not that object. */
export async function readIndex(
  { id: repositoryId, storage, keys }: IndexPlace,
  id: IndexId,
  expected: Uint8Array,
): Promise<IndexContents> {
  const key = indexKey(id)
  const bytes = await readObject(storage, key, sealedBytesMax(INDEX_BYTES_MAX))
  if (Buffer.compare(hash(bytes), expected) !== 0) {
    throw new SnapError('OBJECT_DAMAGED', `${key} is not the index object that the log names`)
  }
  const place = { repositoryId, type: 'index', key, secret: keys.indexKey } as const
  const tables = decodeIndex(openNamed({ ...place, bytes, bodyBytesMax: INDEX_BYTES_MAX }), key)
  return { tables, bytes: bytes.length }
}

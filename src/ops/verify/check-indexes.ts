/** Checks the index objects in force: there, and, where the data is to be checked, with the bytes that the log names. */
import { hash } from '../../crypto/blake3.ts'
import type { LiveIndex } from '../../log/log-state.ts'
import { SnapError } from '../../model/errors.ts'
import type { IndexId } from '../../model/ids.ts'
import { INDEX_BYTES_MAX } from '../../model/limits.ts'
import { indexKey } from '../../object/object-keys.ts'
import { readObject } from '../../object/read-object.ts'
import { openNamed, sealedBytesMax } from '../../object/sealed-object.ts'
import { decodeIndex } from '../../pack/index-object.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Inventory } from './inventory.ts'
import type { DamageList } from './report.ts'

export async function checkIndexes(
  repository: Repository,
  inventory: Inventory,
  data: boolean,
  damages: DamageList,
): Promise<void> {
  for (const { id, error } of repository.log.indexProblems) damages.add(indexKey(id), error.message)
  for (const [id, index] of repository.log.state.indexes) {
    const key = indexKey(id)
    if (!inventory.indexes.has(id)) damages.add(key, `${key}, which the log names, does not exist`)
    else if (data) await damages.collect(key, () => checkIndex(repository, id, index))
  }
}

async function checkIndex(
  { storage, id: repositoryId, keys }: Repository,
  id: IndexId,
  index: LiveIndex,
): Promise<void> {
  const key = indexKey(id)
  const bytes = await readObject(storage, key, sealedBytesMax(INDEX_BYTES_MAX))
  if (Buffer.compare(hash(bytes), index.hash) !== 0) {
    throw new SnapError('OBJECT_DAMAGED', `${key} is not the index object that the log names`)
  }
  const place = { repositoryId, type: 'index', key, secret: keys.indexKey } as const
  decodeIndex(openNamed({ ...place, bytes, bodyBytesMax: INDEX_BYTES_MAX }), key)
}

/**
 * Finds packs that lie in the storage and in this client's manifest, but that no index object names any more: whoever
 * has another manifest cannot find them. It writes nothing.
 */

import type { PackRow } from '../manifest/packs-table.ts'
import { hasCode } from '../model/errors.ts'
import type { IndexId, PackId } from '../model/ids.ts'
import { INDEX_PREFIX, indexIdOf } from '../object/object-keys.ts'
import { readIndex } from './read-index.ts'
import type { Repository } from './repository.ts'

/**
 * Live packs that only lost index objects named, of those that a snapshot may rely on. Where no index object in force is
 * absent or empty, that costs one listing; otherwise those that are there are read, and damaged ones count as lost.
 */
export async function unnamedPacks(repository: Repository): Promise<readonly PackRow[]> {
  const { indexes } = repository.log.state
  const there = new Set<IndexId>()
  for await (const { key, bytes } of repository.storage.list(INDEX_PREFIX)) {
    const id = indexIdOf(key)
    if (id !== undefined && bytes > 0) there.add(id)
  }
  if ([...indexes.keys()].every((id) => there.has(id))) return []
  const named = new Set<PackId>()
  for (const [id, { hash }] of indexes) {
    try {
      for (const table of await readIndex(repository, id, hash)) named.add(table.id)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
    }
  }
  return repository.manifest.packs
    .list()
    .filter(({ id, state, trusted }) => state === 'live' && trusted && !named.has(id))
}

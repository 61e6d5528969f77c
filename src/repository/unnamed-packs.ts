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
 * Live packs that only lost index objects named, of those that a snapshot may rely on. Where every index object in force
 * is there in the size that it had, that costs one listing; otherwise all are read, and damaged ones count as lost.
 */
export async function unnamedPacks(repository: Repository): Promise<readonly PackRow[]> {
  const { indexes } = repository.log.state
  const stored = new Map<IndexId, number>()
  for await (const { key, bytes } of repository.storage.list(INDEX_PREFIX)) {
    const id = indexIdOf(key)
    if (id !== undefined) stored.set(id, bytes)
  }
  const expected = new Map(repository.manifest.indexes.list().map(({ id, bytes }) => [id, bytes]))
  const isWhole = (id: IndexId): boolean => stored.has(id) && stored.get(id) === expected.get(id)
  if ([...indexes.keys()].every(isWhole)) return []
  // Another client may have replaced them just now.
  if (await repository.log.refresh()) return unnamedPacks(repository)
  const named = new Set<PackId>()
  for (const [id, { hash }] of indexes) {
    try {
      const { tables } = await readIndex(repository, id, hash)
      for (const table of tables) named.add(table.id)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
    }
  }
  return repository.manifest.packs
    .list()
    .filter(({ id, state, trusted }) => state === 'live' && trusted && !named.has(id))
}

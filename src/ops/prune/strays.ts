/**
 * Packs and index objects in the storage that no log entry names. A backup that is under way, or was interrupted and will
 * go on, has such: young ones are left alone, which saves work and is no matter of safety.
 */
import type { IndexId, PackId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Holdings } from './inventory.ts'

export type Strays = { readonly packs: readonly PackId[]; readonly indexes: readonly IndexId[] }

/** Those that have lain there for `strayMs`. */
export function straysOf({ log, manifest, clock }: Repository, holdings: Holdings, strayMs: number): Strays {
  const { state } = log
  const before = clock.now() - strayMs
  const named = new Set(manifest.packs.list().map(({ id }) => id))
  const packs = [...holdings.packs]
    .filter(([id, { storedAt }]) => storedAt <= before && !named.has(id) && !state.condemnedPacks.has(id))
    .map(([id]) => id)
  const indexes = [...holdings.indexes]
    .filter(
      ([id, { storedAt }]) => storedAt <= before && !state.indexes.has(id) && !state.condemnedIndexes.has(id),
    )
    .map(([id]) => id)
  return { packs, indexes }
}

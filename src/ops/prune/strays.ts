/**
 * Packs and index objects in the storage that no log entry names. A backup that is under way, or was interrupted and will
 * go on, has such: young ones are left alone, which saves work and is no matter of safety.
 */
import type { IndexId, PackId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Holdings, Stored } from './inventory.ts'

export type Strays = { readonly packs: readonly PackId[]; readonly indexes: readonly IndexId[] }

/** `old`: those that have lain there for `strayMs`. */
export function straysOf(
  { log, manifest, clock }: Repository,
  holdings: Holdings,
  strayMs: number,
): { readonly old: Strays; readonly young: Strays } {
  const { state } = log
  const before = clock.now() - strayMs
  const named = new Set(manifest.packs.list().map(({ id }) => id))
  const packs = [...holdings.packs].filter(([id]) => !named.has(id) && !state.condemnedPacks.has(id))
  const indexes = [...holdings.indexes].filter(
    ([id]) => !state.indexes.has(id) && !state.condemnedIndexes.has(id),
  )
  const idsWhere = <Id>(of: readonly (readonly [Id, Stored])[], isOld: boolean): Id[] =>
    of.filter(([, { storedAt }]) => storedAt <= before === isOld).map(([id]) => id)
  return {
    old: { packs: idsWhere(packs, true), indexes: idsWhere(indexes, true) },
    young: { packs: idsWhere(packs, false), indexes: idsWhere(indexes, false) },
  }
}

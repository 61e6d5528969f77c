/** Which packs and index objects the log names. What else the storage has is nobody's, or will be named by a backup under way. */
import type { IndexId, PackId } from '../model/ids.ts'
import type { Repository } from '../repository/repository.ts'

export type Referenced = {
  readonly packs: ReadonlySet<PackId>
  readonly indexes: { has(id: IndexId): boolean }
}

/** Packs that were found damaged are still the log's. */
export function referencedObjects({ manifest, log }: Repository): Referenced {
  const packs = [...manifest.packs.list('live'), ...manifest.packs.list('quarantined')]
  return { packs: new Set(packs.map(({ id }) => id)), indexes: log.state.indexes }
}

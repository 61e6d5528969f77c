/**
 * Finds index objects in force that are lost, and packs that no readable index object in force names. It goes by the log
 * as a client that starts anew reads it: what only this machine remembers helps nobody else.
 */
import type { LogState } from '../../log/log-state.ts'
import type { IndexId, PackId } from '../../model/ids.ts'
import { readIndex } from '../../repository/read-index.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Inventory } from '../verify/inventory.ts'
import { isDamage } from '../verify/report.ts'

export type LostIndex = { readonly id: IndexId; readonly reason: string }

export type Unnamed = {
  /** Missing or damaged. */
  readonly lost: readonly LostIndex[]
  /** In the storage, neither named nor condemned, and not of a run of this client that goes on. */
  readonly packs: readonly PackId[]
}

/** `fresh`: the fold of the log as it is in the storage now. */
export async function findUnnamed(
  repository: Repository,
  fresh: LogState,
  inventory: Inventory,
): Promise<Unnamed> {
  const { manifest, log } = repository
  const lost: LostIndex[] = []
  const named = new Set<PackId>()
  for (const [id, { hash }] of fresh.indexes) {
    try {
      const { tables } = await readIndex(repository, id, hash)
      for (const table of tables) named.add(table.id)
    } catch (error) {
      if (!isDamage(error)) throw error
      lost.push({ id, reason: error.message })
    }
  }
  const isCondemned = (id: PackId): boolean =>
    fresh.condemnedPacks.has(id) || log.state.condemnedPacks.has(id)
  const packs = [...inventory.packBytes.keys()].filter(
    (id) => !named.has(id) && !isCondemned(id) && manifest.packs.byId(id)?.state !== 'pending',
  )
  return { lost, packs }
}

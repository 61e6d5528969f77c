/**
 * Reads the packs that were found damaged before, whatever else is looked at: nobody relies on them any more, but what is
 * whole in them can still be read. It is no damage by itself that one is there.
 */
import type { PackRow } from '../../manifest/packs-table.ts'
import type { PackId } from '../../model/ids.ts'
import { packKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import { PackChecker } from '../../workers/pack-check.ts'
import { createInThreadPool } from '../../workers/task-pool.ts'
import { checkPackData, checkPackList } from './check-packs.ts'
import type { Inventory } from './inventory.ts'
import type { Places } from './places.ts'
import { DamageList } from './report.ts'

export type QuarantinedPack = {
  readonly pack: PackId
  /** `whole`: every byte is as it was stored, as after it was brought back from a copy. `unknown`: this key cannot read it. */
  readonly found: 'whole' | 'damaged' | 'missing' | 'unknown'
}

/** Takes out of `places` what cannot be read. */
export async function checkQuarantined(
  packs: readonly PackRow[],
  repository: Repository,
  inventory: Inventory,
  places: Places,
  signal: AbortSignal,
): Promise<QuarantinedPack[]> {
  if (packs.length === 0) return []
  const mayRead = repository.keys.contentSecret !== undefined
  if (!mayRead) for (const { no } of packs) places.losesPack(no)
  const damages = new DamageList()
  checkPackList(packs, inventory, places, damages)
  if (mayRead) {
    const checker = new PackChecker(repository.keys.idKey)
    await using pool = createInThreadPool(checker.check.bind(checker))
    await checkPackData(packs, { repository, pool, places, damages, progress: () => undefined, signal })
  }
  const damaged = new Set(damages.all().map(({ object }) => object))
  return packs.map(({ id }): QuarantinedPack => {
    if (!inventory.packBytes.has(id)) return { pack: id, found: 'missing' }
    if (damaged.has(packKey(id))) return { pack: id, found: 'damaged' }
    return { pack: id, found: mayRead ? 'whole' : 'unknown' }
  })
}

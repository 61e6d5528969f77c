/**
 * Checks packs: each against the listing, and, where the data is to be checked, every byte of it, on the threads of a
 * pool. What cannot be read any more is taken out of the places.
 */
import { createBreath } from '../../base/breath.ts'
import { toHex } from '../../base/bytes.ts'
import { inTurn } from '../../base/in-turn.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { packKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Inventory } from './inventory.ts'
import { type DeltaMemory, PackChecks, type PackCounts, type PackDataParts } from './pack-checks.ts'
import type { Places } from './places.ts'
import type { DamageList } from './report.ts'

/** Every pack exists and has its size. */
export function checkPackList(
  packs: readonly PackRow[],
  inventory: Inventory,
  places: Places,
  damages: DamageList,
): void {
  for (const { no, id, bytes } of packs) {
    const stored = inventory.packBytes.get(id)
    if (stored === bytes) continue
    const reason = stored === undefined ? 'does not exist' : `has ${stored} bytes, not ${bytes}`
    damages.add(packKey(id), `pack ${id} ${reason}`)
    places.losesPack(no)
  }
}

/** Every base of every delta segment lies in some pack, whether snapshots need it or not: backups rely on all that is named. */
export async function checkBases(
  packs: readonly PackRow[],
  { manifest }: Pick<Repository, 'manifest'>,
  places: Places,
  damages: DamageList,
  signal: AbortSignal,
): Promise<void> {
  const breathe = createBreath()
  const withDeltas = new Set(manifest.packs.withDeltas())
  for (const { no, id } of packs) {
    if (!withDeltas.has(no) || places.isLostPack(no)) continue
    for (const segment of manifest.packs.deltasOf(no)) {
      const base = places.missingBase(no, segment)
      if (base === undefined) continue
      damages.add(
        packKey(id),
        `its base, chunk ${toHex(base)}, is in no pack that the repository has`,
        segment,
      )
      places.losesSegment(no, segment)
    }
    await breathe()
    signal.throwIfAborted()
  }
}

const DELTA_MEMORY: DeltaMemory = { basesBytes: 64 * 1024 * 1024, sealedBytes: 32 * 1024 * 1024 }

/** Reads every pack that is there whole; at most `pool.parallel + 1` are in memory. */
export async function checkPackData(
  packs: readonly PackRow[],
  parts: PackDataParts,
  memory: DeltaMemory = DELTA_MEMORY,
): Promise<PackCounts> {
  const { repository, pool, places, progress, signal } = parts
  await repository.keyring() // a role that cannot read content is told so before anything is fetched
  const present = packs.filter(({ no }) => !places.isLostPack(no))
  const bytes = present.reduce((sum, pack) => sum + pack.bytes, 0)
  progress({ kind: 'total', files: present.length, bytes, final: true })
  const checks = new PackChecks(present, parts, memory)
  await inTurn(present, pool.parallel, signal, (pack) => checks.pack(pack))
  await checks.rest()
  return checks.counts
}

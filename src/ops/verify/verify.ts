/**
 * `verify`: whether everything that live snapshots need is there and, with `data`, whether every byte of it is what was
 * stored. It changes nothing in the repository.
 */
import { assert } from '../../base/assert.ts'
import type { SlotSecret } from '../../keys/slot.ts'
import { isLive } from '../../log/log-state.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { listKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import type { PackCheckResult, PackCheckTask } from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { checkIndexes } from './check-indexes.ts'
import { checkKeys } from './check-keys.ts'
import { type CheckedLog, checkLog } from './check-log.ts'
import { checkPackData, checkPackList, type PackCounts } from './check-packs.ts'
import { TreeCheck, type TreeCheckParts } from './check-trees.ts'
import { type Inventory, takeInventory } from './inventory.ts'
import { Places } from './places.ts'
import { DamageList, type VerifyReport } from './report.ts'

export type VerifyRequest = {
  /** Read, decrypt and hash everything that is stored, not only the structure. */
  readonly data: boolean
  /** What opened the repository: the slot in use is opened anew with it. */
  readonly secret?: SlotSecret | undefined
}

export type VerifyPorts = {
  /** Threads that check packs; needed for `data`, and stays the caller's. */
  readonly pool?: TaskPool<PackCheckTask, PackCheckResult> | undefined
  readonly progress: ProgressListener
  readonly signal: AbortSignal
}

/** Damage is in the report; a storage or manifest that fails is thrown, and so is `KEY_WRONG` for a role that cannot read. */
export async function verify(
  repository: Repository,
  request: VerifyRequest,
  ports: VerifyPorts,
): Promise<VerifyReport> {
  const { manifest, storage } = repository
  const { data } = request
  const { pool, progress, signal } = ports
  const damages = new DamageList()
  await checkKeys(repository, request.secret, damages)
  const inventory = await takeInventory(storage)
  const log = await checkLog(repository, inventory.logHead, damages)
  await checkIndexes(repository, inventory, data, damages)
  signal.throwIfAborted()

  const packs = manifest.packs.list('live')
  const places = new Places(
    manifest,
    packs.map(({ no }) => no),
  )
  checkPackList(packs, inventory, places, damages)
  const walk = () => walkTrees({ repository, places, data, signal }, log, progress)
  if (!data) {
    const found = await walk()
    return reportOf(repository, inventory, log, packs, { bytes: 0, chunks: 0 }, damages, found)
  }
  assert(pool !== undefined, 'checking data takes a pool')
  const lostBefore = places.losses
  // Directories are walked meanwhile, on this thread, as if no pack will be found damaged. Where one is, they are walked again.
  const [counts, early] = await both(
    checkPackData(packs, { repository, pool, places, damages, progress, signal }),
    walk(),
  )
  const found = places.losses === lostBefore ? early : await walk()
  return reportOf(repository, inventory, log, packs, counts, damages, found)
}

type TreesFound = { readonly trees: TreeCheck; readonly damages: DamageList }

async function walkTrees(
  parts: Omit<TreeCheckParts, 'damages'>,
  log: CheckedLog,
  progress: ProgressListener,
): Promise<TreesFound> {
  const damages = new DamageList()
  const trees = new TreeCheck({ ...parts, damages })
  const snapshots = [...parts.repository.log.state.snapshots.values()].filter(isLive)
  if (!parts.data) progress({ kind: 'total', files: snapshots.length, bytes: 0, final: true })
  for (const snapshot of snapshots) {
    progress({ kind: 'file', path: `snapshot ${snapshot.id}` })
    if (log.state.snapshots.has(snapshot.id)) await trees.snapshot(snapshot)
    else trees.loses(snapshot.id)
    if (!parts.data) progress({ kind: 'done', files: 1, bytes: 0 })
  }
  return { trees, damages }
}

/** Both results; where one fails, its error, when the other has ended too. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}

function reportOf(
  repository: Repository,
  inventory: Inventory,
  log: CheckedLog,
  packs: readonly PackRow[],
  counts: PackCounts,
  damages: DamageList,
  found: TreesFound,
): VerifyReport {
  damages.addAll(found.damages)
  return {
    packsChecked: packs.length,
    bytesChecked: counts.bytes,
    chunksChecked: counts.chunks,
    snapshots: [...repository.log.state.snapshots.values()].filter(isLive).length,
    trees: found.trees.trees,
    unreferenced: countUnreferenced(repository, inventory, log),
    damages: damages.all(),
    ...found.trees.affected(),
  }
}

/** Packs that were found damaged are still the log's. */
function countUnreferenced(
  { manifest, log: { state } }: Repository,
  inventory: Inventory,
  log: CheckedLog,
): number {
  const named = [...manifest.packs.list('live'), ...manifest.packs.list('quarantined')]
  const referenced = new Set(named.map(({ id }) => id))
  const lists = new Set([...log.lists].map(listKey))
  const packs = [...inventory.packBytes.keys()].filter((id) => !referenced.has(id))
  const indexes = [...inventory.indexes].filter((id) => !state.indexes.has(id))
  return packs.length + indexes.length + inventory.lists.filter((key) => !lists.has(key)).length
}

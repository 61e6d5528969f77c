/**
 * `verify`: whether everything that live snapshots need is there and, with `data`, whether every byte of it is what was
 * stored. It changes nothing in the repository.
 */
import { assert } from '../../base/assert.ts'
import type { SlotSecret } from '../../keys/slot.ts'
import { isLive } from '../../log/log-state.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { listKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import type { PackCheckResult, PackCheckTask } from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { checkIndexes } from './check-indexes.ts'
import { checkKeys } from './check-keys.ts'
import { type CheckedLog, checkLog } from './check-log.ts'
import { checkPackData, checkPackList } from './check-packs.ts'
import { TreeCheck } from './check-trees.ts'
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
  let counts = { bytes: 0, chunks: 0 }
  if (data) {
    assert(pool !== undefined, 'checking data takes a pool')
    counts = await checkPackData(packs, { repository, pool, places, damages, progress, signal })
  }

  const trees = new TreeCheck({ repository, places, damages, data, signal })
  const snapshots = [...repository.log.state.snapshots.values()].filter(isLive)
  if (!data) progress({ kind: 'total', files: snapshots.length, bytes: 0, final: true })
  for (const snapshot of snapshots) {
    progress({ kind: 'file', path: `snapshot ${snapshot.id}` })
    if (log.state.snapshots.has(snapshot.id)) await trees.snapshot(snapshot)
    else trees.loses(snapshot.id)
    if (!data) progress({ kind: 'done', files: 1, bytes: 0 })
  }
  return {
    packsChecked: packs.length,
    bytesChecked: counts.bytes,
    chunksChecked: counts.chunks,
    snapshots: snapshots.length,
    trees: trees.trees,
    unreferenced: countUnreferenced(repository, inventory, log),
    damages: damages.all(),
    ...trees.affected(),
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

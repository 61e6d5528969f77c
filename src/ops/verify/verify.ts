/**
 * `verify`: whether everything that live snapshots need is there and, with `data`, whether every byte of it is what was
 * stored. It changes nothing in the repository.
 */
import { assert } from '../../base/assert.ts'
import { during } from '../../base/trace.ts'
import type { SlotSecret } from '../../keys/slot.ts'
import { isLive } from '../../log/log-state.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { SnapError } from '../../model/errors.ts'
import type { PackId } from '../../model/ids.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { listKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import type { PackCheckResult, PackCheckTask } from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { referencedObjects } from '../referenced.ts'
import { checkIndexes } from './check-indexes.ts'
import { checkKeys } from './check-keys.ts'
import { type CheckedLog, checkLog } from './check-log.ts'
import { checkBases, checkPackData, checkPackList } from './check-packs.ts'
import { checkQuarantined, type QuarantinedPack } from './check-quarantined.ts'
import { TreeCheck, type TreeCheckParts } from './check-trees.ts'
import { findHealed } from './healed.ts'
import { type Inventory, takeInventory } from './inventory.ts'
import type { PackCounts } from './pack-checks.ts'
import { Places } from './places.ts'
import { DamageList, type VerifyReport } from './report.ts'

export type VerifyRequest = {
  /** Read, decrypt and hash everything that is stored, not only the structure. */
  readonly data: boolean
  /** What opened the repository: the slot in use is opened anew with it. */
  readonly secret?: SlotSecret | undefined
  /** Pending packs that count as if an index object named them already. */
  readonly planned?: readonly PackId[] | undefined
}

export type VerifyPorts = {
  /** Threads that check packs; needed for `data`, and stays the caller's. */
  readonly pool?: TaskPool<PackCheckTask, PackCheckResult> | undefined
  readonly progress: ProgressListener
  readonly signal: AbortSignal
}

/** Collections by others that a verification may run into before its findings are taken as they are. */
const TRIES_MAX = 5

/**
 * Damage is in the report; a storage or manifest that fails is thrown, and so is `KEY_WRONG` for a role that cannot read. What
 * another client pruned meanwhile is no damage: it begins again. `STORAGE_FAILED` where others prune all the time.
 */
export async function verify(
  repository: Repository,
  request: VerifyRequest,
  ports: VerifyPorts,
): Promise<VerifyReport> {
  const { log } = repository
  for (let tries = 1; ; tries++) {
    const before = log.collections
    const report = await verifyOnce(repository, request, ports)
    if (report.damages.length + report.affectedTotal === 0) return report
    await log.follow()
    if (log.collections === before) return report
    if (tries === TRIES_MAX) throw overtaken()
  }
}

function overtaken(): SnapError {
  return new SnapError('STORAGE_FAILED', `others pruned ${TRIES_MAX} times meanwhile`, {
    hint: 'Nothing can be said of damage. Run it again when nobody prunes.',
  })
}

async function verifyOnce(
  repository: Repository,
  request: VerifyRequest,
  ports: VerifyPorts,
): Promise<VerifyReport> {
  const { manifest, storage } = repository
  const { data } = request
  const { pool, progress, signal } = ports
  const damages = new DamageList()
  await checkKeys(repository, request.secret, damages)
  const planned = new Set(request.planned)
  // Before the listing: what another process on this manifest stores while that goes on is none that is missing.
  const packs = [
    ...manifest.packs.list('live'),
    ...manifest.packs.list('pending').filter(({ id }) => planned.has(id)),
  ]
  const setAside = manifest.packs.list('quarantined')
  const inventory = await during('list the storage', () => takeInventory(storage))
  const log = await during('check the log', () => checkLog(repository, inventory.logHead, damages))
  await during('check index objects', () => checkIndexes(repository, inventory, data, damages))
  signal.throwIfAborted()

  const places = new Places(
    manifest,
    packs.map(({ no }) => no),
    setAside.map(({ no }) => no),
  )
  checkPackList(packs, inventory, places, damages)
  await checkBases(packs, repository, places, damages, signal)
  const quarantined = await checkQuarantined(setAside, repository, inventory, places, signal)
  const walk = () =>
    during('walk trees', () => walkTrees({ repository, places, data, signal }, log, progress))
  if (!data) {
    const found = await walk()
    const counts = { bytes: 0, chunks: 0 }
    return reportOf(repository, { data, inventory, log, packs, counts, damages, found, quarantined })
  }
  assert(pool !== undefined, 'checking data takes a pool')
  const lostBefore = places.losses
  // Directories are walked meanwhile, on this thread, as if no pack will be found damaged. Where one is, they are walked again.
  const [counts, early] = await both(
    checkPackData(packs, { repository, pool, places, damages, progress, signal }),
    walk(),
  )
  const found = places.losses === lostBefore ? early : await walk()
  return reportOf(repository, { data, inventory, log, packs, counts, damages, found, quarantined })
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

type Checked = {
  readonly data: boolean
  readonly inventory: Inventory
  readonly log: CheckedLog
  readonly packs: readonly PackRow[]
  readonly counts: PackCounts
  readonly damages: DamageList
  readonly found: TreesFound
  readonly quarantined: readonly QuarantinedPack[]
}

async function reportOf(repository: Repository, checked: Checked): Promise<VerifyReport> {
  const { data, inventory, log, packs, counts, damages, found, quarantined } = checked
  damages.addAll(found.damages)
  const snapshots = [...repository.log.state.snapshots.values()].filter(isLive).map(({ id }) => id)
  const affected = found.trees.affected()
  return {
    packsChecked: packs.length,
    bytesChecked: counts.bytes,
    chunksChecked: counts.chunks,
    snapshots: snapshots.length,
    trees: found.trees.trees,
    ...unreferencedObjects(repository, inventory, log),
    damages: damages.all(),
    ...affected,
    healed: await findHealed(repository, log.notes, data, snapshots, affected.affectedSnapshots),
    quarantined,
  }
}

function unreferencedObjects(
  repository: Repository,
  { packBytes, indexes, lists }: Inventory,
  log: CheckedLog,
): Pick<VerifyReport, 'unreferenced' | 'unreferencedBytes'> {
  const referenced = referencedObjects(repository)
  const named = new Set([...log.lists].map(listKey))
  const sizes = [
    ...[...packBytes].filter(([id]) => !referenced.packs.has(id)),
    ...[...indexes].filter(([id]) => !referenced.indexes.has(id)),
    ...[...lists].filter(([key]) => !named.has(key)),
  ].map(([, bytes]) => bytes)
  return { unreferenced: sizes.length, unreferencedBytes: sizes.reduce((sum, bytes) => sum + bytes, 0) }
}

/**
 * `repair`: makes the repository as whole as what lies in it allows. It only ever adds: index objects made anew from packs,
 * and entries that say which packs are damaged, so that the next backup stores again what only they held.
 */
import { toHex } from '../../base/bytes.ts'
import { signaturePublicKey } from '../../crypto/signature.ts'
import type { SlotSecret } from '../../keys/slot.ts'
import { SnapError } from '../../model/errors.ts'
import type { PackId } from '../../model/ids.ts'
import { packIdOf } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import { checkLog } from '../verify/check-log.ts'
import { takeInventory } from '../verify/inventory.ts'
import { DamageList, type VerifyReport } from '../verify/report.ts'
import { type VerifyPorts, verify } from '../verify/verify.ts'
import { type DamagedPack, Rebuilt, referencesOf } from './rebuilt.ts'
import { findUnnamed, type LostIndex, type Unnamed } from './unnamed.ts'

export type RepairRequest = {
  /** Read, decrypt and hash everything that is stored, not only the structure. */
  readonly data: boolean
  /** Only say what would be done. */
  readonly dryRun: boolean
  /** What opened the repository. */
  readonly secret?: SlotSecret | undefined
}

export type RepairReport = {
  /** Index objects that are missing or damaged, and out of force from now on. */
  readonly lostIndexes: readonly LostIndex[]
  /** Packs that index objects made here name, since none named them. */
  readonly packsNamed: readonly PackId[]
  readonly indexesWritten: number
  /** Packs that were found damaged or missing now, and not before. */
  readonly quarantined: readonly DamagedPack[]
  /** What is there after the repair. */
  readonly verified: VerifyReport
  /** What cannot be mended: log entries, slots, files. */
  readonly remaining: number
}

/** `KEY_WRONG` for any key but an admin's, before anything is read. `pool` is needed for `data`. */
export async function repair(
  repository: Repository,
  request: RepairRequest,
  ports: VerifyPorts,
): Promise<RepairReport> {
  refuseOthers(repository)
  const { data, dryRun, secret } = request
  const inventory = await takeInventory(repository.storage)
  const { state } = await checkLog(repository, inventory.logHead, new DamageList())
  const unnamed = await findUnnamed(repository, state, inventory)
  const needed =
    unnamed.packs.length > 0 && (await mayBeNeeded(repository, unnamed, state.problems.length, ports))
  using rebuilt = new Rebuilt({
    repository,
    packBytes: inventory.packBytes,
    dryRun,
    looksAt: (path) => ports.progress({ kind: 'file', path }),
    signal: ports.signal,
  })
  if (needed) await rebuilt.read(unnamed.packs)
  const indexes = await rebuilt.finish()
  const before = new Set(repository.log.state.quarantined)
  if (!dryRun) {
    // First, so that nobody ever relies on what is damaged in them.
    await quarantine(repository, rebuilt.damaged)
    await publish(repository, unnamed, indexes)
  }
  const planned = dryRun ? rebuilt.packs : []
  const verified = await verify(repository, { data, secret, planned }, ports)
  const found = [...rebuilt.damaged, ...damagedPacks(repository, verified)]
  if (!dryRun) await quarantine(repository, found)
  const quarantined = uniquePacks(found).filter(({ pack }) => !before.has(pack))
  return {
    lostIndexes: unnamed.lost,
    packsNamed: rebuilt.packs,
    indexesWritten: indexes.length,
    quarantined,
    verified,
    remaining: remainingOf(verified, unnamed),
  }
}

function refuseOthers({ keys, log }: Repository): void {
  const author = toHex(signaturePublicKey(keys.signingSeed))
  if (keys.role === 'admin' && log.state.keys.get(author)?.role === 'admin') return
  throw new SnapError('KEY_WRONG', 'only an admin can repair the repository', {
    hint: 'Use the key of an admin.',
  })
}

/**
 * Whether snapshots may need packs that no index object names. What interrupted backups have left is needed by nothing; but
 * where an index object or a log entry is lost, nobody can tell, and other clients may rely on all that it named.
 */
async function mayBeNeeded(
  repository: Repository,
  { lost, packs }: Unnamed,
  problems: number,
  ports: VerifyPorts,
): Promise<boolean> {
  const { manifest } = repository
  if (lost.length > 0 || problems > 0) return true
  if (packs.some((id) => manifest.packs.byId(id)?.state === 'live')) return true
  const silent = { progress: () => undefined, signal: ports.signal }
  return (await verify(repository, { data: false }, silent)).affectedTotal > 0
}

/** One entry for all; none where there is nothing to say. */
async function publish(
  repository: Repository,
  { lost }: Unnamed,
  indexes: Awaited<ReturnType<Rebuilt['finish']>>,
): Promise<void> {
  if (lost.length === 0 && indexes.length === 0) return
  await repository.log.append((_, others) => {
    if (others.some(({ applied }) => applied?.payload.kind === 'gc')) throw changedMeanwhile()
    return {
      kind: 'gc',
      packs: [],
      indexes: lost.map(({ id }) => id),
      newIndexes: referencesOf(indexes),
      snapshots: [],
    }
  })
  await repository.log.follow()
}

function changedMeanwhile(): SnapError {
  return new SnapError('STORAGE_FAILED', 'the repository was pruned or repaired while this repair ran', {
    hint: 'Nothing was lost. Run `snap repair` again.',
  })
}

async function quarantine(repository: Repository, found: readonly DamagedPack[]): Promise<void> {
  const { log } = repository
  const isNew = (pack: PackId): boolean =>
    !log.state.quarantined.has(pack) && !log.state.condemnedPacks.has(pack)
  const packs = uniquePacks(found).map(({ pack }) => pack)
  if (!packs.some(isNew)) return
  await log.append(() => ({ kind: 'quarantine', packs: packs.filter(isNew) }))
}

/** Those that index objects in force name. */
function damagedPacks({ manifest }: Repository, { damages }: VerifyReport): DamagedPack[] {
  return damages.flatMap(({ object, reason }) => {
    const pack = packIdOf(object)
    return pack !== undefined && manifest.packs.byId(pack)?.state === 'live' ? [{ pack, reason }] : []
  })
}

function uniquePacks(found: readonly DamagedPack[]): DamagedPack[] {
  return [...new Map([...found].reverse().map((damaged) => [damaged.pack, damaged])).values()].reverse()
}

/** Affected files, and damaged objects that are neither packs nor, after this, index objects in force. */
function remainingOf({ affectedTotal, damages }: VerifyReport, { lost }: Unnamed): number {
  const replaced = new Set<string>(lost.map(({ id }) => `index/${id}`))
  const others = damages.filter(({ object }) => packIdOf(object) === undefined && !replaced.has(object))
  return affectedTotal + others.length
}

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
import { discardIndexes, type StoredIndex } from '../../repository/index-writer.ts'
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
  /** Packs that were found damaged or missing now, and not before, or over bases that are in no pack in force. */
  readonly quarantined: readonly DamagedPack[]
  /** What is there after the repair. */
  readonly verified: VerifyReport
  /** What cannot be mended: log entries, slots, files. */
  readonly remaining: number
}

/** Collections by others that a repair may run into before it gives up. */
const TRIES_MAX = 5

/** Ends a try whose basis is gone: another collected or quarantined packs after this one began to look. */
class Overtaken extends Error {}

/**
 * `KEY_WRONG` for any key but an admin's, before anything is read. `pool` is needed for `data`. What others collect or repair
 * meanwhile makes it begin again; `STORAGE_FAILED` where they do all the time.
 */
export async function repair(
  repository: Repository,
  request: RepairRequest,
  ports: VerifyPorts,
): Promise<RepairReport> {
  refuseOthers(repository)
  const { data, dryRun, secret } = request
  const before = new Set(repository.log.state.quarantined)
  const { unnamed, rebuilt: made, indexes, aside } = await rebuildAgain(repository, dryRun, ports)
  using rebuilt = made
  const planned = dryRun ? rebuilt.packs : []
  const verified = await verify(repository, { data, secret, planned }, ports)
  const found = [...aside, ...damagedPacks(repository, verified)]
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

type Renamed = {
  readonly unnamed: Unnamed
  readonly rebuilt: Rebuilt
  readonly indexes: readonly StoredIndex[]
  /** Not to be relied upon. */
  readonly aside: readonly DamagedPack[]
}

async function rebuildAgain(repository: Repository, dryRun: boolean, ports: VerifyPorts): Promise<Renamed> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    try {
      return await rebuild(repository, dryRun, ports)
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error
    }
  }
  throw new SnapError('STORAGE_FAILED', `others pruned or repaired ${TRIES_MAX} times meanwhile`, {
    hint: 'Nothing was lost. Run `snap repair` again when nobody prunes.',
  })
}

/** Names what none names. What is looked up and what the entries say of it belong to one moment of the log. */
async function rebuild(repository: Repository, dryRun: boolean, ports: VerifyPorts): Promise<Renamed> {
  const { log, storage } = repository
  await log.follow()
  let { collections } = log
  const refuseOvertaken = (): void => {
    if (log.collections !== collections) throw new Overtaken()
  }
  const inventory = await takeInventory(storage)
  const { state } = await checkLog(repository, inventory.logHead, new DamageList())
  const unnamed = await findUnnamed(repository, state, inventory)
  const needed =
    unnamed.packs.length > 0 && (await mayBeNeeded(repository, unnamed, state.problems.length, ports))
  const rebuilt = new Rebuilt({
    repository,
    packBytes: inventory.packBytes,
    dryRun,
    looksAt: (path) => ports.progress({ kind: 'file', path }),
    signal: ports.signal,
  })
  let indexes: readonly StoredIndex[] = []
  try {
    if (needed) await rebuilt.read(unnamed.packs)
    indexes = await rebuilt.finish()
    await log.follow()
    refuseOvertaken()
    const aside = [...rebuilt.damaged, ...rebuilt.unsupported()]
    if (!dryRun) {
      // First, so that nobody ever relies on what is damaged in them.
      if (await quarantine(repository, aside)) collections += 1
      await publish(repository, unnamed, indexes, refuseOvertaken)
    }
    return { unnamed, rebuilt, indexes, aside }
  } catch (error) {
    rebuilt[Symbol.dispose]()
    // Not after any other error: the entry that names them may be there although its writing reported a failure.
    if (error instanceof Overtaken) await discardIndexes(storage, indexes)
    throw error
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

/** One entry for all; none where there is nothing to say. What it names is right only as long as `refuseOvertaken` lets it pass. */
async function publish(
  repository: Repository,
  { lost }: Unnamed,
  indexes: readonly StoredIndex[],
  refuseOvertaken: () => void,
): Promise<void> {
  if (lost.length === 0 && indexes.length === 0) return
  await repository.log.append(() => {
    refuseOvertaken()
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

/** Returns whether there was anything to say. */
async function quarantine({ log }: Repository, found: readonly DamagedPack[]): Promise<boolean> {
  const fresh = (): PackId[] =>
    uniquePacks(found)
      .map(({ pack }) => pack)
      .filter((pack) => !log.state.quarantined.has(pack) && !log.state.condemnedPacks.has(pack))
  if (fresh().length === 0) return false
  try {
    await log.append(() => {
      const packs = fresh()
      if (packs.length === 0) throw new NothingToSay()
      return { kind: 'quarantine', packs }
    })
    return true
  } catch (error) {
    if (error instanceof NothingToSay) return false
    throw error
  }
}

/** Ends an append: others have said all of it meanwhile. */
class NothingToSay extends Error {}

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

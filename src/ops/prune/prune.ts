/**
 * `prune`: frees what no snapshot needs. The order of steps is the whole safety (format, section 9): what is needed is copied
 * and durable, then one GC entry says what goes, and only when that is durable is anything removed. It can be killed
 * anywhere and run again; other clients back up, forget and prune meanwhile.
 */

import { during, inStage } from '../../base/trace.ts'
import type { LoggedSnapshot } from '../../log/log-state.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { PackId, SnapshotId } from '../../model/ids.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { indexKey, packKey } from '../../object/object-keys.ts'
import { forgetTrees } from '../../repository/forget-trees.ts'
import { PackStore } from '../../repository/pack-store.ts'
import { awaitedRuns } from '../../repository/reliance.ts'
import type { Repository } from '../../repository/repository.ts'
import { setUndecodableAside } from '../../repository/undecodable.ts'
import { TREE_PACK_BYTES_TARGET } from '../../repository/write-session.ts'
import { isDamage } from '../verify/report.ts'
import { type Collected, collect } from './collect.ts'
import { type Holdings, listHoldings } from './inventory.ts'
import { divideSnapshots } from './kept-snapshots.ts'
import { Needed } from './mark.ts'
import { type PackUse, type PrunePlan, planPrune, usePack } from './plan.ts'
import { refuseOthers, refuseStuck, refuseUnsure, stillFull } from './refusals.ts'
import { type RepackedPacks, repack } from './repack.ts'
import { type PruneReport, PruneTally } from './report.ts'
import { type Strays, straysOf } from './strays.ts'

/** Others may collect at the same time; each time, all is looked at anew. */
const TRIES_MAX = 20
const REMOVALS_AT_ONCE = 8

/** `awaited`: packs that nothing needs, but a backup may be about to rely on. */
type Plan = PrunePlan & { readonly awaited: readonly PackRow[] }

/** Chunks that must be in no pack any more, as far as nothing that is kept needs them itself. */
export type Erasure = {
  /** Those that hold some of them: written anew wherever anything in them is not needed. */
  readonly packs: ReadonlySet<PackId>
  /** A segment that has such a chunk as a base is written out in full. */
  readonly has: (chunk: Uint8Array) => boolean
}

export type PruneRequest = {
  /** A pack is written anew where a larger share of it is not needed; 0 to 1. */
  readonly unusedShareMax: number
  /** Stored bytes of packs that are written anew, at most. */
  readonly repackBytesMax: number
  /** How long a forgotten snapshot is spared, in ms. */
  readonly undoMs: number
  /** How long what no entry names is spared, in ms by the storage's clock: a backup may be under way. */
  readonly strayMs: number
  /** Goes on though log entries are damaged: what only their snapshots need goes for good. */
  readonly acceptDamagedLog?: boolean | undefined
  readonly dryRun: boolean
  /** Forgotten snapshots that are not spared, whenever that was. */
  readonly atOnce?: ReadonlySet<SnapshotId>
  readonly erase?: Erasure
}

export type PrunePorts = {
  readonly progress: ProgressListener
  readonly signal: AbortSignal
}

/**
 * `KEY_WRONG` for who may not collect; `OBJECT_DAMAGED` or `OBJECT_MISSING` where it cannot be told what is needed: then
 * nothing is removed.
 */
export async function prune(
  repository: Repository,
  request: PruneRequest,
  ports: PrunePorts,
): Promise<PruneReport> {
  refuseOthers(repository)
  const { storage } = repository
  if (!request.dryRun) await storage.sweep()
  const tally = new PruneTally()
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const outcome = await new Prune(repository, request, ports, tally).run(tries > 0 && tally.wasFull)
    if (outcome === 'again') continue
    if (!request.dryRun) await storage.secureReserve()
    return tally.report()
  }
  throw new SnapError('STORAGE_FAILED', `others pruned ${TRIES_MAX} times meanwhile`, {
    hint: 'Nothing was lost. Run it again later; one client that prunes is enough.',
  })
}

class Prune {
  readonly #repository: Repository
  readonly #request: PruneRequest
  readonly #ports: PrunePorts
  readonly #tally: PruneTally
  #collections = 0

  constructor(repository: Repository, request: PruneRequest, ports: PrunePorts, tally: PruneTally) {
    this.#repository = repository
    this.#request = request
    this.#ports = ports
    this.#tally = tally
  }

  /** `again`: another collected meanwhile, or the disk was full and now has room. */
  async run(hadRoomMade: boolean): Promise<'done' | 'again'> {
    try {
      return await this.#runOnce(hadRoomMade)
    } catch (error) {
      if (isDamage(error) && (await this.#wasOvertaken())) return 'again'
      throw error
    }
  }

  /** What is missing may have been removed by another who collects. */
  async #wasOvertaken(): Promise<boolean> {
    const { log } = this.#repository
    await log.follow()
    return log.collections !== this.#collections
  }

  async #runOnce(hadRoomMade: boolean): Promise<'done' | 'again'> {
    const { log, storage, clock, manifest } = this.#repository
    const { dryRun, undoMs, strayMs } = this.#request
    await log.follow()
    this.#collections = log.collections
    refuseUnsure(this.#repository, this.#request.acceptDamagedLog === true)
    setUndecodableAside(manifest, manifest.packs.pending())
    // Before the listing: a pack that is stored while that goes on is none that the storage has lost.
    const rows = manifest.packs.list()
    const holdings = await during('list the storage', () => listHoldings(storage, log.state.next))
    this.#countLeft(holdings)
    await this.#removeCondemned(holdings)
    const lastTree = manifest.trees.lastNo()
    const division = divideSnapshots(log.state, clock.now(), undoMs, this.#request.atOnce)
    const needed = await during('mark', () => this.#mark(rows, holdings, division.kept))
    const plan = inStage('plan', () => this.#plan(needed, holdings))
    const { old, young } = straysOf(this.#repository, holdings, strayMs)
    const awaited = { ...young, packs: [...young.packs, ...plan.awaited.map(({ id }) => id)] }
    this.#tally.planned(holdings, plan, { old, awaited }, division, undoMs)
    if (dryRun) return 'done'
    try {
      const outcome = await this.#carryOut(holdings, needed, plan, old)
      if (outcome === 'done') await this.#forgetTrees(needed, lastTree)
      return outcome
    } catch (error) {
      if (!hasCode(error, 'REPOSITORY_FULL') || hadRoomMade) throw error
      return await this.#makeRoom(rows, old)
    }
  }

  async #mark(
    rows: readonly PackRow[],
    holdings: Holdings,
    kept: readonly LoggedSnapshot[],
    isPlace?: (row: PackRow) => boolean,
  ): Promise<Needed> {
    const needed = new Needed({
      repository: this.#repository,
      rows,
      holdings,
      signal: this.#ports.signal,
      isErased: this.#request.erase?.has,
      isDoubtful: ({ id }) => this.#tally.damaged.has(id),
      isPlace,
    })
    await needed.add(kept)
    needed.decide()
    return needed
  }

  #plan(needed: Needed, holdings: Holdings): Plan {
    for (;;) {
      const plan = this.#planOnce(needed, holdings)
      const going = new Set([...plan.dead, ...plan.repacked].map(({ row }) => row.no))
      if (needed.keepBases(going)) continue
      refuseStuck(needed.stuck(going), holdings)
      return plan
    }
  }

  #planOnce(needed: Needed, holdings: Holdings): Plan {
    const { manifest, config, clock, processes } = this.#repository
    const { unusedShareMax, repackBytesMax, strayMs, erase } = this.#request
    const before = clock.now() - strayMs
    const awaited = awaitedRuns(manifest, processes)
    /** A backup of this machine may be about to rely on it, though another's entry has named it by now. */
    const isAwaited = ({ id, state, run }: PackRow): boolean =>
      (state === 'pending' || (state === 'live' && run !== null && awaited.has(run))) &&
      (holdings.packs.get(id)?.storedAt ?? 0) > before
    const isToErase = ({ id }: PackRow): boolean => erase?.packs.has(id) === true
    // Nobody can rely on differences to what is erased, whoever awaits them.
    const isUsed = ({ no }: PackRow): boolean =>
      (needed.chunks.of(no)?.count ?? 0) > 0 || needed.chunks.hasInFull(no)
    // What is lost with them may come back; what nobody needs will not be missed.
    const absent = needed.absent.filter((row) => !needed.mourned.has(row.no))
    const mustStay = (row: PackRow): boolean => isAwaited(row) && !isUsed(row) && !isToErase(row)
    const uses = [...needed.packs, ...absent]
      .filter((row) => !mustStay(row))
      .map((row) => usePack(row, manifest.packs.tableOf(row.no), needed.chunks.of(row.no)))
    const tree = Math.min(config.packBytesTarget, TREE_PACK_BYTES_TARGET)
    const fullBytes = { data: config.packBytesTarget, tree }
    const hasToErase = ({ row, chunks, neededChunks }: PackUse): boolean =>
      needed.chunks.hasInFull(row.no) || (isToErase(row) && neededChunks < chunks)
    const mustGo = (use: PackUse): boolean => hasToErase(use) || needed.chunks.hasIdleBases(use.row.no)
    const mayCopy = (use: PackUse): boolean =>
      !this.#tally.damaged.has(use.row.id) && (hasToErase(use) || !isAwaited(use.row))
    const plan = planPrune(uses, { unusedShareMax, repackBytesMax, fullBytes, mustGo, mayCopy })
    return { ...plan, awaited: needed.packs.filter(mustStay) }
  }

  /** What the manifest keeps of directories that no snapshot has any more. */
  async #forgetTrees(needed: Needed, lastNo: number): Promise<void> {
    const { manifest } = this.#repository
    const isNeeded = (tree: Uint8Array): boolean => needed.hasTree(tree)
    await forgetTrees({ manifest, lastNo, isNeeded, signal: this.#ports.signal })
  }

  async #carryOut(
    holdings: Holdings,
    needed: Needed,
    plan: PrunePlan,
    strays: Strays,
  ): Promise<'done' | 'again'> {
    const { manifest } = this.#repository
    const repacked = await during('repack', () => this.#repack(needed, plan.repacked))
    if (repacked.damaged.length > 0) {
      // What else lies in them may lie elsewhere as well, in a pack that was to go: all is decided anew without them.
      if (!(await this.#wasOvertaken())) this.#tally.foundDamaged(repacked.damaged)
      return 'again'
    }
    const fresh = repacked.stored.map(({ id }) => manifest.packs.byId(id)).filter((row) => row !== undefined)
    if (fresh.length < repacked.stored.length) return 'again'
    const collected = await collect(this.#repository, {
      holdings,
      needed,
      packs: [...plan.dead, ...repacked.copied].map(({ row }) => row),
      fresh,
      strays,
      small: false,
      undoMs: this.#request.undoMs,
      atOnce: this.#request.atOnce,
      collections: this.#collections,
    })
    if (collected === undefined) return 'again'
    this.#tally.collected(collected, repacked)
    await this.#removeCondemned(holdings, collected)
    if (collected.unrecorded !== undefined) throw collected.unrecorded
    return 'done'
  }

  async #repack(needed: Needed, packs: readonly PackUse[]): Promise<RepackedPacks> {
    if (packs.length === 0) return { copied: [], stored: [], damaged: [] }
    const { manifest, clock, config } = this.#repository
    const { progress, signal } = this.#ports
    const bytes = packs.reduce((sum, { row }) => sum + row.bytes, 0)
    progress({ kind: 'total', files: packs.length, bytes, final: true })
    const run = manifest.runs.begin('prune', clock.now())
    const store = new PackStore(this.#repository, await this.#repository.box(), run)
    const repacked = await repack(packs, {
      repository: this.#repository,
      store,
      needed: (pack) => needed.chunks.of(pack),
      isInFull: (pack, segment) => needed.chunks.isInFull(pack, segment),
      treePackBytes: Math.min(config.packBytesTarget, TREE_PACK_BYTES_TARGET),
      onPack: ({ row }) => {
        progress({ kind: 'file', path: packKey(row.id) })
        progress({ kind: 'done', files: 1, bytes: row.bytes })
      },
      signal,
    })
    manifest.runs.end(run, { endedMs: clock.now(), outcome: 'copied' })
    return repacked
  }

  /**
   * On a full disk: an entry as small as can be, from the reserve, for what needs no copying. It cannot name packs: what only
   * packs hold that no entry names yet must stay where else it lies.
   */
  async #makeRoom(rows: readonly PackRow[], strays: Strays): Promise<'done' | 'again'> {
    const { storage, manifest, log, clock } = this.#repository
    await storage.releaseReserve()
    this.#tally.wasFull = true
    const { kept } = divideSnapshots(log.state, clock.now(), this.#request.undoMs, this.#request.atOnce)
    const known = new Set(rows.map(({ no }) => no))
    // Others may have named some since, which snapshots that were committed meanwhile need.
    const current = manifest.packs.list().filter(({ no, state }) => known.has(no) || state !== 'pending')
    const holdings = await listHoldings(storage, log.state.next)
    const needed = await this.#mark(current, holdings, kept, ({ state }) => state !== 'pending')
    const plan = this.#plan(needed, holdings)
    // Copies made so far are in nobody's way but the disk's; another backup on this manifest may have named them by now.
    const copies = manifest.packs.pending().filter(({ no }) => !known.has(no))
    const collected = await collect(this.#repository, {
      holdings,
      needed,
      packs: [...plan.dead.map(({ row }) => row), ...copies],
      fresh: [],
      strays: { packs: strays.packs, indexes: [] },
      small: true,
      undoMs: this.#request.undoMs,
      atOnce: this.#request.atOnce,
      collections: this.#collections,
    })
    if (collected === undefined) return 'again'
    if (collected.packs.length + collected.snapshots.length === 0) throw stillFull(this.#repository)
    this.#tally.collected(collected, { copied: [], stored: [], damaged: [] })
    await this.#removeCondemned(holdings, collected)
    if (collected.unrecorded !== undefined) throw collected.unrecorded
    await storage.secureReserve()
    return 'again'
  }

  /** What an earlier collection condemned and did not come to remove. */
  #countLeft({ packs, indexes }: Holdings): void {
    const { condemnedPacks, condemnedIndexes } = this.#repository.log.state
    const left = [...packs].filter(([id]) => condemnedPacks.has(id))
    const objects = [...left, ...[...indexes].filter(([id]) => condemnedIndexes.has(id))]
    this.#tally.left(
      left.length,
      objects.reduce((sum, [, { bytes }]) => sum + bytes, 0),
    )
  }

  /** What any GC entry so far condemned and the storage still has. Any client may do it, at any time, any number of times. */
  async #removeCondemned(holdings: Holdings, collected?: Collected): Promise<void> {
    if (this.#request.dryRun) return
    const { storage, log } = this.#repository
    const packs = [...holdings.packs.keys()].filter((id) => log.state.condemnedPacks.has(id))
    const indexes = [...holdings.indexes.keys()].filter((id) => log.state.condemnedIndexes.has(id))
    const keys = [
      ...new Set([
        ...[...packs, ...(collected?.packs ?? [])].map(packKey),
        ...[...indexes, ...(collected?.indexes ?? [])].map(indexKey),
      ]),
    ]
    for (let at = 0; at < keys.length; at += REMOVALS_AT_ONCE) {
      this.#ports.signal.throwIfAborted()
      await Promise.all(keys.slice(at, at + REMOVALS_AT_ONCE).map((key) => storage.remove(key)))
    }
  }
}

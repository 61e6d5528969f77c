/** What a collection did, or would do, in numbers. */
import type { LoggedSnapshot } from '../../log/log-state.ts'
import type { SnapError } from '../../model/errors.ts'
import type { PackId, SnapshotId } from '../../model/ids.ts'
import type { Collected } from './collect.ts'
import type { Holdings, Stored } from './inventory.ts'
import type { Division } from './kept-snapshots.ts'
import type { PrunePlan } from './plan.ts'
import type { RepackedPacks } from './repack.ts'
import type { Strays } from './strays.ts'

export type PruneReport = {
  /** Snapshots that cannot be had back after this. */
  readonly snapshots: readonly SnapshotId[]
  /** Forgotten ones that stay for now, and when the first of them is no longer spared (ms; `undefined` where there is none). */
  readonly spared: readonly SnapshotId[]
  readonly sparedUntilMs: number | undefined
  readonly packs: {
    /** As they are. */
    readonly kept: number
    /** Removed, for nothing in them is needed. */
    readonly dead: number
    /** Removed, what is needed of them being copied. */
    readonly repacked: number
    /** Removed, for no entry ever named them. */
    readonly stray: number
    /** Removed, for an earlier prune that did not come to its end had condemned them. */
    readonly left: number
    readonly added: number
  }
  readonly indexes: { readonly removed: number; readonly added: number }
  /** What backups that are under way or were interrupted have stored, and nothing needs yet: it stays for its stray age. */
  readonly awaited: { readonly packs: number; readonly indexes: number; readonly bytes: number }
  readonly bytes: {
    /** Of packs and index objects at the beginning. */
    readonly before: number
    readonly removed: number
    /** Of what was written; in a dry run what of the removed packs is needed. */
    readonly added: number
    /** In packs that were kept, and needed by no snapshot. */
    readonly unused: number
  }
  /** Packs that could not be copied because they are damaged: they stay. */
  readonly damaged: readonly { readonly pack: PackId; readonly error: SnapError }[]
  /** The disk was full: what needed no copying went first. */
  readonly wasFull: boolean
}

type Done = Record<
  'dead' | 'repacked' | 'stray' | 'added' | 'indexes' | 'newIndexes' | 'removed' | 'addedBytes',
  number
>

const NOTHING_DONE: Done = {
  dead: 0,
  repacked: 0,
  stray: 0,
  added: 0,
  indexes: 0,
  newIndexes: 0,
  removed: 0,
  addedBytes: 0,
}

/** Gathers over the rounds of one prune. */
export class PruneTally {
  wasFull = false
  #before: number | undefined
  #holdings: Holdings = { logNext: 0, packs: new Map(), indexes: new Map() }
  #plan: PrunePlan = { kept: [], dead: [], repacked: [] }
  #strays: Strays = { packs: [], indexes: [] }
  #awaited: Strays = { packs: [], indexes: [] }
  #snapshots: SnapshotId[] = []
  #spared: readonly LoggedSnapshot[] = []
  #undoMs = 0
  #left = { packs: 0, bytes: 0 }
  /** Packs that could not be copied, in any round. */
  readonly damaged: Map<PackId, SnapError> = new Map()
  /** Of earlier rounds and this one; `undefined` until something was carried out. */
  #done: Done | undefined

  foundDamaged(packs: RepackedPacks['damaged']): void {
    for (const { pack, error } of packs) this.damaged.set(pack, error)
  }

  /** Packs and index objects that an earlier entry had condemned, once for each. */
  left(packs: number, bytes: number): void {
    this.#left.packs += packs
    this.#left.bytes += bytes
  }

  planned(
    holdings: Holdings,
    plan: PrunePlan,
    strays: { readonly old: Strays; readonly awaited: Strays },
    { pruned, spared }: Pick<Division, 'pruned' | 'spared'>,
    undoMs: number,
  ): void {
    this.#before ??= bytesOf(holdings)
    this.#spared = spared
    this.#undoMs = undoMs
    this.#holdings = holdings
    this.#plan = plan
    this.#strays = strays.old
    this.#awaited = strays.awaited
    if (this.#done === undefined) this.#snapshots = pruned.map(({ id }) => id)
  }

  collected(collected: Collected, repacked: RepackedPacks): void {
    if (this.#done === undefined) this.#snapshots = []
    this.#snapshots.push(...collected.snapshots)
    const copied = new Set(repacked.copied.map(({ row }) => row.id))
    const strays = new Set(this.#strays.packs)
    const of = (which: (id: PackId) => boolean): number => collected.packs.filter(which).length
    this.#done ??= { ...NOTHING_DONE }
    const done = this.#done
    done.repacked += of((id) => copied.has(id))
    done.stray += of((id) => strays.has(id))
    done.dead += of((id) => !copied.has(id) && !strays.has(id))
    done.added += repacked.stored.length
    done.indexes += collected.indexes.length
    done.newIndexes += collected.newIndexes.length
    const { packs, indexes } = this.#holdings
    for (const id of collected.packs) done.removed += packs.get(id)?.bytes ?? 0
    for (const id of collected.indexes) done.removed += indexes.get(id)?.bytes ?? 0
    for (const { bytes } of [...repacked.stored, ...collected.newIndexes]) done.addedBytes += bytes
  }

  #sparedUntil(): number | undefined {
    const times = this.#spared.map(({ forgotten }) => (forgotten?.timeMs ?? 0) + this.#undoMs)
    return times.length === 0 ? undefined : times.reduce((first, time) => Math.min(first, time))
  }

  report(): PruneReport {
    const { kept, dead, repacked } = this.#plan
    const done = this.#done
    const strayBytes = storedBytes(this.#strays.packs, this.#holdings.packs)
    const planned = [...dead, ...repacked].reduce((sum, { row }) => sum + row.bytes, strayBytes)
    const { packs, indexes } = this.#awaited
    return {
      snapshots: this.#snapshots,
      spared: this.#spared.map(({ id }) => id),
      sparedUntilMs: this.#sparedUntil(),
      packs: {
        kept: kept.length,
        dead: done?.dead ?? dead.length,
        repacked: done?.repacked ?? repacked.length,
        stray: done?.stray ?? this.#strays.packs.length,
        left: this.#left.packs,
        added: done?.added ?? 0,
      },
      indexes: { removed: done?.indexes ?? 0, added: done?.newIndexes ?? 0 },
      awaited: {
        packs: packs.length,
        indexes: indexes.length,
        bytes: storedBytes(packs, this.#holdings.packs) + storedBytes(indexes, this.#holdings.indexes),
      },
      bytes: {
        before: this.#before ?? 0,
        removed: this.#left.bytes + (done?.removed ?? planned),
        added: done?.addedBytes ?? repacked.reduce((sum, { neededBytes }) => sum + neededBytes, 0),
        unused: kept.reduce(
          (sum, { row, neededBytes, chunks, neededChunks }) =>
            sum + (chunks === neededChunks ? 0 : row.bytes - neededBytes),
          0,
        ),
      },
      damaged: [...this.damaged].map(([pack, error]) => ({ pack, error })),
      wasFull: this.wasFull,
    }
  }
}

function storedBytes<Id>(ids: readonly Id[], stored: ReadonlyMap<Id, Stored>): number {
  return ids.reduce((sum, id) => sum + (stored.get(id)?.bytes ?? 0), 0)
}

function bytesOf({ packs, indexes }: Holdings): number {
  let bytes = 0
  for (const stored of [...packs.values(), ...indexes.values()]) bytes += stored.bytes
  return bytes
}

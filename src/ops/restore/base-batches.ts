/**
 * Divides the segments of a window into batches: the bases of all delta segments of a batch have room at once, each once, while it is
 * restored. Most are copied out of segments that are wanted for themselves.
 */
import type { SharedSlots } from '../../base/shared-slots.ts'
import { type LocatedBase, locateBases } from '../../repository/base-reader.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Slot, sharedBases } from '../../workers/shared-bases.ts'
import { WantedSegment, type WantedSegments } from './wanted-segment.ts'

type KeptBase = { readonly segment: WantedSegment; readonly slot: Slot }

/** The plain ones come first; the deltas of one may begin when these have ended, and the next batch when both have. */
export type Batch = { readonly plain: readonly WantedSegment[]; readonly deltas: readonly WantedSegment[] }

/** `slots` is for these batches alone, and is emptied. One batch at least. */
export function planBatches(repository: Repository, wanted: WantedSegments, slots: SharedSlots): Batch[] {
  const segments = wanted.all()
  const deltas = segments.filter(({ place }) => place.depth > 0).sort(byPlaceInFile)
  const begun = new Set<WantedSegment>()
  // What is wanted of a segment for files is written in the first batch that has it.
  const segmentOf = (place: LocatedBase): WantedSegment => {
    const segment = wanted.at(place)
    if (begun.has(segment)) return new WantedSegment(place, segment.place)
    begun.add(segment)
    return segment
  }
  const located = new Map<string, LocatedBase>()
  let batch = new OpenBatch(slots, segmentOf)
  const batches = [batch]
  for (const delta of deltas) {
    const bases = locateBases(repository, delta.pack, delta.number, located)
    if (bases !== undefined && !batch.gather(delta, bases)) {
      batch = new OpenBatch(slots, segmentOf)
      batches.push(batch)
      batch.gather(delta, bases)
    }
    batch.deltas.push(delta)
  }
  const others = segments.filter((segment) => segment.place.depth === 0 && !begun.has(segment))
  return batches.map((each, index) => each.batch(index === 0 ? others : []))
}

/** What lies together in a file has its bases together, most likely. */
function byPlaceInFile(a: WantedSegment, b: WantedSegment): number {
  return (a.files[0] ?? 0) - (b.files[0] ?? 0) || (a.positions[0] ?? 0) - (b.positions[0] ?? 0)
}

class OpenBatch {
  readonly #slots: SharedSlots
  readonly #segmentOf: (place: LocatedBase) => WantedSegment
  readonly #kept = new Map<string, KeptBase>()
  /** By pack and segment. */
  readonly #plain = new Map<string, WantedSegment>()
  readonly deltas: WantedSegment[] = []

  constructor(slots: SharedSlots, segmentOf: (place: LocatedBase) => WantedSegment) {
    this.#slots = slots
    this.#segmentOf = segmentOf
    slots.clear()
  }

  batch(others: readonly WantedSegment[]): Batch {
    return { plain: [...this.#plain.values(), ...others], deltas: this.deltas }
  }

  /** False where there is no room: the bases of this one are to be read by themselves then. */
  gather(delta: WantedSegment, bases: readonly LocatedBase[]): boolean {
    if (!this.#makeRoom(bases)) return false
    const kept = bases.map((base) => this.#kept.get(base.name) as KeptBase)
    const gathered = { bases: sharedBases(kept.map(({ slot }) => slot)), hasFailed: false }
    for (const { segment } of kept) segment.feeds.add(gathered)
    delta.gathered = gathered
    return true
  }

  /** For all of them, or for none. */
  #makeRoom(bases: readonly LocatedBase[]): boolean {
    const taken = new Map<string, { readonly base: LocatedBase; readonly slot: Slot }>()
    for (const base of bases) {
      const { name } = base
      if (this.#kept.has(name) || taken.has(name)) continue
      const slot = this.#slots.take(base.bytes)
      if (slot === undefined) {
        for (const other of taken.values()) this.#slots.giveBack(other.slot)
        return false
      }
      taken.set(name, { base, slot })
    }
    for (const [name, { base, slot }] of taken) {
      const segment = this.#plainOf(base)
      segment.copies.push({ offset: base.offset, slot })
      this.#kept.set(name, { segment, slot })
    }
    return true
  }

  #plainOf(base: LocatedBase): WantedSegment {
    const name = `${base.pack}/${base.segment}`
    const known = this.#plain.get(name)
    if (known !== undefined) return known
    const segment = this.#segmentOf(base)
    this.#plain.set(name, segment)
    return segment
  }
}

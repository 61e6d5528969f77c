/**
 * When which delta segment is checked: as soon as the packs that hold its bases have been decoded, out of which these are copied, each
 * once, and kept until the last delta segment that needs them has been checked. Packs in the order in which they were stored keep few
 * at a time: about what the edited files have now. It knows the order of the packs and neither reads nor decodes.
 */
import { addTo } from '../../base/lists.ts'
import type { SharedSlots } from '../../base/shared-slots.ts'
import type { PackId } from '../../model/ids.ts'
import { type LocatedBase, locateBases } from '../../repository/base-reader.ts'
import type { Repository } from '../../repository/repository.ts'
import { type BaseCopies, type BaseCopy, baseCopies } from '../../workers/shared-bases.ts'
import { BaseRoom } from './base-room.ts'
import type { KeptBase, ScheduledDelta } from './scheduled-delta.ts'

/** Bases that are planned with at once, of some 500 bytes each, and how often delta segments may name them. */
const BASES_MAX = 100_000
const USES_MAX = 2_000_000

/** What is to be copied out of a pack while it is decoded, by segment number. */
export type PackCopies = ReadonlyMap<number, BaseCopies>

export type ScheduleParts = {
  readonly repository: Repository
  /** Of no other schedule at the same time. */
  readonly slots: SharedSlots
  /** Of bases that are planned to be kept at once: less than `slots` has, which are somewhat larger than what lies in them. */
  readonly basesBytes: number
  /** Packs that will be decoded whole, by number. Where undefined, all that hold bases will be, for these alone. */
  readonly packs: ReadonlySet<number> | undefined
}

export class DeltaSchedule {
  readonly #parts: ScheduleParts
  /** By name. */
  readonly #bases = new Map<string, KeptBase>()
  #uses = 0
  /** By pack, those that are needed of it. */
  readonly #basesOf = new Map<number, KeptBase[]>()
  /** Of packs that will be decoded: their own delta segments that wait. */
  readonly #own = new Map<number, ScheduledDelta[]>()
  readonly #waiting = new Set<ScheduledDelta>()
  /** What is not waited for. */
  readonly #later: ScheduledDelta[] = []

  constructor(parts: ScheduleParts, deltas: readonly ScheduledDelta[]) {
    this.#parts = parts
    parts.slots.clear()
    const places = new Map<string, LocatedBase>()
    const located: ScheduledDelta[] = []
    for (const delta of deltas) {
      delta.bases = this.#locate(delta, places)
      if (delta.bases.length > 0) located.push(delta)
      else this.#later.push(delta)
    }
    const lastPack = located.reduce((last, delta) => Math.max(last, this.#lastPack(delta)), 0)
    const room = new BaseRoom(parts.basesBytes, lastPack)
    // Where not all have room at once, those that need the same segments are checked together.
    for (const delta of located.sort(byFirstBase)) {
      if (room.takes(new Set(delta.bases), this.#lastPack(delta))) this.#await(delta)
      else this.#later.push(delta)
    }
  }

  /** None where they are to be read for it, or to be planned later. */
  #locate({ pack, number }: ScheduledDelta, known: Map<string, LocatedBase>): KeptBase[] {
    const { repository, packs } = this.#parts
    if (this.#bases.size >= BASES_MAX || this.#uses >= USES_MAX) return []
    const places = locateBases(repository, pack.no, number, known) ?? []
    const areDecoded = packs === undefined || places.every((place) => packs.has(place.pack))
    if (!areDecoded) return []
    this.#uses += places.length
    return places.map((place) => this.#baseAt(place))
  }

  #baseAt({ name, pack, packId, segment, offset, bytes }: LocatedBase): KeptBase {
    const known = this.#bases.get(name)
    if (known !== undefined) return known
    const place = { pack, packId, segment, offset, bytes }
    const base = { ...place, slot: undefined, isFilling: false, users: [], usersLeft: 0 }
    this.#bases.set(name, base)
    return base
  }

  #packsFor({ pack, bases }: ScheduledDelta): Set<number> {
    const packs = new Set(bases.map((base) => base.pack))
    return this.#parts.packs === undefined ? packs : packs.add(pack.no)
  }

  #lastPack(delta: ScheduledDelta): number {
    return Math.max(...this.#packsFor(delta))
  }

  #await(delta: ScheduledDelta): void {
    for (const base of new Set(delta.bases)) {
      if (base.users.length === 0) addTo(this.#basesOf, base.pack, base)
      base.users.push(delta)
      base.usersLeft += 1
    }
    if (this.#parts.packs !== undefined) addTo(this.#own, delta.pack.no, delta)
    delta.packsLeft = this.#packsFor(delta).size
    delta.hasFailed = false
    this.#waiting.add(delta)
  }

  /** Packs that hold bases, by rising number. */
  packsOfBases(): { readonly no: number; readonly id: PackId }[] {
    const packs = [...this.#basesOf.values()].flatMap(([base]) => base ?? [])
    return packs.map(({ pack, packId }) => ({ no: pack, id: packId })).sort((a, b) => a.no - b.no)
  }

  /** What to copy out of this pack, which is decoded next. */
  begin(pack: number): PackCopies {
    const copies = new Map<number, BaseCopy[]>()
    for (const base of this.#basesOf.get(pack) ?? []) {
      if (base.usersLeft === 0) continue
      base.slot = this.#parts.slots.take(base.bytes)
      if (base.slot === undefined) {
        for (const user of base.users) this.#leaveForLater(user)
        continue
      }
      base.isFilling = true
      addTo(copies, base.segment, { offset: base.offset, slot: base.slot })
    }
    return new Map([...copies].map(([segment, some]) => [segment, baseCopies(some)]))
  }

  #leaveForLater(delta: ScheduledDelta): void {
    if (!this.#waiting.delete(delta)) return
    this.#later.push(delta)
    this.#letGo(delta)
  }

  #letGo({ bases }: ScheduledDelta): void {
    for (const base of new Set(bases)) {
      base.usersLeft -= 1
      this.#free(base)
    }
  }

  #free(base: KeptBase): void {
    if (base.usersLeft > 0 || base.isFilling || base.slot === undefined) return
    this.#parts.slots.giveBack(base.slot)
    base.slot = undefined
  }

  /** The pack has been decoded: the delta segments that wait for no other one. `isCopied`: whether all bases of a segment were. */
  end(pack: number, isCopied: (segment: number) => boolean): readonly ScheduledDelta[] {
    const users = new Set(this.#own.get(pack)?.filter((delta) => this.#waiting.has(delta)))
    for (const base of this.#basesOf.get(pack) ?? []) {
      base.isFilling = false
      for (const user of base.users) {
        if (!this.#waiting.has(user)) continue
        users.add(user)
        if (!isCopied(base.segment)) user.hasFailed = true
      }
      this.#free(base)
    }
    const ready: ScheduledDelta[] = []
    for (const user of users) {
      user.packsLeft -= 1
      if (user.packsLeft > 0) continue
      this.#waiting.delete(user)
      ready.push(user)
    }
    return ready
  }

  /** They have been checked, and no thread uses their dictionaries any more. */
  release(deltas: readonly ScheduledDelta[]): void {
    for (const delta of deltas) this.#letGo(delta)
  }

  /**
   * When all packs have ended: those whose bases found no room, or lie in no pack that was decoded. Each delta segment is either here or was
   * ready before.
   */
  rest(): readonly ScheduledDelta[] {
    return [...this.#later, ...this.#waiting]
  }
}

function byFirstBase({ bases: [a] }: ScheduledDelta, { bases: [b] }: ScheduledDelta): number {
  return (a?.pack ?? 0) - (b?.pack ?? 0) || (a?.segment ?? 0) - (b?.segment ?? 0)
}

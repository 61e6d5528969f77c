/** A delta segment that is to be checked, and its bases, each of which others may need too. */
import type { PackRow } from '../../manifest/packs-table.ts'
import type { PackId } from '../../model/ids.ts'
import { type SharedBases, type Slot, sharedBases } from '../../workers/shared-bases.ts'

export type KeptBase = {
  readonly pack: number
  readonly packId: PackId
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  /** While it is kept. */
  slot: Slot | undefined
  /** A thread may be writing to the slot. */
  isFilling: boolean
  readonly users: ScheduledDelta[]
  /** Of `users`, those that neither have been checked nor are left for later. */
  usersLeft: number
}

export class ScheduledDelta {
  readonly pack: PackRow
  readonly number: number
  /** In the order of its dictionary; none where they are to be read for it. */
  bases: readonly KeptBase[] = []
  /** Its bytes, where they were kept when its pack was read. */
  sealed: Uint8Array | undefined
  /** Packs with bases of it that have not been decoded, and its own, where that is among them. */
  packsLeft = 0
  hasFailed = false

  constructor(pack: PackRow, number: number) {
    this.pack = pack
    this.number = number
  }

  /** `undefined` where its bases are to be read for it. */
  get dictionary(): SharedBases | undefined {
    const slots = this.bases.flatMap(({ slot }) => slot ?? [])
    const areThere = slots.length > 0 && slots.length === this.bases.length
    return areThere && this.packsLeft === 0 && !this.hasFailed ? sharedBases(slots) : undefined
  }
}

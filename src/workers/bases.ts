/** What a thread asks for to make delta segments, and what it gets: it has neither storage nor the keys of packs. */
import type { PackId } from '../model/ids.ts'
import type { PackKeys } from '../pack/pack-header.ts'

export type BaseRequest = {
  /** Segments without bases of their own, wanted as they are stored; those of a pack rise. */
  readonly packs: readonly { readonly id: PackId; readonly segments: readonly SealedPlace[] }[]
}

/** Bytes in the pack. */
export type SealedPlace = { readonly offset: number; readonly bytes: number }

/** In the order of the request; `undefined` for what cannot be read. */
export type BaseAnswer = {
  readonly packs: readonly (SealedPack | undefined)[]
}

export type SealedPack = Pick<PackKeys, 'packKey'> & {
  readonly header: Uint8Array
  readonly sealed: readonly Uint8Array[]
}

export const NO_BASES_READ: BaseAnswer = { packs: [] }

/** An answer on its way. */
export type PendingBases = {
  /** Waits for it, where a thread can do that; `undefined` where it cannot and the answer is not there yet. */
  take(): BaseAnswer | undefined
}

export interface BaseSource {
  ask(request: BaseRequest): PendingBases
}

/**
 * Plans how much of a bounded memory is taken by bases while packs are decoded one after the other: each base from its pack to the last
 * one that a delta segment waits for which needs it.
 */
import type { KeptBase } from './scheduled-delta.ts'

/** Packs that follow each other are planned as one where there are more. */
const STEPS_MAX = 512

export class BaseRoom {
  readonly #bytes: number
  readonly #packsPerStep: number
  /** Bytes that are taken at each step. */
  readonly #taken: Float64Array
  /** The step after the last at which it is kept. */
  readonly #until = new Map<KeptBase, number>()

  /** `lastPack`: the highest number. */
  constructor(bytes: number, lastPack: number) {
    this.#bytes = bytes
    this.#packsPerStep = Math.ceil((lastPack + 1) / STEPS_MAX)
    this.#taken = new Float64Array(STEPS_MAX)
  }

  /** Whether all of them can be kept until `pack` has been decoded. If so, they are from now on. */
  takes(bases: Iterable<KeptBase>, pack: number): boolean {
    const end = this.#stepOf(pack) + 1
    const longer: { readonly base: KeptBase; readonly from: number }[] = []
    let fits = true
    for (const base of bases) {
      const from = this.#until.get(base) ?? this.#stepOf(base.pack)
      if (from >= end) continue
      longer.push({ base, from })
      for (let step = from; step < end; step++) fits = this.#add(step, base.bytes) && fits
      if (!fits) break
    }
    for (const { base, from } of longer) {
      if (fits) this.#until.set(base, end)
      else for (let step = from; step < end; step++) this.#add(step, -base.bytes)
    }
    return fits
  }

  #add(step: number, bytes: number): boolean {
    const taken = (this.#taken[step] ?? 0) + bytes
    this.#taken[step] = taken
    return taken <= this.#bytes
  }

  #stepOf(pack: number): number {
    return Math.floor(pack / this.#packsPerStep)
  }
}

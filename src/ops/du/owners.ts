/**
 * Who may need a chunk, as a tree: all, below it series, snapshots, directories, or whatever a question is about. What two
 * owners need belongs to the nearest one above both. Pure; it knows no chunks.
 */
import { assert } from '../../base/assert.ts'

/** The number of an owner, from 0. */
export type Owner = number

/** Above all others. */
export const EVERYBODY: Owner = 0

export class Owners {
  readonly #parents: Owner[] = [EVERYBODY]
  readonly #depths: number[] = [0]

  add(parent: Owner): Owner {
    const depth = this.#depths[parent]
    assert(depth !== undefined, 'an owner lies below one that is there')
    this.#depths.push(depth + 1)
    return this.#parents.push(parent) - 1
  }

  get count(): number {
    return this.#parents.length
  }

  /** The nearest that is above both, or one of them. */
  join(left: Owner, right: Owner): Owner {
    let a = left
    let b = right
    while (a !== b) {
      if (this.#depth(a) >= this.#depth(b)) a = this.#parent(a)
      else b = this.#parent(b)
    }
    return a
  }

  /** Adds to each owner's value those of all below it: what it and they alone need together. */
  gather(values: Float64Array): void {
    for (let owner = this.count - 1; owner > EVERYBODY; owner--) {
      const parent = this.#parent(owner)
      values[parent] = (values[parent] ?? 0) + (values[owner] ?? 0)
    }
  }

  #depth(owner: Owner): number {
    return this.#depths[owner] ?? 0
  }

  #parent(owner: Owner): Owner {
    return this.#parents[owner] ?? EVERYBODY
  }
}

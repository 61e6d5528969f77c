/** A directory on its way into a copy: slots for its entries, filled as contents come back from the threads and children are completed. */
import { assert } from '../../base/assert.ts'
import type { Entry } from '../../snapshot/entry.ts'
import type { EncodedTree, Owner } from '../../snapshot/tree.ts'
import { DAMAGED } from '../../snapshot/unreadable.ts'

/** An entry whose content could not be read. */
export function lacking(entry: Entry): Entry {
  return { ...entry, content: undefined, unreadable: entry.unreadable ?? DAMAGED }
}

/** Where a directory goes when it is complete: its entry in the snapshot that is copied says all but its content. */
export type CopiedPlace = {
  readonly directory: CopiedDirectory
  readonly slot: number
  readonly entry: Entry
}

export class CopiedDirectory {
  /** In the snapshot. */
  readonly path: string
  readonly place: CopiedPlace | undefined
  readonly #owners: readonly Owner[]
  readonly #slots: (Uint8Array | undefined)[] = []
  /** The names are not all known. */
  #missing = 1

  /** `place`: `undefined` for the root. */
  constructor(path: string, owners: readonly Owner[], place: CopiedPlace | undefined) {
    this.path = path
    this.#owners = owners
    this.place = place
  }

  /** A slot for an entry that is not known yet; `fill` follows. */
  reserve(): number {
    this.#missing += 1
    return this.#slots.push(undefined) - 1
  }

  /** A slot that is filled at once. */
  push(encoded: Uint8Array): void {
    this.#slots.push(encoded)
  }

  fill(slot: number, encoded: Uint8Array): void {
    assert(this.#slots[slot] === undefined, 'a slot is filled once')
    this.#slots[slot] = encoded
    this.#missing -= 1
  }

  /** All names have been seen. */
  listed(): void {
    this.#missing -= 1
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** Of a complete one. */
  tree(): EncodedTree {
    assert(this.isComplete, 'a directory is encoded when all its entries are known')
    return { owners: this.#owners, entries: this.#slots.flatMap((slot) => slot ?? []) }
  }
}

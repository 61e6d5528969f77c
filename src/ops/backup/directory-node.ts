/**
 * A directory on its way into the snapshot: slots for its entries, filled as files come back from the pipeline and
 * children are completed; when the last is filled, the directory is encoded.
 */
import { assert } from '../../base/assert.ts'
import type { Rules } from '../../filesystem/ignore-rules.ts'
import type { FileStat } from '../../model/files.ts'
import type { Content } from '../../snapshot/content.ts'
import type { EncodedTree } from '../../snapshot/tree.ts'

/** The directory as the parent snapshot has it. */
export type PreviousDirectory = {
  readonly tree: EncodedTree
  readonly content: Content
}

/** What holds for the entries of a directory. */
export type DirectoryScope = {
  /** Their patterns; `undefined` above the sources, where nothing is left out. */
  readonly rules: Rules | undefined
  readonly device: number
  readonly depth: number
}

/** Where a directory goes when it is complete. */
export type DirectoryPlace = { readonly node: DirectoryNode; readonly slot: number }

export class DirectoryNode {
  readonly name: string
  /** Absolute. */
  readonly path: string
  readonly stat: FileStat | undefined
  readonly previous: PreviousDirectory | undefined
  readonly parent: DirectoryPlace | undefined
  /** Encoded entries in order of their names; the slot of a file that vanished stays `undefined`. */
  readonly slots: (Uint8Array | undefined)[] = []
  #missing = 1
  /** Why its own list could not be read, or something in it that is not among its slots. */
  unreadable: string | undefined
  /** Set when its names are walked. */
  scope: DirectoryScope | undefined
  /** How often something else was found in its place. */
  readonly replaced: number

  constructor(parts: {
    name: string
    path: string
    stat: FileStat | undefined
    previous: PreviousDirectory | undefined
    parent: DirectoryPlace | undefined
    replaced?: number
  }) {
    this.name = parts.name
    this.path = parts.path
    this.stat = parts.stat
    this.previous = parts.previous
    this.parent = parts.parent
    this.replaced = parts.replaced ?? 0
  }

  /** A slot for an entry that is not known yet; `fill` or `drop` follows. */
  reserve(): number {
    this.#missing += 1
    return this.slots.push(undefined) - 1
  }

  /** A slot that is filled at once. */
  push(encoded: Uint8Array): void {
    this.slots.push(encoded)
  }

  /** The entry vanished while it was on its way. */
  drop(): void {
    this.#missing -= 1
  }

  fill(slot: number, encoded: Uint8Array): void {
    assert(this.slots[slot] === undefined, 'a slot is filled once')
    this.slots[slot] = encoded
    this.#missing -= 1
  }

  /** The walk has seen all names. */
  listed(): void {
    this.#missing -= 1
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** Whether every entry is the very one of the parent snapshot. */
  get isUnchanged(): boolean {
    const before = this.previous?.tree.entries
    if (before === undefined || this.unreadable !== undefined || before.length !== this.slots.length)
      return false
    return this.slots.every((slot, index) => {
      const entry = before[index]
      return (
        slot !== undefined && entry !== undefined && (slot === entry || Buffer.compare(slot, entry) === 0)
      )
    })
  }

  entries(): Uint8Array[] {
    return this.slots.filter((slot): slot is Uint8Array => slot !== undefined)
  }
}

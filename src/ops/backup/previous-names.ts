import { nameBytes } from '../../base/names.ts'
import { entryNameBytes } from '../../snapshot/tree.ts'
import type { PreviousDirectory } from './directory-node.ts'

/** Finds the entries of the parent snapshot for names that come in order. */
export class PreviousNames {
  readonly #entries: readonly Uint8Array[]
  #at = 0

  constructor(previous: PreviousDirectory | undefined) {
    this.#entries = previous?.tree.entries ?? []
  }

  /** Names must rise from call to call. */
  find(name: string): Uint8Array | undefined {
    if (this.#at >= this.#entries.length) return undefined
    const wanted = nameBytes(name)
    for (; this.#at < this.#entries.length; this.#at++) {
      const entry = this.#entries[this.#at]
      if (entry === undefined) return undefined
      const order = Buffer.compare(entryNameBytes(entry), wanted)
      if (order === 0) return entry
      if (order > 0) return undefined
    }
    return undefined
  }
}

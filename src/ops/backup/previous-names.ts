import { nameBytes } from '../../base/names.ts'
import { fileBytesOf } from '../../snapshot/same-entry.ts'
import { entryNameBytes } from '../../snapshot/tree.ts'
import type { PreviousDirectory } from './directory-node.ts'

/** Names that begin alike are neighbours: so many before a new name's place are looked at, and so many after. */
const NEIGHBOURS_BEFORE = 16
const NEIGHBOURS_AFTER = 4
/** A predecessor has at most so many times as many bytes, or as few. */
const SIZE_FACTOR_MAX = 4
/** What a name must have in common with a predecessor's, at its ends, as a share of the longer of both. */
const ALIKE_MIN: number = 1 / 2
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39

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

  /**
   * For a name that was not found by the last call: the file whose successor it is most likely, as `dump-19.sql` is that of
   * `dump-18.sql`. `undefined` where none is like it in name and size (bytes).
   */
  predecessor(name: string, bytes: number): Uint8Array | undefined {
    const wanted = nameBytes(name)
    let best: Uint8Array | undefined
    let bestAlike = ALIKE_MIN
    const from = Math.max(0, this.#at - NEIGHBOURS_BEFORE)
    for (const entry of this.#entries.slice(from, this.#at + NEIGHBOURS_AFTER)) {
      const before = fileBytesOf(entry)
      if (before === undefined || before * SIZE_FACTOR_MAX < bytes || bytes * SIZE_FACTOR_MAX < before)
        continue
      const alike = alikeness(entryNameBytes(entry), wanted)
      // Of several that are as like, the last is the newest where names count up.
      if (alike >= bestAlike) {
        best = entry
        bestAlike = alike
      }
    }
    return best
  }
}

/** 0 to 1: the share of the longer name that both have in common at their ends. Any digit is like any other. */
function alikeness(one: Uint8Array, other: Uint8Array): number {
  const shorter = Math.min(one.length, other.length)
  let head = 0
  while (head < shorter && isLike(one[head], other[head])) head += 1
  let tail = 0
  while (tail < shorter - head && isLike(one[one.length - 1 - tail], other[other.length - 1 - tail]))
    tail += 1
  return (head + tail) / Math.max(one.length, other.length)
}

function isLike(one: number | undefined, other: number | undefined): boolean {
  return one === other || (isDigit(one) && isDigit(other))
}

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_9

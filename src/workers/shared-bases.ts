/**
 * Bases of delta segments in memory that threads share: each is copied there once, out of a segment that is decoded for its own sake,
 * and read by all delta segments that need it. What goes between threads are columns of numbers, because there are very many.
 */

/** Room for one base. */
export type Slot = Uint8Array<SharedArrayBuffer>

/** The bases of a delta segment in its order, as pairs: where each begins in the memory, and its bytes. */
export type SharedBases = { readonly memory: SharedArrayBuffer; readonly slots: Uint32Array }

/** Of slots of one memory. Whether the bases are what their ids say is not checked. */
export function sharedBases(slots: readonly Slot[]): SharedBases {
  return {
    memory: memoryOf(slots),
    slots: Uint32Array.from(slots.flatMap(({ byteOffset, length }) => [byteOffset, length])),
  }
}

/** Joins them in `into`: a view of it, or `undefined` where they are more. */
export function joinBases({ memory, slots }: SharedBases, into: Uint8Array): Uint8Array | undefined {
  let filled = 0
  for (let row = 0; row < slots.length; row += 2) {
    const bytes = slots[row + 1] as number
    if (filled + bytes > into.length) return undefined
    into.set(new Uint8Array(memory, slots[row], bytes), filled)
    filled += bytes
  }
  return into.subarray(0, filled)
}

/** A chunk that begins at `offset` of a segment's plaintext, and where it goes. */
export type BaseCopy = { readonly offset: number; readonly slot: Slot }

/** Of one segment, in threes: the offset in its plaintext, where the slot begins in the memory, and its bytes. */
export type BaseCopies = { readonly memory: SharedArrayBuffer; readonly rows: Uint32Array }

/** Of slots of one memory. */
export function baseCopies(copies: readonly BaseCopy[]): BaseCopies {
  return {
    memory: memoryOf(copies.map(({ slot }) => slot)),
    rows: Uint32Array.from(copies.flatMap(({ offset, slot }) => [offset, slot.byteOffset, slot.length])),
  }
}

/** False where the segment is too short to hold one of them: whoever needs that has to read it some other way. */
export function copyBases(plain: Uint8Array, { memory, rows }: BaseCopies): boolean {
  for (let row = 0; row < rows.length; row += 3) {
    const offset = rows[row] as number
    const into = new Uint8Array(memory, rows[row + 1], rows[row + 2])
    if (offset + into.length > plain.length) return false
    into.set(plain.subarray(offset, offset + into.length))
  }
  return true
}

const NOTHING = new SharedArrayBuffer(0)

const memoryOf = ([first]: readonly Slot[]): SharedArrayBuffer => first?.buffer ?? NOTHING

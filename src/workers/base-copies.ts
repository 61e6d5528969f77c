/** Bases that are copied out of a segment while it is decoded for its own sake, so that no delta segment has it decoded once more. */

/** A chunk of the segment's plaintext, and where it goes: its place in a dictionary, in memory that threads share. */
export type BaseCopy = { readonly offset: number; readonly into: Uint8Array }

/** False where the segment is too short to hold one of them: the dictionary is of no use then. */
export function copyBases(plain: Uint8Array, copies: readonly BaseCopy[]): boolean {
  for (const { offset, into } of copies) {
    if (offset + into.length > plain.length) return false
    into.set(plain.subarray(offset, offset + into.length))
  }
  return true
}

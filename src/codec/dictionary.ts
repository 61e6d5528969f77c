/** What part of a dictionary zstd is given. It knows nothing of engines or levels. */

/** Opens a dictionary that zstd would take for a trained one. */
const TRAINED = [0x37, 0xa4, 0x30, 0xec] as const

/**
 * A dictionary is raw content: bytes that the source may repeat. zstd itself would take one that opens with the
 * magic number of a trained dictionary for such; therefore the first byte of it is left out, when compressing and
 * when decompressing. This rule is part of the repository format.
 */
export function rawContent(dictionary: Uint8Array): Uint8Array {
  return TRAINED.every((byte, at) => dictionary[at] === byte) ? dictionary.subarray(1) : dictionary
}

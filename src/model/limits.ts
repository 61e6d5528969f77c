/**
 * Every bound of the format (`docs/format.md`, section 8), by name and unit. `test/unit/model/limits.test.ts` checks
 * them against each other.
 */
export const FORMAT_VERSION = 1

export const CHUNK_BYTES_MAX = 1_048_576
export const SEGMENT_BYTES_MAX = 2_097_152
/** Header, bases and what a codec adds at worst to a full segment. */
export const SEGMENT_SEALED_BYTES_MAX: number = SEGMENT_BYTES_MAX + 65_536 + 1_024
export const SEGMENT_BASES_MAX = 256
export const DICTIONARY_BYTES_MAX = 2_097_152
export const SEGMENT_DEPTH_MAX = 8
/** Segments that may be decoded to read one. */
export const SEGMENT_CLOSURE_MAX = 1_024
export const PACK_SEGMENTS_MAX = 65_535
export const PACK_BYTES_MAX = 67_108_864
export const PACK_BYTES_TARGET = 33_554_432
export const PACK_HEADER_BYTES = 160
export const PACK_TRAILER_BYTES = 32
export const INDEX_BYTES_MAX = 16_777_216
export const INDEX_BYTES_TARGET = 4_194_304
export const LOG_ENTRY_BYTES_MAX = 65_536
/** A longer payload goes to a list object. */
export const LOG_PAYLOAD_INLINE_BYTES_MAX = 32_768
export const LOG_LIST_BYTES_MAX = 67_108_864
export const CONTENT_ITEMS_INLINE_MAX = 64
/** A level above 0 may still be read up to this many inline items (bytes are what costs). */
export const CONTENT_INLINE_BYTES_MAX = 1_048_576
export const CONTENT_LEVELS_MAX = 4
export const TREE_BYTES_MAX = 1_073_741_824
export const ENTRY_BYTES_MAX = 67_108_864
export const DIRECTORY_DEPTH_MAX = 4_096
export const NAME_BYTES_MAX = 1_024
export const LINK_TARGET_BYTES_MAX = 65_535
export const XATTRS_MAX = 1_024
export const XATTR_BYTES_MAX = 16_777_216
/** Each is tried in turn. */
export const SLOTS_MAX = 256
/** Passes times memory of Argon2id, over the slots that one password is tried on: a minute or so. */
export const PASSWORD_WORK_BYTES_MAX = 68_719_476_736
export const AEAD_TAG_BYTES = 16

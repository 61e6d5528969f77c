/** What lies where in a pack: the value that pack footers, index objects, the manifest and readers share. */
import type { PackId } from './ids.ts'

export type PackKind = 'data' | 'tree'

/** One segment; its chunks in order. Bytes. */
export type SegmentRow = {
  /** On storage, with tag. */
  readonly sealed: number
  /** Decoded. */
  readonly plain: number
  readonly depth: number
  /** Base chunk ids, 32 bytes each, one after the other. */
  readonly bases: Uint8Array
  readonly chunkLengths: Uint32Array
  /** 32 bytes each, in the order of `chunkLengths`. */
  readonly chunkIds: Uint8Array
}

export type PackTable = {
  readonly id: PackId
  readonly kind: PackKind
  /** Size of the whole stored object. */
  readonly bytes: number
  readonly segments: readonly SegmentRow[]
}

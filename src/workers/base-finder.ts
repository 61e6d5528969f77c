/** Finds the places of bases in the manifest, and says what reading them would take. It reads no pack. */
import { toHex } from '../base/bytes.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { SegmentPlace } from '../manifest/packs-table.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import type { BasePlace } from './base-reading.ts'

/**
 * The depth of the segments that are written. A place that is edited again and again is stored in full one time in so many and one,
 * and reading it decodes at most so many segments one after the other.
 */
export const DELTA_DEPTH_MAX = 3

export type Base = BasePlace & { readonly segment: BaseSegment }

export type BaseSegment = SegmentPlace & {
  readonly number: number
  /**
   * Segments that have to be decoded for it, itself among them, at most, wherever collections may copy the chunks that it needs: each
   * to a segment of its own.
   */
  readonly closure: number
}

/** Segments that are remembered. */
const SEGMENTS_MAX = 4_096

export class BaseFinder {
  readonly #manifest: Manifest
  readonly #segments = new Map<string, BaseSegment>()

  constructor(manifest: Manifest) {
    this.#manifest = manifest
  }

  /** Only in packs that the log names and that may be relied on, and not too deep: `undefined` elsewhere. */
  find(id: Uint8Array): Base | undefined {
    const place = this.#manifest.chunks.locate(id)
    if (place === undefined || !place.live || place.depth >= DELTA_DEPTH_MAX) return undefined
    const segment = this.#segmentOf(place.pack, place.segment)
    if (segment === undefined) return undefined
    return { id, packId: place.packId, segment, offset: place.offset, bytes: place.bytes }
  }

  #segmentOf(pack: number, number: number): BaseSegment | undefined {
    const name = `${pack}/${number}`
    const known = this.#segments.get(name)
    if (known !== undefined) return known
    const place = this.#manifest.packs.segmentOf(pack, number)
    if (place === undefined) return undefined
    const segment = { ...place, number, closure: this.#closureOf(place) }
    if (this.#segments.size >= SEGMENTS_MAX) this.#segments.clear()
    this.#segments.set(name, segment)
    return segment
  }

  #closureOf({ bases, depth }: SegmentPlace): number {
    if (depth === 0) return 1
    if (depth === 1) return 1 + bases.length / CHUNK_ID_BYTES
    let closure = 1
    const counted = new Set<string>()
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const base = this.#manifest.chunks.locate(bases.subarray(at, at + CHUNK_ID_BYTES))
      // What cannot be read is none of the finder's business: whoever reads it finds out.
      if (base === undefined) return Number.POSITIVE_INFINITY
      const name = `${base.pack}/${base.segment}`
      if (base.depth > 0 && counted.has(name)) continue
      counted.add(name)
      closure +=
        base.depth >= depth
          ? Number.POSITIVE_INFINITY
          : (this.#segmentOf(base.pack, base.segment)?.closure ?? 1)
    }
    return closure
  }
}

export const nameOf = ({ id }: Base): string => toHex(id)

/** Finds chunks in the manifest that new ones may be stored as differences to. It reads no pack. */
import { toHex } from '../base/bytes.ts'
import type { ChunkLocation } from '../manifest/chunks-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import type { BasePlace, SegmentOfBases } from './base-reading.ts'

export type Base = BasePlace & {
  /** Not the chunk that was asked for, but one that it was made from, most likely. */
  readonly standsIn: boolean
}

/** Bases of a delta segment that are taken for each side of the likeliest one. */
const STAND_INS_ASIDE = 3
/** Segments that are remembered. */
const SEGMENTS_MAX = 4_096

export class BaseFinder {
  readonly #manifest: Manifest
  readonly #segments = new Map<string, SegmentOfBases & { readonly bases: Uint8Array }>()

  constructor(manifest: Manifest) {
    this.#manifest = manifest
  }

  /**
   * The chunk itself where it lies in a segment without bases, so that no segment is ever more than one away from what can be decoded
   * by itself, however often a place is edited. Where it is stored as a difference, the bases of that one, the likeliest first. Only
   * what lies in packs that the log names and that may be relied on; none elsewhere.
   */
  find(id: Uint8Array): readonly Base[] {
    const place = this.#manifest.chunks.locate(id)
    if (place === undefined || !place.live) return []
    return place.depth === 0 ? this.#baseAt(id, place, false) : this.#standIns(place)
  }

  /** Runs and their bases are in the same order in a segment, so what belongs together is about as far from its start. */
  #standIns(place: ChunkLocation): Base[] {
    const segment = this.#segmentOf(place)
    if (segment === undefined) return []
    const count = segment.bases.length / CHUNK_ID_BYTES
    const likeliest = Math.floor(((place.offset + place.bytes / 2) / segment.plain) * count)
    const order = [likeliest]
    for (let away = 1; away <= STAND_INS_ASIDE; away++) order.push(likeliest - away, likeliest + away)
    return order.flatMap((index) => {
      const id = segment.bases.slice(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES)
      const base = index < 0 || index >= count ? undefined : this.#manifest.chunks.locate(id)
      return base === undefined || !base.live || base.depth > 0 ? [] : this.#baseAt(id, base, true)
    })
  }

  #baseAt(id: Uint8Array, place: ChunkLocation, standsIn: boolean): Base[] {
    const segment = this.#segmentOf(place)
    if (segment === undefined) return []
    return [{ id, packId: place.packId, segment, offset: place.offset, bytes: place.bytes, standsIn }]
  }

  #segmentOf({ pack, segment: number }: ChunkLocation) {
    const name = `${pack}/${number}`
    const known = this.#segments.get(name)
    if (known !== undefined) return known
    const place = this.#manifest.packs.segmentOf(pack, number)
    if (place === undefined) return undefined
    const segment = { ...place, number }
    if (this.#segments.size >= SEGMENTS_MAX) this.#segments.clear()
    this.#segments.set(name, segment)
    return segment
  }
}

export const nameOf = ({ id }: Pick<BasePlace, 'id'>): string => toHex(id)

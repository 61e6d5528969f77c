/** What a window of a restore wants of segments: chunks for files, and bases for delta segments. */
import type { ChunkPlace } from '../../manifest/chunk-finder.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { SegmentPlace } from '../../manifest/packs-table.ts'
import type { PackId } from '../../model/ids.ts'
import { segmentPlace } from '../../repository/segment-place.ts'
import type { BaseCopy, SharedBases } from '../../workers/shared-bases.ts'

/** More segments than a pack may have, so that pack and segment make one number. */
const SEGMENTS_RADIX = 2 ** 20

export type SegmentName = Pick<ChunkPlace, 'pack' | 'packId' | 'segment'>

/** The bases of a delta segment that are copied out of other segments before. */
export type Gathered = { readonly bases: SharedBases; hasFailed: boolean }

/** What is wanted of it, in the order in which it was asked for: columns, as in `RestoreSegment`. */
export class WantedSegment {
  readonly pack: number
  readonly packId: PackId
  readonly number: number
  readonly place: SegmentPlace
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly ids: Uint8Array[] = []
  readonly files: number[] = []
  readonly positions: number[] = []
  /** Bases of others that lie in it, and whose they are. */
  readonly copies: BaseCopy[] = []
  readonly feeds: Set<Gathered> = new Set()
  /** Of a delta segment. */
  gathered: Gathered | undefined

  constructor({ pack, packId, segment }: SegmentName, place: SegmentPlace) {
    this.pack = pack
    this.packId = packId
    this.number = segment
    this.place = place
  }
}

export class WantedSegments {
  readonly #manifest: Manifest
  readonly #byName = new Map<number, WantedSegment>()

  constructor(manifest: Manifest) {
    this.#manifest = manifest
  }

  /** The one of this name; of one that was not wanted yet, nothing is wanted so far. Throws as `segmentPlace`. */
  at(name: SegmentName): WantedSegment {
    const number = numberOf(name)
    const known = this.#byName.get(number)
    if (known !== undefined) return known
    const segment = new WantedSegment(name, segmentPlace(this.#manifest, name.pack, name.segment))
    this.#byName.set(number, segment)
    return segment
  }

  all(): WantedSegment[] {
    return [...this.#byName.values()]
  }

  clear(): void {
    this.#byName.clear()
  }
}

const numberOf = ({ pack, segment }: SegmentName): number => pack * SEGMENTS_RADIX + segment

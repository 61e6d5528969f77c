/**
 * Which chunks of which packs are needed: one bit for each chunk, found through the manifest. A chunk in a delta segment
 * brings the segment's bases with it. It does not know what needs them.
 */

import { assert } from '../../base/assert.ts'
import type { ChunkFinder, ChunkPlace } from '../../manifest/chunk-finder.ts'
import type { ChunkLocation } from '../../manifest/chunks-table.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { chunkIdsIn } from '../../model/ids.ts'
import { PACK_SEGMENTS_MAX } from '../../model/limits.ts'
import type { SegmentRow } from '../../model/pack-table.ts'

/** Chunks that lie in several packs and are looked at to keep one copy of each; those beyond stay where they are. */
export const DUPLICATES_MAX = 1_000_000

type LiveChunksOptions = {
  readonly onNew?: ((pack: number) => void) | undefined
  readonly isErased?: ((id: Uint8Array) => boolean) | undefined
  readonly isDoubtful?: ((pack: PackRow) => boolean) | undefined
}

export class LiveChunks {
  readonly #manifest: Manifest
  /** What a chunk may be read from. */
  readonly #packs = new Map<number, PackRow>()
  /** Those of them whose tables are no lie. */
  #trusted: ReadonlySet<number> = new Set()
  #finder: ChunkFinder
  readonly #bits = new Map<number, ChunkBits>()
  /** Depth of segments, as a number of pack and segment, so far as it was asked. */
  readonly #depths = new Map<number, number>()
  /** Needed, and in none of the packs. */
  readonly #lost = new Set<string>()
  readonly #onNew: (pack: number) => void
  readonly #isErased: (id: Uint8Array) => boolean
  readonly #isDoubtful: (pack: PackRow) => boolean
  /** Segments whose bases go although they are needed themselves, as a number of pack and segment, and their packs. */
  readonly #inFull = new Set<number>()
  readonly #packsInFull = new Set<number>()
  readonly #pinned = new Set<number>()
  /** Segments that only keep the bases of others that nothing needs, as a number of pack and segment. */
  readonly #idle = new Set<number>()

  /**
   * `onNew` is told the pack of each chunk that becomes needed. `isErased`: no segment may keep the chunk as a base.
   * `isDoubtful`: such a pack is no place where there is another.
   */
  constructor(
    manifest: Manifest,
    packs: readonly PackRow[],
    { onNew = () => {}, isErased = () => false, isDoubtful = () => false }: LiveChunksOptions = {},
  ) {
    this.#manifest = manifest
    this.#onNew = onNew
    this.#isErased = isErased
    this.#isDoubtful = isDoubtful
    this.#finder = this.learn(packs)
  }

  /** Takes more packs in. */
  learn(packs: readonly PackRow[]): ChunkFinder {
    for (const pack of packs) this.#packs.set(pack.no, pack)
    const trusted = [...this.#packs.values()].filter(
      (pack) => pack.trusted && pack.state !== 'quarantined' && !this.#isDoubtful(pack),
    )
    this.#trusted = new Set(trusted.map(({ no }) => no))
    this.#finder = this.#manifest.chunkFinder(trusted)
    return this.#finder
  }

  /** Ids of chunks that are needed and lie nowhere, as latin-1 text. */
  get lost(): ReadonlySet<string> {
    return this.#lost
  }

  /** What is needed of this segment cannot stay a difference to its bases. */
  isInFull(pack: number, segment: number): boolean {
    return this.#inFull.has(segmentKey(pack, segment))
  }

  /** How many there are. */
  get inFull(): number {
    return this.#inFull.size
  }

  /** Whether there is such a segment in the pack. */
  hasInFull(pack: number): boolean {
    return this.#packsInFull.has(pack)
  }

  /** `undefined` where no chunk of the pack is needed. */
  of(pack: number): ChunkBits | undefined {
    return this.#bits.get(pack)
  }

  /** One trusted place; where there is none all others, of which any may be a lie or damaged. */
  need(id: Uint8Array): void {
    const place = this.#finder.find(id)
    if (place !== undefined) this.#take(place)
    else if (!this.#needAll(id, Number.POSITIVE_INFINITY)) this.#lost.add(Buffer.from(id).toString('latin1'))
  }

  /**
   * Every segment of the pack keeps its bases, needed or not: others may rely on any chunk that an index object names. Bases
   * that are nowhere are not lost by this.
   */
  pin(pack: number): void {
    if (this.#pinned.has(pack)) return
    this.#pinned.add(pack)
    for (const segment of this.#manifest.packs.deltasOf(pack)) this.#needBases(pack, segment, false)
  }

  /** Whether it has a delta segment that nothing needs, over bases that nothing needs. */
  hasIdleBases(pack: number): boolean {
    if (this.#manifest.packs.deltasOf(pack).length === 0) return false
    const bits = this.#bits.get(pack)
    let next = 0
    return this.#manifest.packs.tableOf(pack).some(({ depth, chunkLengths, bases }) => {
      const first = next
      next += chunkLengths.length
      const isNeeded = chunkLengths.some((_, index) => bits?.has(first + index) === true)
      return depth > 0 && !isNeeded && chunkIdsIn(bases).some((id) => !this.#isNeeded(id))
    })
  }

  #isNeeded(id: Uint8Array): boolean {
    return this.#manifest
      .reading(() => withOrdinals(this.#manifest, this.#placesOf(id)))
      .some(({ pack, ordinal }) => this.#bits.get(pack)?.has(ordinal) === true)
  }

  #placesOf(id: Uint8Array): ChunkLocation[] {
    return this.#manifest.chunks.locations(id).filter(({ pack }) => this.#packs.has(pack))
  }

  /** False where there is no such place. */
  #needAll(id: Uint8Array, depthBelow: number, isNeeded = true): boolean {
    const places = this.#manifest.reading(() =>
      withOrdinals(
        this.#manifest,
        this.#placesOf(id).filter(({ depth }) => depth < depthBelow),
      ),
    )
    for (const place of places) this.#take(place, isNeeded)
    return places.length > 0
  }

  #take(place: Pick<ChunkPlace, 'pack' | 'ordinal' | 'segment'>, isNeeded = true): void {
    let bits = this.#bits.get(place.pack)
    if (bits === undefined) {
      bits = new ChunkBits()
      this.#bits.set(place.pack, bits)
    }
    const isNew = bits.set(place.ordinal)
    if (isNew) this.#onNew(place.pack)
    const key = segmentKey(place.pack, place.segment)
    // What is lost below it counts from the time on that it is needed itself.
    if (!isNew && !(isNeeded && this.#idle.delete(key))) return
    if (this.#depthOf(place.pack, place.segment) === 0) return
    if (!isNeeded) this.#idle.add(key)
    this.#needBases(place.pack, place.segment, isNeeded)
  }

  /** The depth falls with each step, so this ends. `isNeeded`: so that a base that is nowhere is lost. */
  #needBases(pack: number, segment: number, isNeeded: boolean): void {
    const row = this.#manifest.packs.segmentOf(pack, segment)
    if (row === undefined) return
    if (chunkIdsIn(row.bases).some(this.#isErased)) {
      this.#inFull.add(segmentKey(pack, segment))
      this.#packsInFull.add(pack)
      return
    }
    for (const id of chunkIdsIn(row.bases)) {
      const place = this.#finder.find(id)
      if (place !== undefined && this.#depthOf(place.pack, place.segment) < row.depth)
        this.#take(place, isNeeded)
      else if (!this.#needAll(id, row.depth, isNeeded) && isNeeded)
        this.#lost.add(Buffer.from(id).toString('latin1'))
    }
  }

  #depthOf(pack: number, segment: number): number {
    const key = segmentKey(pack, segment)
    let depth = this.#depths.get(key)
    if (depth === undefined) {
      depth = this.#manifest.packs.segmentOf(pack, segment)?.depth ?? 0
      this.#depths.set(key, depth)
    }
    return depth
  }

  /**
   * Keeps one place of each needed chunk that has several: the one of least depth, then the one in the pack of which most is
   * needed, so that packs full of copies become free. To be called when everything needed is known.
   */
  keepOneOfEach(): void {
    this.#manifest.reading(() => this.#keepOneOfEach())
  }

  #keepOneOfEach(): void {
    const chunks = this.#manifest.chunks
      .duplicates(DUPLICATES_MAX)
      .map((places) => places.filter(({ pack }) => this.#trusted.has(pack)))
      .filter((places) => places.length > 1)
    const places = withOrdinals(this.#manifest, chunks.flat())
    const ends = chunks.map(() => 0)
    chunks.forEach(({ length }, index) => {
      ends[index] = (ends[index - 1] ?? 0) + length
    })
    const needed = ends
      .map((end, index) => places.slice(ends[index - 1] ?? 0, end))
      .filter((copies) => copies.some(({ pack, ordinal }) => this.#bits.get(pack)?.has(ordinal) === true))
    const shares = this.#shares(needed.flat())
    const share = (pack: number): number => shares.get(pack) ?? 0
    for (const copies of needed) {
      const [kept, ...others] = copies.sort(
        (a, b) => a.depth - b.depth || share(b.pack) - share(a.pack) || a.pack - b.pack,
      )
      for (const { pack, ordinal } of others) this.#bits.get(pack)?.clear(ordinal)
      if (kept !== undefined) this.#take(kept)
    }
  }

  /** The needed share of each pack, if all these chunks were kept there. */
  #shares(places: readonly { readonly pack: number; readonly ordinal: number }[]): Map<number, number> {
    const extra = new Map<number, number>()
    for (const { pack, ordinal } of places) {
      if (this.#bits.get(pack)?.has(ordinal) !== true) extra.set(pack, (extra.get(pack) ?? 0) + 1)
    }
    const packs = new Set(places.map(({ pack }) => pack))
    return new Map(
      [...packs].map((pack) => {
        const chunks = this.#manifest.packs
          .tableOf(pack)
          .reduce((sum, row) => sum + row.chunkLengths.length, 0)
        return [pack, ((this.#bits.get(pack)?.count ?? 0) + (extra.get(pack) ?? 0)) / Math.max(1, chunks)]
      }),
    )
  }
}

/** One number for a segment of a pack. */
export const segmentKey = (pack: number, segment: number): number => pack * (PACK_SEGMENTS_MAX + 1) + segment

/** The places, in their order, with which chunk of its pack each is. */
export function withOrdinals(
  { packs }: Pick<Manifest, 'packs'>,
  places: readonly ChunkLocation[],
): (ChunkLocation & { readonly ordinal: number })[] {
  const wanted = new Map<number, Set<string>>()
  for (const place of places) {
    const names = wanted.get(place.pack)
    if (names === undefined) wanted.set(place.pack, new Set([nameOf(place)]))
    else names.add(nameOf(place))
  }
  const ordinals = new Map([...wanted].map(([pack, names]) => [pack, ordinalsIn(packs.tableOf(pack), names)]))
  return places.map((place) => {
    const ordinal = ordinals.get(place.pack)?.get(nameOf(place))
    assert(ordinal !== undefined, 'the manifest lists a chunk where it says it lies')
    return { ...place, ordinal }
  })
}

const nameOf = ({ segment, offset }: Pick<ChunkLocation, 'segment' | 'offset'>): string =>
  `${segment}/${offset}`

function ordinalsIn(table: readonly SegmentRow[], names: ReadonlySet<string>): Map<string, number> {
  const ordinals = new Map<string, number>()
  let ordinal = 0
  for (const [segment, { chunkLengths }] of table.entries()) {
    let offset = 0
    for (const length of chunkLengths) {
      const name = nameOf({ segment, offset })
      if (names.has(name)) ordinals.set(name, ordinal)
      offset += length
      ordinal += 1
    }
  }
  return ordinals
}

/** One bit for each chunk of a pack, by its ordinal. */
export class ChunkBits {
  #bytes = new Uint8Array(64)
  #count = 0

  get count(): number {
    return this.#count
  }

  has(ordinal: number): boolean {
    return ((this.#bytes[ordinal >> 3] ?? 0) & (1 << (ordinal & 7))) !== 0
  }

  /** False where it was set. */
  set(ordinal: number): boolean {
    if (this.has(ordinal)) return false
    const at = ordinal >> 3
    if (at >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, at + 1))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (ordinal & 7))
    this.#count += 1
    return true
  }

  clear(ordinal: number): void {
    if (!this.has(ordinal)) return
    this.#bytes[ordinal >> 3] = (this.#bytes[ordinal >> 3] ?? 0) & ~(1 << (ordinal & 7))
    this.#count -= 1
  }
}

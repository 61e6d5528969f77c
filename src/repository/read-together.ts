/**
 * Reads chunks that are wanted together: each segment that holds some of them, or bases of theirs, is decoded once for all, where one
 * chunk after the other would decode the segments of a file that was edited for a year again and again.
 */
import { toHex } from '../base/bytes.ts'
import { addTo } from '../base/lists.ts'
import type { ChunkLocation } from '../manifest/chunks-table.ts'
import { hasCode } from '../model/errors.ts'
import { chunkIdsIn } from '../model/ids.ts'
import { DICTIONARY_BYTES_MAX, SEGMENT_CLOSURE_MAX } from '../model/limits.ts'

/** Bases that are in memory at once. */
const BASES_BYTES_MAX: number = 32 * 1024 * 1024

export type SegmentSource = {
  readonly locate: (id: Uint8Array) => ChunkLocation | undefined
  /** Ids of the bases of a segment, 32 bytes each. */
  readonly basesOf: (location: ChunkLocation) => Uint8Array
  /** Its plaintext, not to be changed. `dictionary`: of a delta segment. */
  readonly segment: (location: ChunkLocation, dictionary?: Uint8Array) => Promise<Uint8Array>
  readonly matches: (bytes: Uint8Array, id: Uint8Array) => boolean
}

/** By id in hex. */
export type ChunksById = Map<string, Uint8Array>

/**
 * Copies of the chunks, checked against their ids. Those that cannot be read so are left out: they may be whole in other places, which are
 * looked for one by one. The caller bounds how much is asked for.
 */
export async function readTogether(
  source: SegmentSource,
  ids: Iterable<Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const reading = new Reading(source)
  for (const id of ids) reading.want(id)
  return await reading.read()
}

type WantedChunk = { readonly id: Uint8Array; readonly name: string; readonly place: ChunkLocation }
/** By pack and segment. */
type WantedSegments = Map<string, WantedChunk[]>

class Reading {
  readonly #source: SegmentSource
  readonly #asked = new Set<string>()
  readonly #plain: WantedSegments = new Map()
  readonly #deltas: WantedSegments = new Map()
  readonly #found: ChunksById = new Map()
  /** A hostile repository cannot make one call cost more. */
  #segmentsLeft = SEGMENT_CLOSURE_MAX

  constructor(source: SegmentSource) {
    this.#source = source
  }

  want(id: Uint8Array): void {
    const chunk = this.#locate(id)
    if (chunk === undefined || this.#asked.has(chunk.name)) return
    this.#asked.add(chunk.name)
    add(chunk.place.depth === 0 ? this.#plain : this.#deltas, chunk)
  }

  #locate(id: Uint8Array): WantedChunk | undefined {
    const place = this.#source.locate(id)
    return place === undefined ? undefined : { id, name: toHex(id), place }
  }

  /** In batches whose bases have room. */
  async read(): Promise<ChunksById> {
    const deltas = [...this.#deltas.values()]
    let plain = this.#plain
    do {
      const bases: WantedSegments = new Map()
      const batch = this.#batch(deltas, bases)
      await this.#readDeltas(batch, await this.#readPlain(plain, bases))
      plain = new Map()
    } while (deltas.length > 0)
    return this.#found
  }

  /** Takes from `deltas` what there is room for, one at least; adds where the bases lie. */
  #batch(deltas: WantedChunk[][], bases: WantedSegments): Delta[] {
    const batch: Delta[] = []
    const known = new Set<string>()
    let bytes = 0
    for (let next = deltas.at(-1); next !== undefined && bytes < BASES_BYTES_MAX; next = deltas.at(-1)) {
      deltas.pop()
      const delta = this.#deltaOf(next)
      if (delta === undefined) continue
      batch.push(delta)
      for (const base of delta.bases) {
        if (known.has(base.name)) continue
        known.add(base.name)
        bytes += base.place.bytes
        add(bases, base)
      }
    }
    return batch
  }

  /** `undefined` where a base has no place, or one that has bases itself, or they are more than a dictionary may have. */
  #deltaOf(chunks: readonly WantedChunk[]): Delta | undefined {
    const [first] = chunks
    if (first === undefined) return undefined
    const bases: WantedChunk[] = []
    let bytes = 0
    for (const id of chunkIdsIn(this.#source.basesOf(first.place))) {
      const base = this.#locate(id)
      bytes += base?.place.bytes ?? 0
      if (base === undefined || base.place.depth > 0 || bytes > DICTIONARY_BYTES_MAX) return undefined
      bases.push(base)
    }
    return { place: first.place, chunks, bases }
  }

  /** The bases; what is wanted for itself is found. */
  async #readPlain(wanted: WantedSegments, bases: WantedSegments): Promise<ChunksById> {
    const kept: ChunksById = new Map()
    const both = new Map([...wanted, ...bases])
    const inOrder = [...both].sort(([, [a]], [, [b]]) => byPlace(a, b))
    for (const [name, [any]] of inOrder) {
      if (any === undefined) continue
      await this.#orLeaveOut(async () => {
        const plain = await this.#source.segment(any.place)
        this.#find(plain, wanted.get(name) ?? [])
        for (const base of bases.get(name) ?? []) kept.set(base.name, bytesAt(plain, base))
      })
    }
    return kept
  }

  async #readDeltas(deltas: readonly Delta[], kept: ChunksById): Promise<void> {
    for (const { place, chunks, bases } of deltas) {
      const parts = bases.flatMap(({ name }) => kept.get(name) ?? [])
      if (parts.length < bases.length) continue
      await this.#orLeaveOut(async () => {
        const plain = await this.#source.segment(place, Buffer.concat(parts))
        this.#find(plain, chunks)
      })
    }
  }

  /** Copied into one buffer: one for each chunk takes longer than all the rest, and views would keep whole segments in memory. */
  #find(plain: Uint8Array, chunks: readonly WantedChunk[]): void {
    const copies = new Uint8Array(chunks.reduce((sum, { place }) => sum + place.bytes, 0))
    let at = 0
    for (const { id, name, place } of chunks) {
      const bytes = plain.subarray(place.offset, place.offset + place.bytes)
      const copy = copies.subarray(at, at + bytes.length)
      copy.set(bytes)
      at += bytes.length
      if (copy.length === place.bytes && this.#source.matches(copy, id)) this.#found.set(name, copy)
    }
  }

  async #orLeaveOut(act: () => Promise<void>): Promise<void> {
    if (this.#segmentsLeft === 0) return
    this.#segmentsLeft -= 1
    try {
      await act()
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
    }
  }
}

type Delta = {
  readonly place: ChunkLocation
  readonly chunks: readonly WantedChunk[]
  readonly bases: readonly WantedChunk[]
}

const add = (segments: WantedSegments, chunk: WantedChunk): void =>
  addTo(segments, `${chunk.place.pack}/${chunk.place.segment}`, chunk)

const bytesAt = (plain: Uint8Array, { place: { offset, bytes } }: WantedChunk): Uint8Array =>
  plain.slice(offset, offset + bytes)

const byPlace = (a: WantedChunk | undefined, b: WantedChunk | undefined): number =>
  (a?.place.pack ?? 0) - (b?.place.pack ?? 0) || (a?.place.segment ?? 0) - (b?.place.segment ?? 0)

/**
 * Where chunks can still be read: the places that the manifest knows, less those in packs and segments that were found
 * damaged, and less delta segments whose bases are gone. It reads nothing itself.
 */
import { toHex } from '../../base/bytes.ts'
import type { ChunkFinder, ChunkPlace } from '../../manifest/chunk-finder.ts'
import type { ChunkLocation } from '../../manifest/chunks-table.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { CHUNK_ID_BYTES } from '../../model/ids.ts'
import { PACK_SEGMENTS_MAX } from '../../model/limits.ts'

/** Bases that are remembered. */
const BASES_MAX = 250_000

const NO_BASES = new Uint8Array(0)

export class Places {
  readonly #manifest: Manifest
  /** Numbers of the packs that the log names. */
  readonly #live: ReadonlySet<number>
  readonly #quarantined: ReadonlySet<number>
  readonly #badPacks = new Set<number>()
  readonly #badSegments = new Set<string>()
  /** For the very many chunks that trees name. */
  readonly #finder: ChunkFinder
  /** Of segments: numbers of pack and segment as one number. */
  readonly #depths = new Map<number, number>()
  /** Of delta segments. */
  readonly #decodable = new Map<string, boolean>()
  /** Bases that can be read from a segment without bases: each is one of many delta segments. */
  readonly #readableBases = new Set<string>()

  /** Numbers of packs; quarantined ones are places too, as far as they are whole. */
  constructor(manifest: Manifest, live: Iterable<number>, quarantined: Iterable<number> = []) {
    this.#manifest = manifest
    this.#quarantined = new Set(quarantined)
    this.#live = new Set([...live, ...this.#quarantined])
    this.#finder = manifest.chunkFinder()
  }

  /** Nothing in the pack can be read. */
  losesPack(pack: number): void {
    this.#badPacks.add(pack)
    this.#decodable.clear()
    this.#readableBases.clear()
  }

  losesSegment(pack: number, segment: number): void {
    this.#badSegments.add(nameOf(pack, segment))
    this.#decodable.clear()
    this.#readableBases.clear()
  }

  /** Packs and segments that were lost so far: it grows with each. */
  get losses(): number {
    return this.#badPacks.size + this.#badSegments.size
  }

  isLostPack(pack: number): boolean {
    return this.#badPacks.has(pack)
  }

  isQuarantined(pack: number): boolean {
    return this.#quarantined.has(pack)
  }

  /** Every place in a live or quarantined pack, readable or not, best first. */
  known(id: Uint8Array): ChunkLocation[] {
    return this.#manifest.chunks.locations(id).filter(({ pack }) => this.#live.has(pack))
  }

  /** A base of a delta segment that lies nowhere, or nowhere with less depth: the segment cannot be decoded, whatever is mended. */
  missingBase(pack: number, segment: number): Uint8Array | undefined {
    const { bases, depth } = this.#manifest.packs.segmentOf(pack, segment) ?? { bases: NO_BASES, depth: 0 }
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const base = bases.subarray(at, at + CHUNK_ID_BYTES)
      if (this.#isReadableBase(base)) continue
      const place = this.#finder.find(base)
      const isPlaced =
        place !== undefined && this.#live.has(place.pack) && this.#depthOf(place.pack, place.segment) < depth
      if (!isPlaced && !this.known(base).some((other) => other.depth < depth)) return base
    }
    return undefined
  }

  /** A place from which the chunk can be read; `undefined` where there is none (any more). */
  readable(id: Uint8Array, depthBelow: number = Number.POSITIVE_INFINITY): ChunkLocation | undefined {
    return this.known(id).find(
      ({ pack, segment, depth }) => depth < depthBelow && this.#isReadable(pack, segment, depth),
    )
  }

  /** Plaintext bytes of a chunk that can be read; `undefined` where it cannot (any more). */
  readableBytes(id: Uint8Array): number | undefined {
    return this.#found(id, Number.POSITIVE_INFINITY)?.bytes ?? this.readable(id)?.bytes
  }

  /** One place of which it is soon known that the chunk can be read there; there may be others where this is `undefined`. */
  #found(id: Uint8Array, depthBelow: number): ChunkPlace | undefined {
    const place = this.#finder.find(id)
    if (place === undefined || !this.#live.has(place.pack)) return undefined
    const depth = this.#depthOf(place.pack, place.segment)
    return depth < depthBelow && this.#isReadable(place.pack, place.segment, depth) ? place : undefined
  }

  /** False where it is not known. */
  #isReadableBase(id: Uint8Array): boolean {
    const name = toHex(id)
    if (this.#readableBases.has(name)) return true
    if (this.#found(id, 1) === undefined) return false
    if (this.#readableBases.size < BASES_MAX) this.#readableBases.add(name)
    return true
  }

  #depthOf(pack: number, segment: number): number {
    const number = pack * (PACK_SEGMENTS_MAX + 1) + segment
    let depth = this.#depths.get(number)
    if (depth === undefined) {
      depth = this.#manifest.packs.segmentOf(pack, segment)?.depth ?? Number.POSITIVE_INFINITY
      this.#depths.set(number, depth)
    }
    return depth
  }

  #isReadable(pack: number, segment: number, depth: number): boolean {
    if (this.#badPacks.has(pack)) return false
    if (depth === 0 && this.#badSegments.size === 0) return true
    const name = nameOf(pack, segment)
    if (this.#badSegments.has(name)) return false
    if (depth === 0) return true
    const decided = this.#decodable.get(name)
    if (decided !== undefined) return decided
    const bases = this.#manifest.packs.segmentOf(pack, segment)?.bases ?? NO_BASES
    const decodable = this.#haveBases(bases, depth)
    this.#decodable.set(name, decodable)
    return decodable
  }

  /** The depth falls with each step, so this ends. */
  #haveBases(bases: Uint8Array, depth: number): boolean {
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const base = bases.subarray(at, at + CHUNK_ID_BYTES)
      if (this.#isReadableBase(base)) continue
      if ((this.#found(base, depth) ?? this.readable(base, depth)) === undefined) return false
    }
    return true
  }
}

const nameOf = (pack: number, segment: number): string => `${pack}/${segment}`

/**
 * Who needs which chunk: one number for each chunk of each pack. A chunk in a delta segment is needed with the segment's
 * bases. It does not know what its owners stand for.
 */
import type { Manifest } from '../../manifest/manifest.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { CHUNK_ID_BYTES } from '../../model/ids.ts'
import { segmentKey } from '../prune/live-chunks.ts'
import { ChunkPlaces, type Place } from './chunk-places.ts'
import { EVERYBODY, type Owner, type Owners } from './owners.ts'

/** Stands for nobody; owners are one more than their numbers. */
const NOBODY = 0
const NO_IDS = new Uint8Array(0)
const NO_PLACES: readonly Place[] = []

export type HeldChunks = {
  /** Chunks that each owner needs together with those below it, and nobody else. */
  readonly chunks: Float64Array
  /** Their stored bytes: of a segment in proportion to its plaintext. */
  readonly bytes: Float64Array
  /** Needed by owners that have nothing but `EVERYBODY` above both. */
  readonly shared: number
  /** Stored bytes of the packs that nobody needs: what is in them, padding and headers. */
  readonly unusedBytes: number
}

export type ChunkOwnersOptions = {
  /** Whoever needs a chunk needs its segment's bases too. */
  readonly withBases: boolean
}

export class ChunkOwners {
  readonly packs: readonly PackRow[]
  readonly #manifest: Manifest
  readonly #owners: Owners
  readonly #places: ChunkPlaces
  readonly #withBases: boolean
  readonly #numbers = new Map<number, Int32Array>()
  /** Of segments that were asked for: asking the manifest for each chunk anew took half of the time. */
  readonly #bases = new Map<number, readonly Place[]>()
  /** Needed, and in none of the packs. */
  lost = 0

  constructor(
    manifest: Manifest,
    packs: readonly PackRow[],
    owners: Owners,
    { withBases }: ChunkOwnersOptions,
  ) {
    this.packs = packs
    this.#manifest = manifest
    this.#owners = owners
    this.#places = new ChunkPlaces(manifest, packs)
    this.#withBases = withBases
  }

  /** This owner needs the chunk. */
  need(id: Uint8Array, owner: Owner): void {
    const place = this.#places.find(id)
    if (place === undefined) {
      this.lost += 1
      return
    }
    if (!this.#take(place, owner) || !this.#withBases) return
    const waiting = [place]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (const base of this.#basesOf(next)) if (this.#take(base, owner)) waiting.push(base)
    }
  }

  /** Whose the chunk is by now; `undefined` for nobody's and for one that lies nowhere. */
  ownerOf(id: Uint8Array): Owner | undefined {
    const place = this.#places.find(id)
    const number = place === undefined ? NOBODY : (this.#numbers.get(place.pack)?.[place.ordinal] ?? NOBODY)
    return number === NOBODY ? undefined : number - 1
  }

  /** False where that changed nothing. */
  #take({ pack, ordinal }: Place, owner: Owner): boolean {
    const numbers = this.#numbersOf(pack, ordinal)
    const before = numbers[ordinal] ?? NOBODY
    const after = 1 + (before === NOBODY ? owner : this.#owners.join(before - 1, owner))
    if (after === before) return false
    numbers[ordinal] = after
    return true
  }

  #numbersOf(pack: number, ordinal: number): Int32Array {
    const known = this.#numbers.get(pack)
    if (known !== undefined && ordinal < known.length) return known
    const larger = new Int32Array(Math.max(256, (known?.length ?? 0) * 2, ordinal + 1))
    if (known !== undefined) larger.set(known)
    this.#numbers.set(pack, larger)
    return larger
  }

  #basesOf({ pack, segment }: Place): readonly Place[] {
    const key = segmentKey(pack, segment)
    const known = this.#bases.get(key)
    if (known !== undefined) return known
    const ids = this.#manifest.packs.segmentOf(pack, segment)?.bases ?? NO_IDS
    const places = ids.length === 0 ? NO_PLACES : this.#placesOf(ids)
    this.#bases.set(key, places)
    return places
  }

  #placesOf(ids: Uint8Array): Place[] {
    const places: Place[] = []
    for (let at = 0; at < ids.length; at += CHUNK_ID_BYTES) {
      const place = this.#places.find(ids.slice(at, at + CHUNK_ID_BYTES))
      if (place !== undefined) places.push(place)
    }
    return places
  }

  /** The ids of all chunks that are this owner's alone, pack by pack: 32 bytes each, the caller's own. */
  *idsOf(owner: Owner): Generator<{ readonly pack: PackRow; readonly ids: Uint8Array }> {
    for (const row of this.packs) {
      const numbers = this.#numbers.get(row.no)
      if (numbers === undefined || !numbers.includes(owner + 1)) continue
      const ids: Uint8Array[] = []
      let ordinal = 0
      for (const { chunkIds, chunkLengths } of this.#manifest.packs.tableOf(row.no)) {
        for (let index = 0; index < chunkLengths.length; index++, ordinal++) {
          if (numbers[ordinal] !== owner + 1) continue
          ids.push(chunkIds.subarray(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES))
        }
      }
      yield { pack: row, ids: Buffer.concat(ids) }
    }
  }

  /** To be called when all that is needed is known. */
  held(): HeldChunks {
    const chunks = new Float64Array(this.#owners.count)
    const bytes = new Float64Array(this.#owners.count)
    let unusedBytes = 0
    for (const row of this.packs) {
      let used = 0
      const numbers = this.#numbers.get(row.no) ?? new Int32Array(0)
      let ordinal = 0
      for (const { plain, sealed, chunkLengths } of this.#manifest.packs.tableOf(row.no)) {
        const plainOf = new Map<number, number>()
        for (const length of chunkLengths) {
          const number = numbers[ordinal++] ?? NOBODY
          if (number === NOBODY) continue
          plainOf.set(number, (plainOf.get(number) ?? 0) + length)
          chunks[number - 1] = (chunks[number - 1] ?? 0) + 1
        }
        for (const [number, length] of plainOf) {
          const share = Math.round((sealed * length) / plain)
          bytes[number - 1] = (bytes[number - 1] ?? 0) + share
          used += share
        }
      }
      unusedBytes += row.bytes - used
    }
    const shared = chunks[EVERYBODY] ?? 0
    this.#owners.gather(chunks)
    this.#owners.gather(bytes)
    return { chunks, bytes, shared, unusedBytes }
  }
}

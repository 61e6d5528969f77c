/** Reads the bases of a delta segment: makes the request, and the dictionary from what is answered. */
import { addTo } from '../base/lists.ts'
import type { Zstd } from '../codec/zstd.ts'
import type { ChunkHasher } from '../crypto/blake3.ts'
import { hasCode } from '../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../model/ids.ts'
import { DICTIONARY_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_SEALED_BYTES_MAX } from '../model/limits.ts'
import { openPackSegment } from '../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'
import type { BaseAnswer, BaseRequest, SealedPack } from './bases.ts'
import { joinBases, type SharedBases } from './shared-bases.ts'

/** A segment that holds bases; one object for each, by which bases of one segment are known. */
export type SegmentOfBases = {
  readonly number: number
  /** Where it begins in the pack; its bytes there, and those of its plaintext. */
  readonly offset: number
  readonly sealed: number
  readonly plain: number
}

/** Where a base lies: in a segment that has no bases itself. */
export type BasePlace = {
  readonly id: Uint8Array
  readonly packId: PackId
  readonly segment: SegmentOfBases
  /** Bytes in the segment's plaintext. */
  readonly offset: number
  readonly bytes: number
}

type PackOfBases = { readonly id: PackId; readonly segments: readonly SegmentOfBases[] }

/** What is asked for the bases of a segment, in the order of its dictionary, and in which order the answer has it. */
export type BaseReading = {
  readonly request: BaseRequest
  readonly packs: readonly PackOfBases[]
  readonly bases: readonly BasePlace[]
}

/** The bases of a delta segment as they travel to the thread that decodes it: joined, there already, or as they are stored. */
export type Dictionary =
  | Uint8Array
  | SharedBases
  | { readonly reading: BaseReading; readonly answer: BaseAnswer }

/** The buffers of a dictionary that its owner gives away, each once. */
export function transferOf(dictionary: Dictionary): ArrayBuffer[] {
  if (dictionary instanceof Uint8Array || 'slots' in dictionary) return []
  const sealed = dictionary.answer.packs.flatMap((pack) => pack?.sealed ?? [])
  return [...new Set(sealed.map(({ buffer }) => buffer as ArrayBuffer))]
}

export function readingOf(bases: readonly BasePlace[]): BaseReading {
  const byPack = new Map<PackId, Set<SegmentOfBases>>()
  for (const { packId, segment } of bases) {
    const segments = byPack.get(packId)
    if (segments === undefined) byPack.set(packId, new Set([segment]))
    else segments.add(segment)
  }
  const packs = [...byPack].map(([id, segments]) => ({
    id,
    segments: [...segments].sort((a, b) => a.number - b.number),
  }))
  const request: BaseRequest = {
    packs: packs.map(({ id, segments }) => ({
      id,
      segments: segments.map(({ offset, sealed }) => ({ offset, bytes: sealed })),
    })),
  }
  return { request, packs, bases }
}

/** Decoded segments that are kept: where a file was edited all over, two delta segments in a row share one. */
const KEPT_SEGMENTS_MAX = 4

type KeptSegment = {
  readonly pack: PackId
  readonly number: number
  readonly plain: Uint8Array
  readonly room: Uint8Array
}

export class DictionaryReader {
  readonly #zstd: Zstd
  readonly #opened = new Uint8Array(SEGMENT_SEALED_BYTES_MAX)
  /** The one used last at the end. */
  readonly #kept: KeptSegment[] = []
  readonly #joined = new Uint8Array(DICTIONARY_BYTES_MAX)

  constructor(zstd: Zstd) {
    this.#zstd = zstd
  }

  /** The bases joined, valid until the next call; `undefined` where one of them could not be read. Whether they are what their ids say is not checked. */
  read(dictionary: Dictionary): Uint8Array | undefined {
    if (dictionary instanceof Uint8Array) return dictionary
    if ('slots' in dictionary) return joinBases(dictionary, this.#joined)
    const { reading, answer } = dictionary
    const { packs, bases } = reading
    const places = placesOf(bases)
    if (places === undefined) return undefined
    for (const [index, pack] of packs.entries()) {
      const sealed = answer.packs[index]
      if (sealed === undefined) return undefined
      for (const [number, segment] of pack.segments.entries()) {
        const plain = this.#decode(pack.id, segment, sealed, sealed.sealed[number])
        if (plain === undefined) return undefined
        for (const { base, at } of places.bySegment.get(segment) ?? [])
          this.#joined.set(plain.subarray(base.offset, base.offset + base.bytes), at)
      }
    }
    return this.#joined.subarray(0, places.bytes)
  }

  /** Valid until the next call. */
  #decode(
    id: PackId,
    segment: SegmentOfBases,
    { header, packKey }: SealedPack,
    sealed: Uint8Array | undefined,
  ): Uint8Array | undefined {
    const { number } = segment
    const at = this.#kept.findIndex((kept) => kept.pack === id && kept.number === number)
    const [known] = at === -1 ? [] : this.#kept.splice(at, 1)
    if (known !== undefined) {
      this.#kept.push(known)
      return known.plain.length === segment.plain ? known.plain : undefined
    }
    if (sealed === undefined) return undefined
    const oldest = this.#kept.length < KEPT_SEGMENTS_MAX ? undefined : this.#kept.shift()
    const room = oldest?.room ?? new Uint8Array(SEGMENT_BYTES_MAX)
    try {
      const opened = openPackSegment(id, header, { packKey }, number, sealed, this.#opened)
      const read = readSegmentHeader(opened)
      if (read.depth > 0 || read.plain !== segment.plain) return undefined
      const plain = decodeSegment(this.#zstd, opened, read, room)
      // What is stored as it is lies in the buffer that the next one is opened into.
      if (plain.buffer !== room.buffer) room.set(plain)
      this.#kept.push({ pack: id, number, plain: room.subarray(0, read.plain), room })
      return plain
    } catch (error) {
      if (hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) return undefined
      throw error
    }
  }
}

type PlaceInDictionary = { readonly base: BasePlace; readonly at: number }

/** Where each base goes; `undefined` where they are more than a dictionary may have. */
function placesOf(bases: readonly BasePlace[]) {
  const bySegment = new Map<SegmentOfBases, PlaceInDictionary[]>()
  let bytes = 0
  for (const base of bases) {
    const place = { base, at: bytes }
    bytes += base.bytes
    if (bytes > DICTIONARY_BYTES_MAX || base.offset + base.bytes > base.segment.plain) return undefined
    addTo(bySegment, base.segment, place)
  }
  return { bySegment, bytes }
}

/** Whether the dictionary is these bases: each part hashes to its id. */
export function isDictionaryOf(
  bases: readonly BasePlace[],
  dictionary: Uint8Array,
  hasher: ChunkHasher,
): boolean {
  const computed = new Uint8Array(CHUNK_ID_BYTES)
  let at = 0
  for (const { id, bytes } of bases) {
    hasher.hashInto(dictionary.subarray(at, at + bytes), computed, 0)
    if (Buffer.compare(computed, id) !== 0) return false
    at += bytes
  }
  return at === dictionary.length
}

/** Reads what threads need to make and to decode delta segments. It decodes only what is not easily read elsewhere. */
import { toHex } from '../base/bytes.ts'
import type { ChunkLocation } from '../manifest/chunks-table.ts'
import { SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { packKey } from '../object/object-keys.ts'
import { type BasePlace, type Dictionary, readingOf, type SegmentOfBases } from '../workers/base-reading.ts'
import type { BaseAnswer, BaseRequest, SealedPack } from '../workers/bases.ts'
import { neighbours } from './neighbours.ts'
import type { Repository } from './repository.ts'

/** What cannot be read, whatever the repository's reason, is left out: its chunks are stored in full then. */
export async function readBases(repository: Repository, request: BaseRequest): Promise<BaseAnswer> {
  const packs: (SealedPack | undefined)[] = []
  for (const pack of request.packs) packs.push(await orNothing(() => readPack(repository, pack)))
  return { packs }
}

/** Stored bytes of bases that go to a thread for one segment; what takes more is joined here, bit by bit. */
const SEALED_BYTES_MAX: number = 8 * 1024 * 1024

/**
 * The bases of a delta segment, as they are stored; joined where they lie in delta segments themselves, or are not easily read. Throws
 * what the repository threw where they cannot be had.
 */
export async function readDictionary(
  repository: Repository,
  pack: number,
  number: number,
): Promise<Dictionary> {
  const bases = placesOfBases(repository, pack, number)
  if (bases !== undefined) {
    const reading = readingOf(bases)
    const answer = await readBases(repository, reading.request)
    if (answer.packs.every((sealed) => sealed !== undefined)) return { reading, answer }
  }
  return await repository.chunks.dictionaryOf(pack, number)
}

export type LocatedBase = ChunkLocation & { readonly id: Uint8Array; readonly name: string }

/**
 * Where the bases of a delta segment lie, in its order; `undefined` where one has no place that may be relied on, or only one with bases.
 * `known`, by name: those that were located before, to which these are added.
 */
export function locateBases(
  { manifest }: Repository,
  pack: number,
  number: number,
  known: Map<string, LocatedBase> = new Map(),
): LocatedBase[] | undefined {
  const row = manifest.packs.segmentOf(pack, number)
  if (row === undefined) return undefined
  const places: LocatedBase[] = []
  for (let at = 0; at < row.bases.length; at += CHUNK_ID_BYTES) {
    const id = row.bases.subarray(at, at + CHUNK_ID_BYTES)
    const name = toHex(id)
    let base = known.get(name)
    if (base === undefined) {
      const place = manifest.chunks.locate(id)
      if (place === undefined || place.depth > 0) return undefined
      base = { ...place, id, name }
      known.set(name, base)
    }
    places.push(base)
  }
  return places
}

/** `undefined` also where they take too much together. */
function placesOfBases(repository: Repository, pack: number, number: number): BasePlace[] | undefined {
  const segments = new Map<string, SegmentOfBases>()
  const places: BasePlace[] = []
  let sealed = 0
  const located = locateBases(repository, pack, number)
  if (located === undefined) return undefined
  for (const place of located) {
    const name = `${place.pack}/${place.segment}`
    let segment = segments.get(name)
    if (segment === undefined) {
      const found = repository.manifest.packs.segmentOf(place.pack, place.segment)
      if (found === undefined) return undefined
      segment = {
        number: place.segment,
        offset: found.offset,
        sealed: found.sealed,
        plain: found.plain,
      }
      segments.set(name, segment)
      sealed += found.sealed
      if (sealed > SEALED_BYTES_MAX) return undefined
    }
    const { id, packId, offset, bytes } = place
    places.push({ id, packId, segment, offset, bytes })
  }
  return places
}

async function readPack(
  repository: Repository,
  { id, segments }: BaseRequest['packs'][number],
): Promise<SealedPack> {
  const { header, packKey: key } = await (await repository.keyring()).of(id)
  const sealed: Uint8Array[] = []
  for (const { parts, range } of neighbours(segments, (place) => place)) {
    const bytes = await repository.storage.read(packKey(id), range)
    for (const place of parts) {
      const from = place.offset - range.offset
      sealed.push(bytes.subarray(from, from + place.bytes))
    }
  }
  return { header, packKey: key, sealed }
}

async function orNothing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof SnapError) return undefined
    throw error
  }
}

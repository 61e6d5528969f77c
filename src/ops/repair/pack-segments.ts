/**
 * The segments of one pack whose chunks nobody has listed: decoded one after the other, those without bases first, since what others
 * have as bases may lie in the same pack.
 */
import { toHex } from '../../base/bytes.ts'
import type { Zstd } from '../../codec/zstd.ts'
import type { ChunkHasher } from '../../crypto/blake3.ts'
import { SnapError } from '../../model/errors.ts'
import { CHUNK_ID_BYTES, chunkIdsIn, type PackId } from '../../model/ids.ts'
import { DICTIONARY_BYTES_MAX, PACK_HEADER_BYTES } from '../../model/limits.ts'
import type { SegmentRow } from '../../model/pack-table.ts'
import type { PackKeys } from '../../pack/pack-header.ts'
import { openPackSegment } from '../../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../../pack/segment.ts'
import type { Repository } from '../../repository/repository.ts'
import { isDamage } from '../verify/report.ts'

/** Plaintext of decoded segments that is kept: all of nearly every pack. */
const PLAIN_BYTES_MAX: number = 128 * 1024 * 1024
/** How often each segment may be decoded, on average: a hostile repository cannot make a pack take longer. */
const DECODED_MAX = 64

/** What the footer says of a segment. */
export type FooterRow = Omit<SegmentRow, 'chunkIds'>

export type PackSegmentsParts = {
  readonly repository: Repository
  readonly zstd: Zstd
  readonly hasher: ChunkHasher
  readonly id: PackId
  /** The whole object. */
  readonly bytes: Uint8Array
  readonly keys: Pick<PackKeys, 'packKey'>
  readonly rows: readonly FooterRow[]
}

type OwnPlace = { readonly segment: number; readonly offset: number; readonly bytes: number }

export class PackSegments {
  readonly #parts: PackSegmentsParts
  /** Where each segment begins in the pack. */
  readonly #offsets: readonly number[]
  /** Chunks that were found so far, by id. */
  readonly #places = new Map<string, OwnPlace>()
  readonly #plain = new Map<number, Uint8Array>()
  #plainBytes = 0
  #decodesLeft: number

  constructor(parts: PackSegmentsParts) {
    this.#parts = parts
    this.#decodesLeft = parts.rows.length * DECODED_MAX
    let at = PACK_HEADER_BYTES
    this.#offsets = parts.rows.map(({ sealed }) => {
      at += sealed
      return at - sealed
    })
  }

  /** Numbers of all, in the order in which they are to be asked for. */
  order(): number[] {
    const { rows } = this.#parts
    return rows.map((_, number) => number).sort((a, b) => this.#depthOf(a) - this.#depthOf(b) || a - b)
  }

  #depthOf(number: number): number {
    return this.#parts.rows[number]?.depth ?? 0
  }

  /** The ids of its chunks. Throws `LacksBases`, or an error for which `isDamage` holds. */
  async chunkIds(number: number): Promise<Uint8Array> {
    const { rows, hasher } = this.#parts
    const chunkLengths = rows[number]?.chunkLengths ?? new Uint32Array(0)
    const plain = await this.#plainOf(number)
    const ids = new Uint8Array(chunkLengths.length * CHUNK_ID_BYTES)
    let offset = 0
    for (const [index, bytes] of chunkLengths.entries()) {
      hasher.hashInto(plain.subarray(offset, offset + bytes), ids, index * CHUNK_ID_BYTES)
      const name = toHex(ids.subarray(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES))
      if (!this.#places.has(name)) this.#places.set(name, { segment: number, offset, bytes })
      offset += bytes
    }
    return ids
  }

  async #plainOf(number: number): Promise<Uint8Array> {
    const known = this.#plain.get(number)
    if (known !== undefined) {
      this.#plain.delete(number)
      this.#plain.set(number, known)
      return known
    }
    const plain = await this.#decode(number)
    this.#plain.set(number, plain)
    this.#plainBytes += plain.length
    for (const [oldest, bytes] of this.#plain) {
      if (this.#plainBytes <= PLAIN_BYTES_MAX || oldest === number) break
      this.#plain.delete(oldest)
      this.#plainBytes -= bytes.length
    }
    return plain
  }

  async #decode(number: number): Promise<Uint8Array> {
    const { id, bytes, keys, rows, zstd } = this.#parts
    this.#decodesLeft -= 1
    if (this.#decodesLeft < 0) throw new SnapError('LIMIT_EXCEEDED', 'its bases are too many')
    const row = rows[number] as FooterRow
    const offset = this.#offsets[number] ?? 0
    const sealed = bytes.subarray(offset, offset + row.sealed)
    const segment = openPackSegment(id, bytes, keys, number, sealed)
    const header = readSegmentHeader(segment)
    const agrees =
      header.depth === row.depth &&
      header.plain === row.plain &&
      Buffer.compare(header.bases, row.bases) === 0
    if (!agrees) throw new SnapError('OBJECT_DAMAGED', 'it differs from the footer')
    const dictionary = row.depth === 0 ? undefined : await this.#dictionary(row)
    return decodeSegment(zstd, segment, header, new Uint8Array(header.plain), dictionary)
  }

  /** The joined bases of a delta segment, each of which must have a place that is less deep: the depth falls with each step. */
  async #dictionary({ depth, bases }: FooterRow): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let bytes = 0
    for (const id of chunkIdsIn(bases)) {
      const part = (await this.#own(id, depth)) ?? (await this.#other(id, depth))
      bytes += part.length
      if (bytes > DICTIONARY_BYTES_MAX) {
        throw new SnapError('LIMIT_EXCEEDED', `a dictionary above ${DICTIONARY_BYTES_MAX} bytes`)
      }
      parts.push(part)
    }
    return Buffer.concat(parts)
  }

  async #own(id: Uint8Array, depthBelow: number): Promise<Uint8Array | undefined> {
    const place = this.#places.get(toHex(id))
    if (place === undefined || this.#depthOf(place.segment) >= depthBelow) return undefined
    const plain = await this.#plainOf(place.segment)
    return plain.subarray(place.offset, place.offset + place.bytes)
  }

  async #other(id: Uint8Array, depthBelow: number): Promise<Uint8Array> {
    const { chunks, manifest } = this.#parts.repository
    if (!manifest.chunks.locations(id).some((place) => place.depth < depthBelow)) throw new LacksBases()
    return await chunks.chunk(id).catch((error: unknown) => {
      throw isDamage(error) ? new LacksBases() : error
    })
  }
}

/** The pack of a base may be read later. */
export class LacksBases extends Error {
  constructor() {
    super('its bases cannot be read')
  }
}

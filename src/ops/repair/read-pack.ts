/**
 * What a pack holds, from the pack alone: its footer says how it is divided, and every chunk is decoded and hashed anew, so
 * that nothing has to be believed. It reads one pack and writes nothing.
 */
import type { Zstd } from '../../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher } from '../../crypto/blake3.ts'
import { SnapError } from '../../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../../model/ids.ts'
import {
  DICTIONARY_BYTES_MAX,
  PACK_BYTES_MAX,
  PACK_HEADER_BYTES,
  PACK_TRAILER_BYTES,
} from '../../model/limits.ts'
import type { PackTable, SegmentRow } from '../../model/pack-table.ts'
import { packKey } from '../../object/object-keys.ts'
import { openPackKeys, readPackHead } from '../../pack/pack-header.ts'
import { openPackSegment, readPackFooter, readPackTrailer } from '../../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../../pack/segment.ts'
import type { Repository } from '../../repository/repository.ts'
import { isDamage } from '../verify/report.ts'

export type PackContents = {
  /** The ids of chunks in damaged segments are zeros, which no chunk has. */
  readonly table: PackTable
  readonly damaged: readonly { readonly segment: number; readonly reason: string }[]
  /** Damaged segments are those alone whose bases cannot be read by now. */
  readonly lacksBases: boolean
}

export class PackContentsReader {
  readonly #repository: Repository
  readonly #zstd: Zstd
  readonly #hasher: ChunkHasher

  constructor(repository: Repository) {
    this.#repository = repository
    this.#zstd = repository.zstd()
    this.#hasher = createChunkHasher(repository.keys.idKey)
  }

  /** An error for which `isDamage` holds where its header, footer or trailer is damaged: then nothing can be told. */
  async read(id: PackId, stored: number): Promise<PackContents> {
    const { storage, keys, id: repositoryId } = this.#repository
    const { contentSecret } = keys
    if (contentSecret === undefined) throw new SnapError('KEY_WRONG', 'this key cannot read content')
    if (stored > PACK_BYTES_MAX || stored < PACK_HEADER_BYTES + PACK_TRAILER_BYTES) {
      throw new SnapError('LIMIT_EXCEEDED', `pack ${id} has ${stored} bytes, which no pack has`)
    }
    const bytes = await storage.read(packKey(id))
    const secrets = { ...keys, contentSecret }
    const opened = openPackKeys(bytes, repositoryId, id, secrets, await this.#repository.box())
    const { kind } = readPackHead(bytes, repositoryId, id)
    const last = bytes.subarray(bytes.length - PACK_TRAILER_BYTES)
    const trailer = readPackTrailer(id, bytes, opened, last, bytes.length)
    const footer = bytes.subarray(trailer.footerAt, trailer.footerAt + trailer.footerBytes)
    const rows = readPackFooter(id, bytes, opened, trailer, footer)
    const segments: SegmentRow[] = []
    const damaged: { segment: number; reason: string }[] = []
    let lacksBases = true
    let at = PACK_HEADER_BYTES
    for (const [segment, row] of rows.entries()) {
      const chunkIds = new Uint8Array(row.chunkLengths.length * CHUNK_ID_BYTES)
      const sealed = bytes.subarray(at, at + row.sealed)
      at += row.sealed
      segments.push({ ...row, chunkIds })
      try {
        this.#identify(
          openPackSegment(id, bytes, opened, segment, sealed),
          row,
          await this.#dictionary(row),
          chunkIds,
        )
      } catch (error) {
        if (!(error instanceof LacksBases) && !isDamage(error)) throw error
        if (!(error instanceof LacksBases)) lacksBases = false
        damaged.push({ segment, reason: `pack ${id}: segment ${segment}: ${error.message}` })
      }
    }
    return {
      table: { id, kind, bytes: bytes.length, segments },
      damaged,
      lacksBases: damaged.length > 0 && lacksBases,
    }
  }

  #identify(
    segment: Uint8Array,
    row: SegmentRow,
    dictionary: Uint8Array | undefined,
    chunkIds: Uint8Array,
  ): void {
    const header = readSegmentHeader(segment)
    const agrees =
      header.depth === row.depth &&
      header.plain === row.plain &&
      Buffer.compare(header.bases, row.bases) === 0
    if (!agrees) throw new SnapError('OBJECT_DAMAGED', 'it differs from the footer')
    const plain = decodeSegment(this.#zstd, segment, header, new Uint8Array(header.plain), dictionary)
    let at = 0
    row.chunkLengths.forEach((length, index) => {
      this.#hasher.hashInto(plain.subarray(at, at + length), chunkIds, index * CHUNK_ID_BYTES)
      at += length
    })
  }

  /** The joined bases of a delta segment, each of which must have a place that is less deep. */
  async #dictionary({ depth, bases }: SegmentRow): Promise<Uint8Array | undefined> {
    if (depth === 0) return undefined
    const { chunks, manifest } = this.#repository
    const parts: Uint8Array[] = []
    let bytes = 0
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const base = bases.subarray(at, at + CHUNK_ID_BYTES)
      if (!manifest.chunks.locations(base).some((place) => place.depth < depth)) throw new LacksBases()
      const part = await chunks.chunk(base).catch((error: unknown) => {
        throw isDamage(error) ? new LacksBases() : error
      })
      bytes += part.length
      if (bytes > DICTIONARY_BYTES_MAX) {
        throw new SnapError('LIMIT_EXCEEDED', `a dictionary above ${DICTIONARY_BYTES_MAX} bytes`)
      }
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
}

/** Internal: the pack of a base may be read later. */
class LacksBases extends Error {
  constructor() {
    super('its bases cannot be read')
  }
}

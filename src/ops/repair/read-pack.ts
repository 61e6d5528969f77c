/**
 * What a pack holds, from the pack alone: its footer says how it is divided, and every chunk is decoded and hashed anew, so
 * that nothing has to be believed. It reads one pack and writes nothing.
 */
import type { Zstd } from '../../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher } from '../../crypto/blake3.ts'
import { SnapError } from '../../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../../model/ids.ts'
import { PACK_BYTES_MAX, PACK_HEADER_BYTES, PACK_TRAILER_BYTES } from '../../model/limits.ts'
import type { PackTable } from '../../model/pack-table.ts'
import { packKey } from '../../object/object-keys.ts'
import { openPackKeys, readPackHead } from '../../pack/pack-header.ts'
import { readPackFooter, readPackTrailer } from '../../pack/pack-reader.ts'
import type { Repository } from '../../repository/repository.ts'
import { isDamage } from '../verify/report.ts'
import { LacksBases, PackSegments } from './pack-segments.ts'

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
    const parts = { repository: this.#repository, zstd: this.#zstd, hasher: this.#hasher }
    const pack = new PackSegments({ ...parts, id, bytes, keys: opened, rows })
    const segments = rows.map((row) => ({
      ...row,
      chunkIds: new Uint8Array(row.chunkLengths.length * CHUNK_ID_BYTES),
    }))
    const damaged: { segment: number; reason: string }[] = []
    let lacksBases = true
    for (const segment of pack.order()) {
      try {
        segments[segment]?.chunkIds.set(await pack.chunkIds(segment))
      } catch (error) {
        if (!(error instanceof LacksBases) && !isDamage(error)) throw error
        if (!(error instanceof LacksBases)) lacksBases = false
        damaged.push({ segment, reason: `pack ${id}: segment ${segment}: ${error.message}` })
      }
    }
    damaged.sort((a, b) => a.segment - b.segment)
    return {
      table: { id, kind, bytes: bytes.length, segments },
      damaged,
      lacksBases: damaged.length > 0 && lacksBases,
    }
  }
}

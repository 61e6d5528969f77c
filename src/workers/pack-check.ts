/** Checks one pack from its bytes: everything is opened, decoded and hashed. It fetches nothing. */
import { createZstd, type Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import type { PackId } from '../model/ids.ts'
import { PACK_HEADER_BYTES, PACK_TRAILER_BYTES } from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import type { PackKeys } from '../pack/pack-header.ts'
import { openPackSegment, readPackFooter, readPackTrailer } from '../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'
import { type CheckScratch, createCheckScratch, firstMismatch } from './recheck-pack.ts'

export type PackCheckTask = {
  readonly id: PackId
  /** The whole object. */
  readonly bytes: Uint8Array
  readonly keys: PackKeys
  /** With ids: what the index says. */
  readonly segments: readonly SegmentRow[]
  /** The joined bases of each delta segment, by segment number; a delta segment without one is reported. */
  readonly dictionaries: ReadonlyMap<number, Uint8Array>
}

export type PackDamage = {
  /** `undefined`: the pack's header, footer or trailer. */
  readonly segment: number | undefined
  readonly reason: string
}

export type PackCheckResult = {
  readonly damages: readonly PackDamage[]
  readonly chunks: number
  readonly bytes: number
}

export class PackChecker {
  readonly #hasher: ChunkHasher
  readonly #zstd: Zstd
  readonly #scratch: CheckScratch = createCheckScratch()

  constructor(idKey: Uint8Array) {
    this.#hasher = createChunkHasher(idKey)
    this.#zstd = createZstd()
  }

  /** Goes on after damage: the result names every damaged segment. */
  check(task: PackCheckTask): PackCheckResult {
    const damages: PackDamage[] = []
    let chunks = 0
    let bytes = 0
    this.#collect(damages, undefined, () => this.#checkFooter(task))
    let at = PACK_HEADER_BYTES
    task.segments.forEach((row, number) => {
      const sealed = task.bytes.subarray(at, at + row.sealed)
      at += row.sealed
      this.#collect(damages, number, () => this.#checkSegment(task, row, number, sealed))
      chunks += row.chunkLengths.length
      bytes += row.plain
    })
    return { damages, chunks, bytes }
  }

  #collect(damages: PackDamage[], segment: number | undefined, check: () => void): void {
    try {
      check()
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      damages.push({ segment, reason: error.message })
    }
  }

  #checkFooter({ id, bytes, keys, segments }: PackCheckTask): void {
    const trailer = readPackTrailer(
      id,
      bytes,
      keys,
      bytes.subarray(bytes.length - PACK_TRAILER_BYTES),
      bytes.length,
    )
    const footer = bytes.subarray(trailer.footerAt, trailer.footerAt + trailer.footerBytes)
    const rows = readPackFooter(id, bytes, keys, trailer, footer)
    const agree =
      rows.length === segments.length &&
      rows.every((row, index) => {
        const other = segments[index]
        return (
          other !== undefined &&
          row.sealed === other.sealed &&
          row.depth === other.depth &&
          Buffer.compare(row.bases, other.bases) === 0 &&
          row.chunkLengths.length === other.chunkLengths.length &&
          row.chunkLengths.every((length, chunk) => length === other.chunkLengths[chunk])
        )
      })
    if (!agree) throw new SnapError('OBJECT_DAMAGED', `pack ${id}: its footer differs from the index`)
  }

  #checkSegment(task: PackCheckTask, row: SegmentRow, number: number, sealed: Uint8Array): void {
    const { id, bytes, keys, dictionaries } = task
    const opened = openPackSegment(id, bytes, keys, number, sealed, this.#scratch.opened)
    const header = readSegmentHeader(opened)
    if (header.depth !== row.depth || Buffer.compare(header.bases, row.bases) !== 0) {
      throw new SnapError('OBJECT_DAMAGED', `pack ${id}: segment ${number} differs from the index`)
    }
    const dictionary = dictionaries.get(number)
    if (header.depth > 0 && dictionary === undefined) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `pack ${id}: segment ${number} cannot be decoded: its bases cannot be read`,
      )
    }
    const plain = decodeSegment(this.#zstd, opened, header, this.#scratch.plain, dictionary)
    const wrong = firstMismatch(plain, row, this.#hasher)
    if (wrong !== -1) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `pack ${id}: segment ${number}: chunk ${wrong} does not match its id`,
      )
    }
  }
}

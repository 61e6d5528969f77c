/** Checks one pack from its bytes: everything is opened, decoded and hashed. It fetches nothing. */
import { inStage, timed } from '../base/trace.ts'
import { createZstd, type Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import type { PackId } from '../model/ids.ts'
import { PACK_HEADER_BYTES, PACK_TRAILER_BYTES } from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import type { PackKeys } from '../pack/pack-header.ts'
import { openPackSegment, readPackFooter, readPackTrailer } from '../pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../pack/segment.ts'
import { type Dictionary, DictionaryReader } from './base-reading.ts'
import { type CheckScratch, createCheckScratch, firstMismatch } from './recheck-pack.ts'
import { type BaseCopies, copyBases } from './shared-bases.ts'

export type PackCheckTask = WholePackTask | DeltaSegmentsTask | BasesTask

/** Everything but its delta segments, which are checked by tasks of their own: their bases take room. */
export type WholePackTask = {
  readonly kind: 'pack'
  readonly id: PackId
  /** The whole object. */
  readonly bytes: Uint8Array
  readonly keys: PackKeys
  /** With ids: what the index says. */
  readonly segments: readonly SegmentRow[]
  /** Bases of delta segments that will be checked later, by the number of the segment that holds them. */
  readonly copies: ReadonlyMap<number, BaseCopies>
}

export type DeltaSegmentsTask = {
  readonly kind: 'deltas'
  readonly id: PackId
  /** The first bytes of the pack. */
  readonly header: Uint8Array
  readonly keys: PackKeys
  readonly deltas: readonly DeltaToCheck[]
}

export type DeltaToCheck = {
  readonly number: number
  /** What the index says. */
  readonly row: SegmentRow
  readonly sealed: Uint8Array
  /** `undefined` where its bases cannot be had: that is reported. */
  readonly dictionary: Dictionary | undefined
}

/** Segments of a pack that are decoded for the bases in them alone. */
export type BasesTask = {
  readonly kind: 'bases'
  readonly id: PackId
  /** The first bytes of the pack. */
  readonly header: Uint8Array
  readonly keys: PackKeys
  readonly segments: readonly {
    readonly number: number
    readonly sealed: Uint8Array
    readonly copies: BaseCopies
  }[]
}

export type PackDamage = {
  /** `undefined`: the pack's header, footer or trailer. */
  readonly segment: number | undefined
  readonly reason: string
  /** What was given for its bases could not be read: they may be whole in other places. */
  readonly lacksBases?: boolean
}

export type PackCheckResult = {
  readonly damages: readonly PackDamage[]
  /** Numbers of segments of which not all bases were copied. */
  readonly uncopied: readonly number[]
  readonly chunks: number
  readonly bytes: number
}

export class PackChecker {
  readonly #hasher: ChunkHasher
  readonly #zstd: Zstd
  readonly #scratch: CheckScratch = createCheckScratch()
  /** Made when the first delta segment comes. */
  #dictionaries: DictionaryReader | undefined

  constructor(idKey: Uint8Array) {
    this.#hasher = timed(createChunkHasher(idKey), { hashInto: 'rehash' })
    this.#zstd = timed(createZstd(), { decompress: 'decode', decompressWithDictionary: 'decode' })
  }

  /** Goes on after damage: the result names every damaged segment. */
  check(task: PackCheckTask): PackCheckResult {
    if (task.kind === 'pack') return this.#checkPack(task)
    return task.kind === 'deltas' ? this.#checkDeltas(task) : this.#copyBases(task)
  }

  #checkPack(task: WholePackTask): PackCheckResult {
    const { id, bytes: header, keys } = task
    const damages: PackDamage[] = []
    const uncopied: number[] = []
    let chunks = 0
    let bytes = 0
    collect(damages, undefined, () => this.#checkFooter(task))
    let at = PACK_HEADER_BYTES
    task.segments.forEach((row, number) => {
      const sealed = task.bytes.subarray(at, at + row.sealed)
      at += row.sealed
      if (row.depth > 0) return
      const copies = task.copies.get(number)
      let areCopied = false
      collect(damages, number, () => {
        const plain = this.#checkSegment({ id, header, keys, number, row, sealed })
        areCopied = copies === undefined || copyBases(plain, copies)
      })
      if (!areCopied) uncopied.push(number)
      chunks += row.chunkLengths.length
      bytes += row.plain
    })
    return { damages, uncopied, chunks, bytes }
  }

  #checkDeltas({ id, header, keys, deltas }: DeltaSegmentsTask): PackCheckResult {
    const damages: PackDamage[] = []
    let chunks = 0
    let bytes = 0
    for (const { number, row, sealed, dictionary } of deltas) {
      chunks += row.chunkLengths.length
      bytes += row.plain
      const bases = dictionary === undefined ? undefined : this.#bases().read(dictionary)
      if (bases !== undefined) {
        collect(
          damages,
          number,
          () => void this.#checkSegment({ id, header, keys, number, row, sealed }, bases),
        )
        continue
      }
      const reason = `pack ${id}: segment ${number} cannot be decoded: its bases cannot be read`
      damages.push({ segment: number, reason, lacksBases: true })
    }
    return { damages, uncopied: [], chunks, bytes }
  }

  /** What cannot be decoded is uncopied, and damaged only where its pack is checked. */
  #copyBases({ id, header, keys, segments }: BasesTask): PackCheckResult {
    const uncopied: number[] = []
    for (const { number, sealed, copies } of segments) {
      let areCopied = false
      collect([], number, () => {
        const opened = openPackSegment(id, header, keys, number, sealed, this.#scratch.opened)
        const plain = decodeSegment(this.#zstd, opened, readSegmentHeader(opened), this.#scratch.plain)
        areCopied = copyBases(plain, copies)
      })
      if (!areCopied) uncopied.push(number)
    }
    return { damages: [], uncopied, chunks: 0, bytes: 0 }
  }

  #bases(): DictionaryReader {
    this.#dictionaries ??= new DictionaryReader(this.#zstd)
    return this.#dictionaries
  }

  #checkFooter({ id, bytes, keys, segments }: WholePackTask): void {
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

  /** Returns its plaintext, valid until the next call. */
  #checkSegment(
    { id, header: packHeader, keys, number, row, sealed }: SegmentToCheck,
    bases?: Uint8Array,
  ): Uint8Array {
    const opened = inStage('open', () =>
      openPackSegment(id, packHeader, keys, number, sealed, this.#scratch.opened),
    )
    const header = readSegmentHeader(opened)
    if (header.depth !== row.depth || Buffer.compare(header.bases, row.bases) !== 0) {
      throw new SnapError('OBJECT_DAMAGED', `pack ${id}: segment ${number} differs from the index`)
    }
    const plain = decodeSegment(this.#zstd, opened, header, this.#scratch.plain, bases)
    const wrong = firstMismatch(plain, row, this.#hasher)
    if (wrong !== -1) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `pack ${id}: segment ${number}: chunk ${wrong} does not match its id`,
      )
    }
    return plain
  }
}

type SegmentToCheck = Pick<WholePackTask, 'id' | 'keys'> &
  Pick<DeltaSegmentsTask, 'header'> &
  Pick<DeltaToCheck, 'number' | 'row' | 'sealed'>

function collect(damages: PackDamage[], segment: number | undefined, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof SnapError)) throw error
    damages.push({ segment, reason: error.message })
  }
}

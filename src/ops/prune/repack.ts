/**
 * Copies what is needed of packs into fresh ones. Every chunk is decoded and compared with its id before it is copied, so
 * that damage is never carried on under a new name; a pack with damage in what is needed is left as it is.
 */
import type { Zstd } from '../../codec/zstd.ts'
import { type ChunkHasher, createChunkHasher, hash } from '../../crypto/blake3.ts'
import { SnapError } from '../../model/errors.ts'
import { CHUNK_ID_BYTES, type PackId } from '../../model/ids.ts'
import { PACK_HEADER_BYTES, SEGMENT_BASES_MAX, SEGMENT_BYTES_MAX } from '../../model/limits.ts'
import type { PackTable, SegmentRow } from '../../model/pack-table.ts'
import { packKey } from '../../object/object-keys.ts'
import { openPackSegment } from '../../pack/pack-reader.ts'
import { packBufferBytes } from '../../pack/pack-writer.ts'
import {
  decodeSegment,
  encodeSegment,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from '../../pack/segment.ts'
import type { PackStore } from '../../repository/pack-store.ts'
import type { Repository } from '../../repository/repository.ts'
import { COMPRESSION_LEVELS } from '../../workers/make-pipeline.ts'
import { type CheckedPack, PackFiller } from '../../workers/pack-filler.ts'
import { firstMismatch } from '../../workers/recheck-pack.ts'
import { isDamage } from '../verify/report.ts'
import { BasesAhead, type DeltaName } from './bases-ahead.ts'
import type { ChunkBits } from './live-chunks.ts'
import type { PackUse } from './plan.ts'

/** Full packs that wait for the storage before more is read. */
const STORES_IN_FLIGHT_MAX = 2

export type RepackedPacks = {
  /** Their needed chunks lie in the new packs as well. */
  readonly copied: readonly PackUse[]
  readonly stored: readonly PackTable[]
  readonly damaged: readonly { readonly pack: PackId; readonly error: SnapError }[]
}

export type RepackParts = {
  readonly repository: Repository
  readonly store: PackStore
  readonly needed: (pack: number) => ChunkBits | undefined
  /** What is needed of this segment must not stay a difference to its bases. */
  readonly isInFull: (pack: number, segment: number) => boolean
  /** Bytes of a full tree pack. */
  readonly treePackBytes: number
  readonly onPack: (pack: PackUse) => void
  readonly signal: AbortSignal
}

export async function repack(packs: readonly PackUse[], parts: RepackParts): Promise<RepackedPacks> {
  const stored: PackTable[] = []
  const copied: PackUse[] = []
  const damaged: { pack: PackId; error: SnapError }[] = []
  for (const kind of ['data', 'tree'] as const) {
    const ofKind = packs.filter(({ row }) => row.kind === kind)
    if (ofKind.length === 0) continue
    const repacker = new Repacker(parts, kind, ofKind)
    for (const pack of ofKind) {
      parts.signal.throwIfAborted()
      try {
        await repacker.copy(pack)
        copied.push(pack)
      } catch (error) {
        if (!isDamage(error)) throw error
        // Of one that was set aside no more was expected.
        if (pack.row.state !== 'quarantined') damaged.push({ pack: pack.row.id, error })
      }
      parts.onPack(pack)
    }
    stored.push(...(await repacker.finish()))
  }
  return { copied, stored, damaged }
}

type PartToCopy = {
  readonly number: number
  readonly segment: SegmentRow
  /** In the pack. */
  readonly offset: number
  /** By index of a chunk in the segment. */
  readonly isWanted: (index: number) => boolean
}

function partsToCopy(
  { row, neededChunks, chunks }: PackUse,
  { repository, needed }: RepackParts,
): PartToCopy[] {
  const bits = needed(row.no)
  const parts: PartToCopy[] = []
  let ordinal = 0
  let offset = PACK_HEADER_BYTES
  for (const [number, segment] of repository.manifest.packs.tableOf(row.no).entries()) {
    const from = ordinal
    const isWanted = (index: number): boolean => neededChunks === chunks || bits?.has(from + index) === true
    if (segment.chunkLengths.some((_length, index) => isWanted(index)))
      parts.push({ number, segment, offset, isWanted })
    ordinal += segment.chunkLengths.length
    offset += segment.sealed
  }
  return parts
}

function* deltasToCopy(packs: readonly PackUse[], parts: RepackParts): Generator<DeltaName> {
  const withDeltas = new Set(parts.repository.manifest.packs.withDeltas())
  for (const pack of packs) {
    if (!withDeltas.has(pack.row.no)) continue
    for (const { number, segment } of partsToCopy(pack, parts))
      if (segment.depth > 0) yield { pack: pack.row.no, number }
  }
}

class Repacker {
  readonly #parts: RepackParts
  readonly #filler: PackFiller
  readonly #zstd: Zstd
  readonly #hasher: ChunkHasher
  readonly #plain = new Uint8Array(SEGMENT_BYTES_MAX)
  readonly #computed = new Uint8Array(CHUNK_ID_BYTES)
  readonly #segmentBytes: number
  readonly #stores: Promise<PackTable>[] = []
  readonly #bases: BasesAhead
  readonly #buffers: Uint8Array<ArrayBuffer>[] = []

  constructor(parts: RepackParts, kind: 'data' | 'tree', packs: readonly PackUse[]) {
    const { config, keys } = parts.repository
    this.#bases = new BasesAhead(parts.repository, deltasToCopy(packs, parts))
    this.#parts = parts
    this.#zstd = parts.repository.zstd()
    this.#hasher = createChunkHasher(keys.idKey)
    this.#segmentBytes = config.segmentBytesTarget
    const packBytes = kind === 'data' ? config.packBytesTarget : parts.treePackBytes
    this.#filler = new PackFiller({
      zstd: this.#zstd,
      hasher: this.#hasher,
      level: COMPRESSION_LEVELS.auto,
      segmentBytes: this.#segmentBytes,
      packBytes,
      recheck: true,
      nextTicket: () => parts.store.ticket(kind),
      nextBuffer: () => this.#buffers.pop() ?? new Uint8Array(packBufferBytes(packBytes)),
      onPack: (pack) => this.#store(pack),
    })
  }

  /** Throws at damage; of a pack that was set aside, when all that is intact has been copied: nothing may rely on it as it is. */
  async copy(pack: PackUse): Promise<void> {
    const { row } = pack
    const { repository } = this.#parts
    const opened = await (await repository.keyring()).of(row.id)
    let damage: SnapError | undefined
    for (const part of partsToCopy(pack, this.#parts)) {
      try {
        const range = { offset: part.offset, bytes: part.segment.sealed }
        const sealed = await repository.storage.read(packKey(row.id), range)
        const encoded = openPackSegment(row.id, opened.header, opened, part.number, sealed)
        await this.#copySegment(row, part, encoded)
      } catch (error) {
        if (!isDamage(error) || row.state !== 'quarantined') throw error
        damage ??= error
      }
      await this.#settle(STORES_IN_FLIGHT_MAX)
    }
    if (damage !== undefined) throw damage
  }

  async #copySegment(
    { no, id }: PackUse['row'],
    { number, segment, isWanted }: PartToCopy,
    encoded: Uint8Array,
  ): Promise<void> {
    const delta = { pack: no, number }
    const plain = await this.#decode(id, delta, segment, encoded)
    this.#check(id, number, segment, plain, isWanted)
    const isInFull = this.#parts.isInFull(no, number)
    const isWhole = segment.chunkLengths.every((_length, index) => isWanted(index)) && !isInFull
    if (isWhole && this.#isWorthCopying(segment)) {
      this.#filler.addSegment(encoded, segment)
    } else if (segment.depth > 0 && !isInFull) {
      await this.#addDelta(delta, partOf(segment, plain, isWanted))
    } else {
      this.#addChunks(segment, plain, readSegmentHeader(encoded), isWanted)
    }
  }

  /** Everything copied is durable. */
  async finish(): Promise<PackTable[]> {
    this.#filler.flush()
    return await Promise.all(this.#stores)
  }

  /** Small segments are compressed anew, together. Delta segments stay: in full they take many times as much. */
  #isWorthCopying({ plain, depth }: SegmentRow): boolean {
    return depth > 0 || plain > this.#segmentBytes / 2
  }

  async #decode(id: PackId, delta: DeltaName, row: SegmentRow, encoded: Uint8Array): Promise<Uint8Array> {
    const header = readSegmentHeader(encoded)
    if (
      header.depth !== row.depth ||
      header.plain !== row.plain ||
      Buffer.compare(header.bases, row.bases) !== 0
    ) {
      throw new SnapError('OBJECT_DAMAGED', `pack ${id}: segment ${delta.number} differs from the index`)
    }
    const dictionary = header.depth === 0 ? undefined : await this.#bases.of(delta)
    return decodeSegment(this.#zstd, encoded, header, this.#plain, dictionary)
  }

  #check(
    pack: PackId,
    number: number,
    { chunkLengths, chunkIds }: SegmentRow,
    plain: Uint8Array,
    isWanted: (index: number) => boolean,
  ): void {
    let at = 0
    for (const [index, length] of chunkLengths.entries()) {
      if (isWanted(index)) {
        this.#hasher.hashInto(plain.subarray(at, at + length), this.#computed, 0)
        const id = chunkIds.subarray(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES)
        if (Buffer.compare(this.#computed, id) !== 0) {
          throw new SnapError(
            'OBJECT_DAMAGED',
            `pack ${pack}: segment ${number}: chunk ${index} does not match its id`,
          )
        }
      }
      at += length
    }
  }

  /**
   * What is needed of a delta segment, as a difference to the same bases. It is decoded with bases that are asked for once more, each
   * held against its id: a bit that memory has lost of the first ones is not stored.
   */
  async #addDelta(delta: DeltaName, { row, plain }: SegmentPart): Promise<void> {
    const { depth, bases: ids } = row
    const dictionary = await this.#bases.of(delta)
    const into = new Uint8Array(SEGMENT_HEADER_BYTES + SEGMENT_BASES_MAX * CHUNK_ID_BYTES + plain.length)
    const bytes = encodeSegment(this.#zstd, plain, COMPRESSION_LEVELS.auto, into, { depth, ids, dictionary })
    const encoded = into.subarray(0, bytes)
    const header = readSegmentHeader(encoded)
    if (header.depth === 0) return this.#addChunks(row, plain, header, () => true)
    const digest = hash(encoded)
    const again = await this.#bases.of(delta)
    const decoded = decodeSegment(this.#zstd, encoded, header, this.#plain, again)
    if (firstMismatch(decoded, { ...row, sealed: 0 }, this.#hasher) !== -1) {
      throw new SnapError('OBJECT_DAMAGED', `segment ${delta.number} did not survive being compressed`)
    }
    this.#filler.addSegment(encoded, row, digest)
  }

  #addChunks(
    { chunkLengths, chunkIds }: Pick<SegmentRow, 'chunkLengths' | 'chunkIds'>,
    plain: Uint8Array,
    { codec }: SegmentHeader,
    isWanted: (index: number) => boolean,
  ): void {
    let at = 0
    for (const [index, length] of chunkLengths.entries()) {
      if (isWanted(index)) {
        this.#filler.add(
          plain.subarray(at, at + length),
          chunkIds,
          index * CHUNK_ID_BYTES,
          codec !== 'stored',
        )
      }
      at += length
    }
  }

  #store(pack: CheckedPack): void {
    const stored = this.#parts.store.store(pack).then(() => {
      this.#buffers.push(new Uint8Array(pack.bytes.buffer))
      return pack.table
    })
    stored.catch(() => undefined) // awaited in `#settle` and `finish`
    this.#stores.push(stored)
  }

  /** Waits until at most `most` packs are on their way. */
  async #settle(most: number): Promise<void> {
    const oldest = this.#stores[this.#stores.length - 1 - most]
    if (oldest !== undefined) await oldest
  }
}

/** Some chunks of a segment, and their bytes, which are its own. */
type SegmentPart = { readonly row: Omit<SegmentRow, 'sealed'>; readonly plain: Uint8Array }

function partOf(
  { depth, bases, chunkLengths, chunkIds }: SegmentRow,
  plain: Uint8Array,
  isWanted: (index: number) => boolean,
): SegmentPart {
  const lengths: number[] = []
  const ids: Uint8Array[] = []
  const parts: Uint8Array[] = []
  let at = 0
  for (const [index, length] of chunkLengths.entries()) {
    if (isWanted(index)) {
      lengths.push(length)
      ids.push(chunkIds.subarray(index * CHUNK_ID_BYTES, (index + 1) * CHUNK_ID_BYTES))
      parts.push(plain.subarray(at, at + length))
    }
    at += length
  }
  const joined = Buffer.concat(parts)
  const row = {
    plain: joined.length,
    depth,
    bases,
    chunkLengths: Uint32Array.from(lengths),
    chunkIds: Buffer.concat(ids),
  }
  return { row, plain: joined }
}

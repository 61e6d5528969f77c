/**
 * Stores runs of new chunks as differences to the chunks that stood in their places: gathers them into groups, asks for the bases, and
 * compresses a group with its bases as dictionary when they are there. What has no bases, or gains little by them, goes to the plain
 * segments. It knows no files and no storage.
 */
import { assert } from '../base/assert.ts'
import type { Zstd } from '../codec/zstd.ts'
import { type ChunkHasher, hash } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { SEGMENT_BASES_MAX, SEGMENT_BYTES_MAX, SEGMENT_CLOSURE_MAX } from '../model/limits.ts'
import type { SegmentRow } from '../model/pack-table.ts'
import { decodeSegment, encodeSegment, readSegmentHeader, SEGMENT_HEADER_BYTES } from '../pack/segment.ts'
import { type Base, type BaseFinder, nameOf } from './base-finder.ts'
import { type BaseReading, DictionaryReader, isDictionaryOf, readingOf } from './base-reading.ts'
import type { BaseAnswer, BaseSource, PendingBases } from './bases.ts'
import { DeltaGroup, GROUP_BASE_BYTES_MAX, GROUP_BASES_MAX, GROUP_SEALED_BYTES_MAX } from './delta-group.ts'
import type { Run } from './delta-run.ts'
import type { PackFiller } from './pack-filler.ts'
import { firstMismatch } from './recheck-pack.ts'

/** Groups whose bases are on their way. */
const GROUPS_WAITING_MAX = 2
/** A run's bases may have so many times its bytes, and some more. */
const BASE_BYTES_FACTOR = 3
const BASE_BYTES_MORE = 65_536
/** A delta above this share of its plaintext is held against the same segment without bases ... */
const DOUBTFUL: number = 1 / 2
/** ... and must be below this share of it: whoever reads it must read other segments too. */
const WORTHWHILE: number = 4 / 5
/**
 * The same where bases stand in for others. A place that is edited every day differs more from day to day from what was stored in full
 * once; storing it in full anew in time costs less than ever larger differences.
 */
const DOUBTFUL_STAND_INS: number = 1 / 16
const WORTHWHILE_STAND_INS: number = 1 / 4

export type DeltaFillerParts = {
  readonly zstd: Zstd
  readonly hasher: ChunkHasher
  /** zstd level, above 0. */
  readonly level: number
  /** Plaintext bytes of a full segment. */
  readonly segmentBytes: number
  /** Decode each segment again before it is handed on. */
  readonly recheck: boolean
  readonly finder: Pick<BaseFinder, 'find'>
  readonly source: BaseSource
  readonly filler: PackFiller
}

type WaitingGroup = {
  readonly group: DeltaGroup
  readonly bases: readonly Base[]
  readonly reading: BaseReading
  readonly pending: PendingBases
}

export class DeltaFiller {
  readonly #parts: DeltaFillerParts
  readonly #reader: DictionaryReader
  /** One for runs whose bases stand in for others, and one for the rest. */
  readonly #open = new Map<boolean, DeltaGroup>()
  readonly #waiting: WaitingGroup[] = []
  readonly #encoded = new Uint8Array(
    SEGMENT_HEADER_BYTES + SEGMENT_BASES_MAX * CHUNK_ID_BYTES + SEGMENT_BYTES_MAX,
  )
  readonly #scratch = new Uint8Array(SEGMENT_HEADER_BYTES + SEGMENT_BYTES_MAX)

  constructor(parts: DeltaFillerParts) {
    assert(
      // A collection may copy each base to a segment of its own.
      GROUP_BASES_MAX < SEGMENT_CLOSURE_MAX && GROUP_BASES_MAX <= SEGMENT_BASES_MAX,
      'a group is within the limits of the format',
    )
    this.#parts = parts
    this.#reader = new DictionaryReader(parts.zstd)
  }

  /** Copies what it keeps. */
  add(run: Run): void {
    const bases = this.#basesOf(run)
    if (bases.length === 0) {
      addInFull(run, this.#parts.filler)
      return
    }
    const standIn = bases.some(({ standsIn }) => standsIn)
    let group = this.#open.get(standIn)
    if (group?.takes(run, bases, this.#parts.segmentBytes) === false) {
      this.#ask(group)
      group = undefined
    }
    if (group === undefined) {
      group = new DeltaGroup(standIn)
      this.#open.set(standIn, group)
    }
    group.add(run, bases)
  }

  /** All chunks added so far are with the filler of packs. Needs a source that waits. */
  flush(): void {
    this.close()
    this.encode()
    assert(this.#waiting.length === 0, 'whoever flushes has all bases')
  }

  /** The bases of all chunks added so far have been asked for. */
  close(): void {
    for (const group of this.#open.values()) this.#ask(group)
  }

  /** Encodes the groups whose bases are there, all of them where the source waits. */
  encode(most = 0): void {
    while (this.#waiting.length > most) {
      const next = this.#waiting[0] as WaitingGroup
      const answer = next.pending.take()
      if (answer === undefined) return
      this.#waiting.shift()
      this.#encode(next, answer)
    }
  }

  #ask(group: DeltaGroup): void {
    this.#open.delete(group.standIns)
    const { runs, others } = group.dense()
    for (const run of others) addInFull(run, this.#parts.filler)
    if (runs.length === 0) return
    if (others.length > 0) {
      const dense = new DeltaGroup(group.standIns)
      for (const run of runs) dense.add(run, run.bases)
      group = dense
    }
    const bases = [...group.bases.values()]
    const reading = readingOf(bases)
    this.#waiting.push({ group, bases, reading, pending: this.#parts.source.ask(reading.request) })
    this.encode(GROUPS_WAITING_MAX)
  }

  /** As many of the likeliest as are in reach, in the order of the former version. */
  #basesOf({ bases, bytes, former }: Run): Base[] {
    let room = Math.min(GROUP_BASE_BYTES_MAX, bytes.length * BASE_BYTES_FACTOR + BASE_BYTES_MORE)
    let sealed = GROUP_SEALED_BYTES_MAX
    const found = new Map<string, { readonly place: number; readonly base: Base }>()
    for (const place of bases.slice(0, GROUP_BASES_MAX)) {
      for (const base of this.#parts.finder.find(former.idAt(place))) {
        const name = nameOf(base)
        if (found.has(name)) continue
        room -= base.bytes
        sealed -= base.segment.sealed
        if (room < 0 || sealed < 0 || found.size === GROUP_BASES_MAX) return inOrder(found)
        found.set(name, { place, base })
      }
    }
    return inOrder(found)
  }

  #encode({ group, bases, reading }: WaitingGroup, answer: BaseAnswer): void {
    const dictionary = this.#dictionary(reading, answer)
    const bytes = dictionary === undefined ? 0 : this.#compress(group, bases, dictionary)
    if (dictionary === undefined || bytes === 0) {
      for (const run of group.runs()) addInFull(run, this.#parts.filler)
      return
    }
    const encoded = this.#encoded.subarray(0, bytes)
    const row = {
      plain: group.plain.length,
      depth: 1,
      bases: Buffer.concat(bases.map(({ id }) => id)),
      chunkLengths: Uint32Array.from(group.lengths),
      chunkIds: group.ids(),
    }
    const digest = hash(encoded)
    if (this.#parts.recheck) this.#check(encoded, { ...row, sealed: 0 }, bases, dictionary)
    this.#parts.filler.addSegment(encoded, row, digest)
  }

  /** What an index object says of a base may be wrong, and what is read may be damaged: nothing is made from either. */
  #dictionary(reading: BaseReading, answer: BaseAnswer): Uint8Array | undefined {
    const dictionary = this.#reader.read({ reading, answer })
    const isWhole = dictionary !== undefined && isDictionaryOf(reading.bases, dictionary, this.#parts.hasher)
    return isWhole ? dictionary : undefined
  }

  /** Bytes of the segment in `#encoded`; 0 where bases are not worth it. */
  #compress(group: DeltaGroup, bases: readonly Base[], dictionary: Uint8Array): number {
    const { zstd, level } = this.#parts
    const { plain, standIns } = group
    const ids = Buffer.concat(bases.map(({ id }) => id))
    const bytes = encodeSegment(zstd, plain, level, this.#encoded, { depth: 1, ids, dictionary })
    const isDelta = readSegmentHeader(this.#encoded.subarray(0, bytes)).depth > 0
    if (isDelta && bytes <= plain.length * (standIns ? DOUBTFUL_STAND_INS : DOUBTFUL)) return bytes
    const worthwhile = standIns ? WORTHWHILE_STAND_INS : WORTHWHILE
    if (isDelta && bytes <= encodeSegment(zstd, plain, level, this.#scratch) * worthwhile) return bytes
    if (!standIns) for (const former of group.formers) former.isHopeless = true
    return 0
  }

  /**
   * The segment decodes to the chunks by their ids, with bases that still are what theirs say: whatever a bit of memory was before,
   * what is stored can be read by whoever has the same bases.
   */
  #check(encoded: Uint8Array, row: SegmentRow, bases: readonly Base[], dictionary: Uint8Array): void {
    const { zstd, hasher } = this.#parts
    const plain = decodeSegment(zstd, encoded, readSegmentHeader(encoded), this.#scratch, dictionary)
    if (firstMismatch(plain, row, hasher) === -1 && isDictionaryOf(bases, dictionary, hasher)) return
    throw new SnapError('OBJECT_DAMAGED', 'a segment did not survive being compressed', {
      hint: 'Nothing was stored. Memory or processor of this machine may be faulty: test them before the next backup.',
    })
  }
}

type FoundBases = ReadonlyMap<string, { readonly place: number; readonly base: Base }>

const inOrder = (found: FoundBases): Base[] =>
  [...found.values()].sort((a, b) => a.place - b.place).map(({ base }) => base)

/** To the plain segments, chunk by chunk. */
export function addInFull(
  { bytes, lengths, ids, compress }: Pick<Run, 'bytes' | 'lengths' | 'ids' | 'compress'>,
  filler: PackFiller,
): void {
  let at = 0
  lengths.forEach((length, index) => {
    filler.add(bytes.subarray(at, at + length), ids, index * CHUNK_ID_BYTES, compress)
    at += length
  })
}

/** New chunks that will be one segment, and the bases that they are compressed with, within what reading the segment may take. */
import { SEGMENT_BYTES_MAX } from '../model/limits.ts'
import { type Base, nameOf } from './base-finder.ts'
import type { SegmentOfBases } from './base-reading.ts'
import type { Run } from './delta-run.ts'
import type { FormerContent } from './former-content.ts'

/** zstd looks no further back at its usual level. */
export const GROUP_BASE_BYTES_MAX = 1_048_576
export const GROUP_BASES_MAX = 128
/** Stored bytes of the segments that hold the bases of a group: they are all in memory at once. */
export const GROUP_SEALED_BYTES_MAX: number = 8 * 1_048_576

/**
 * Bytes of the runs of a group whose bases lie in the same segment: for fewer it is not decoded. A source tree of which each file has a
 * new date and one in fifty another content has an edit or two in each segment of 2 MiB, so that reading the edits decodes all of it again.
 */
const RUNS_BYTES_MIN = 32_768
/** So many may be decoded for one group whatever they hold. */
const FEW_SEGMENTS = 4

/** A run with the bases that were found for it. */
export type GroupedRun = Omit<Run, 'bases'> & { readonly bases: readonly Base[] }

export class DeltaGroup {
  /** Some of its bases stand in for others. */
  readonly standIns: boolean
  readonly lengths: number[] = []
  readonly #runs: (Omit<GroupedRun, 'bytes' | 'lengths'> & { readonly chunks: number })[] = []
  /** In the order of the dictionary. */
  readonly bases: Map<string, Base> = new Map()
  readonly #segments = new Set<SegmentOfBases>()
  readonly formers: Set<FormerContent> = new Set()
  readonly #plain = new Uint8Array(SEGMENT_BYTES_MAX)
  #filled = 0
  #baseBytes = 0
  #sealedBytes = 0

  constructor(standIns: boolean) {
    this.standIns = standIns
  }

  /** The chunks' bytes, joined. */
  get plain(): Uint8Array {
    return this.#plain.subarray(0, this.#filled)
  }

  /** Whether there is room for the run; an empty group takes any. */
  takes(run: Run, bases: readonly Base[], segmentBytes: number): boolean {
    if (this.#filled === 0) return true
    const more = bases.filter((base) => !this.bases.has(nameOf(base)))
    const segments = this.#newSegments(more)
    return (
      this.#filled + run.bytes.length <= segmentBytes &&
      this.bases.size + more.length <= GROUP_BASES_MAX &&
      this.#baseBytes + bytesOf(more) <= GROUP_BASE_BYTES_MAX &&
      this.#sealedBytes + sealedBytesOf(segments) <= GROUP_SEALED_BYTES_MAX
    )
  }

  /** Copies the run. */
  add(run: Omit<Run, 'bases'>, bases: readonly Base[]): void {
    this.#plain.set(run.bytes, this.#filled)
    this.#filled += run.bytes.length
    this.lengths.push(...run.lengths)
    const { compress, former } = run
    this.#runs.push({ chunks: run.lengths.length, ids: run.ids.slice(), compress, former, bases })
    const more = bases.filter((base) => !this.bases.has(nameOf(base)))
    const segments = this.#newSegments(more)
    this.#baseBytes += bytesOf(more)
    this.#sealedBytes += sealedBytesOf(segments)
    for (const base of more) this.bases.set(nameOf(base), base)
    for (const segment of segments) this.#segments.add(segment)
    this.formers.add(run.former)
  }

  /** 32 bytes for each chunk. */
  ids(): Uint8Array {
    return Buffer.concat(this.#runs.map(({ ids }) => ids))
  }

  /** What was added, again: views. */
  *runs(): Generator<GroupedRun> {
    let chunk = 0
    let at = 0
    for (const { chunks, ...run } of this.#runs) {
      const lengths = this.lengths.slice(chunk, chunk + chunks)
      const end = lengths.reduce((sum, length) => sum + length, at)
      yield { ...run, bytes: this.#plain.subarray(at, end), lengths }
      chunk += chunks
      at = end
    }
  }

  /** The runs that are worth decoding the segments of their bases, and the others. */
  dense(): { readonly runs: readonly GroupedRun[]; readonly others: readonly GroupedRun[] } {
    const needed = new Map<SegmentOfBases, number>()
    for (const { bytes, bases } of this.runs()) {
      for (const segment of new Set(bases.map((base) => base.segment)))
        needed.set(segment, (needed.get(segment) ?? 0) + bytes.length)
    }
    const isDense = ({ bases }: GroupedRun): boolean =>
      needed.size <= FEW_SEGMENTS ||
      bases.every(({ segment }) => (needed.get(segment) ?? 0) >= RUNS_BYTES_MIN)
    const all = [...this.runs()]
    return { runs: all.filter(isDense), others: all.filter((run) => !isDense(run)) }
  }

  #newSegments(bases: readonly Base[]): Set<SegmentOfBases> {
    return new Set(bases.map(({ segment }) => segment).filter((segment) => !this.#segments.has(segment)))
  }
}

const bytesOf = (bases: readonly Base[]): number => bases.reduce((sum, base) => sum + base.bytes, 0)

const sealedBytesOf = (segments: ReadonlySet<SegmentOfBases>): number =>
  [...segments].reduce((sum, segment) => sum + segment.sealed, 0)

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

export class DeltaGroup {
  /** Some of its bases stand in for others. */
  readonly standIns: boolean
  readonly lengths: number[] = []
  /** Of each run: how many chunks it has, their ids, and whether it may get smaller without bases. */
  readonly #runs: { readonly chunks: number; readonly ids: Uint8Array; readonly compress: boolean }[] = []
  /** In the order of the dictionary. */
  readonly bases: Map<string, Base> = new Map()
  readonly segments: Set<SegmentOfBases> = new Set()
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
  add(run: Run, bases: readonly Base[]): void {
    this.#plain.set(run.bytes, this.#filled)
    this.#filled += run.bytes.length
    this.lengths.push(...run.lengths)
    this.#runs.push({ chunks: run.lengths.length, ids: run.ids.slice(), compress: run.compress })
    const more = bases.filter((base) => !this.bases.has(nameOf(base)))
    const segments = this.#newSegments(more)
    this.#baseBytes += bytesOf(more)
    this.#sealedBytes += sealedBytesOf(segments)
    for (const base of more) this.bases.set(nameOf(base), base)
    for (const segment of segments) this.segments.add(segment)
    this.formers.add(run.former)
  }

  /** 32 bytes for each chunk. */
  ids(): Uint8Array {
    return Buffer.concat(this.#runs.map(({ ids }) => ids))
  }

  /** What was added, again: views. */
  *runs(): Generator<Pick<Run, 'bytes' | 'lengths' | 'ids' | 'compress'>> {
    let chunk = 0
    let at = 0
    for (const { chunks, ids, compress } of this.#runs) {
      const lengths = this.lengths.slice(chunk, chunk + chunks)
      const end = lengths.reduce((sum, length) => sum + length, at)
      yield { bytes: this.#plain.subarray(at, end), lengths, ids, compress }
      chunk += chunks
      at = end
    }
  }

  #newSegments(bases: readonly Base[]): Set<SegmentOfBases> {
    return new Set(bases.map(({ segment }) => segment).filter((segment) => !this.segments.has(segment)))
  }
}

const bytesOf = (bases: readonly Base[]): number => bases.reduce((sum, base) => sum + base.bytes, 0)

const sealedBytesOf = (segments: ReadonlySet<SegmentOfBases>): number =>
  [...segments].reduce((sum, segment) => sum + segment.sealed, 0)

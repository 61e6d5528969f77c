/**
 * What threads record of their work: a table of fixed size in shared memory, to which each appends without waiting for
 * the others. It knows nothing of clocks, nor of what the names mean.
 */

/** Records of a whole run: 16 MiB, of which only what is written takes memory. What comes after is counted and dropped. */
const RECORDS_MAX = 262_144
export const RECORD_BYTES = 64
const NAME_BYTES_MAX = 32
export const HEADER_BYTES = 64
/** Zero: being written, or never written because its thread was stopped. */
const KINDS = ['none', 'span', 'counter', 'thread'] as const

export type RecordKind = Exclude<(typeof KINDS)[number], 'none'>

export type TraceRecord = {
  readonly kind: RecordKind
  /** The line on which it is drawn. */
  readonly track: number
  /** ASCII, at most 32 characters. */
  readonly name: string
  /** ms since the start of the process. */
  readonly startMs: number
  readonly durationMs: number
  /** Of a span: how often, 0 for once. Of a counter: its value. */
  readonly value: number
}

/**
 * | offset | bytes | field |
 * | --- | --- | --- |
 * | 0 | 8 | start, ms (double) |
 * | 8 | 8 | duration, ms (double) |
 * | 16 | 8 | value (double) |
 * | 24 | 4 | kind, written last |
 * | 28 | 4 | track |
 * | 32 | 32 | name, then zeros |
 *
 * after a header of 64 bytes: the number of records asked for (4 bytes), and at 8 the moment from which times count (double).
 */
export class TraceRecords {
  /** To be handed to other threads. */
  readonly memory: SharedArrayBuffer
  readonly #numbers: Float64Array
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #recordsMax: number

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + RECORDS_MAX * RECORD_BYTES)) {
    this.memory = memory
    this.#numbers = new Float64Array(memory)
    this.#words = new Int32Array(memory)
    this.#bytes = new Uint8Array(memory)
    this.#recordsMax = Math.floor((memory.byteLength - HEADER_BYTES) / RECORD_BYTES)
  }

  /** The same for all threads: set it before there are others. */
  get originMs(): number {
    return this.#numbers[1] ?? 0
  }

  set originMs(value: number) {
    this.#numbers[1] = value
  }

  /** Records that found no room. */
  get dropped(): number {
    return Math.max(0, Atomics.load(this.#words, 0) - this.#recordsMax)
  }

  add({ kind, track, name, startMs, durationMs, value }: TraceRecord): void {
    const index = Atomics.add(this.#words, 0, 1)
    if (index >= this.#recordsMax) return
    const at = HEADER_BYTES + index * RECORD_BYTES
    this.#numbers.set([startMs, durationMs, value], at / 8)
    this.#words[at / 4 + 7] = track
    const length = Math.min(name.length, NAME_BYTES_MAX)
    for (let byte = 0; byte < length; byte++) this.#bytes[at + 32 + byte] = name.charCodeAt(byte)
    Atomics.store(this.#words, at / 4 + 6, KINDS.indexOf(kind))
  }

  /** In the order in which they were begun to be written. */
  *[Symbol.iterator](): Generator<TraceRecord> {
    const count = Math.min(Atomics.load(this.#words, 0), this.#recordsMax)
    for (let index = 0; index < count; index++) {
      const at = HEADER_BYTES + index * RECORD_BYTES
      const kind = KINDS[Atomics.load(this.#words, at / 4 + 6)]
      if (kind === undefined || kind === 'none') continue
      const [startMs = 0, durationMs = 0, value = 0] = this.#numbers.subarray(at / 8)
      const name = String.fromCharCode(...this.#bytes.subarray(at + 32, at + RECORD_BYTES)).replace(
        /\0+$/,
        '',
      )
      yield { kind, track: this.#words[at / 4 + 7] ?? 0, name, startMs, durationMs, value }
    }
  }
}

/**
 * Follows a file beside its former version: finds runs of new chunks between chunks that both have, and names the former chunks
 * that stood there. Those are what the run was edited from, most likely. It holds a run's bytes and knows no segments.
 */
import { CHUNK_ID_BYTES } from '../model/ids.ts'
import { CHUNK_BYTES_MAX } from '../model/limits.ts'
import type { FormerContent } from './former-content.ts'

/** A run that goes on for longer is given its bases so far. Bytes. */
export const RUN_BYTES_MAX = 262_144
/** Where chunks were inserted or removed, places shift by a few. */
const SLACK = 2
const BEFORE_START = -1

/** New chunks that lie one after the other in a file. */
export type Run = {
  /** The chunks' bytes, joined; valid until the next chunk is added. */
  readonly bytes: Uint8Array
  readonly lengths: readonly number[]
  /** 32 bytes each; valid as long as the bytes. */
  readonly ids: Uint8Array
  /** False where the file's head looks as if it did not get smaller. */
  readonly compress: boolean
  /** Places in `former` of what stood in the run's place, the likeliest first; none where it was inserted. */
  readonly bases: readonly number[]
  readonly former: FormerContent
}

export class DeltaRun {
  readonly #onRun: (run: Run) => void
  readonly #bytes = new Uint8Array(RUN_BYTES_MAX + CHUNK_BYTES_MAX)
  #ids = new Uint8Array(64 * CHUNK_ID_BYTES)
  #lengths: number[] = []
  #filled = 0
  #compress = true
  #former: FormerContent | undefined
  /** Place in the former version of the last chunk that both have, or that a long run has come to. */
  #last = BEFORE_START

  constructor(onRun: (run: Run) => void) {
    this.#onRun = onRun
  }

  get isOpen(): boolean {
    return this.#former !== undefined
  }

  /** From here on, chunks are those of the next version. `last`: the place before which the part begins. */
  begin(former: FormerContent, last: number = BEFORE_START): void {
    this.#former = former
    this.#last = last
  }

  /** The next chunk of the file: whether the former version has it. If so, the run before it is handed on. */
  match(id: Uint8Array): boolean {
    const former = this.#former
    if (former === undefined) return false
    const place = former.find(id, this.#last + 1)
    if (place < 0) return false
    this.#close(former, place)
    this.#last = place
    return true
  }

  /** A chunk that did not match and is to be stored; copied. */
  add(chunk: Uint8Array, id: Uint8Array, compress: boolean): void {
    if (this.#filled > 0 && (this.#compress !== compress || this.#filled + chunk.length > RUN_BYTES_MAX))
      this.#closeOpenEnded()
    this.#compress = compress
    this.#bytes.set(chunk, this.#filled)
    this.#filled += chunk.length
    const at = this.#lengths.length * CHUNK_ID_BYTES
    if (at === this.#ids.length) {
      const larger = new Uint8Array(this.#ids.length * 2)
      larger.set(this.#ids)
      this.#ids = larger
    }
    this.#ids.set(id, at)
    this.#lengths.push(chunk.length)
  }

  /** The file, or the part of it, has ended. `whole`: it reaches to the end of the former version. */
  end(whole: boolean): void {
    const former = this.#former
    if (former === undefined) return
    if (whole) this.#close(former, former.count)
    else this.#closeOpenEnded()
    this.#former = undefined
  }

  /** Hands on a run that ends before the chunk at `place` of the former version. */
  #close(former: FormerContent, place: number): void {
    if (this.#filled === 0) return
    const from = this.#last + 1
    const wanted = this.#lengths.length + SLACK
    // Where the gap is wide, something else was removed there, or what follows was moved: the ends are nearest.
    const isNear = place >= from && place - from <= 2 * wanted
    const bases = isNear
      ? range(former, from, place)
      : place > from
        ? [...range(former, from, from + wanted), ...range(former, place - wanted, place)]
        : range(former, from, from + wanted)
    this.#hand(former, bases)
  }

  /** Hands on a run of which it is not known yet where it ends: it is taken to be as long as what it replaces. */
  #closeOpenEnded(): void {
    const former = this.#former
    if (former === undefined || this.#filled === 0) return
    const count = this.#lengths.length
    const from = this.#last + 1
    const bases = range(former, from, from + count)
    for (let away = 1; away <= SLACK; away++) {
      const after = from + count + away - 1
      bases.push(...range(former, from - away, from - away + 1), ...range(former, after, after + 1))
    }
    this.#last = Math.min(this.#last + count, former.count)
    this.#hand(former, bases)
  }

  #hand(former: FormerContent, bases: readonly number[]): void {
    const run: Run = {
      bytes: this.#bytes.subarray(0, this.#filled),
      lengths: this.#lengths,
      ids: this.#ids.subarray(0, this.#lengths.length * CHUNK_ID_BYTES),
      compress: this.#compress,
      bases: former.isHopeless ? [] : bases,
      former,
    }
    this.#filled = 0
    this.#lengths = []
    this.#onRun(run)
  }
}

/** Places that the former version has, from `from` to before `to`. */
function range(former: FormerContent, from: number, to: number): number[] {
  const places: number[] = []
  for (let place = Math.max(0, from); place < Math.min(to, former.count); place++) places.push(place)
  return places
}

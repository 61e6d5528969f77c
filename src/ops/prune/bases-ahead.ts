/** The bases of delta segments, read for many of them at once: one after the other, they would have the same segments decoded again and again. */
import { toHex } from '../../base/bytes.ts'
import { chunkIdsIn } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'

/** Bases that are in memory at once. */
const BYTES_MAX: number = 32 * 1024 * 1024

export type DeltaName = { readonly pack: number; readonly number: number }

export class BasesAhead {
  readonly #repository: Repository
  /** Of which no bases have been read yet. */
  readonly #left: Iterator<DeltaName>
  #chunks: ReadonlyMap<string, Uint8Array> = new Map()

  /** `deltas`: those that will be asked for, in this order. */
  constructor(repository: Repository, deltas: Iterable<DeltaName>) {
    this.#repository = repository
    this.#left = deltas[Symbol.iterator]()
  }

  /** The joined bases of a segment, each held against its id in this very call. Throws as `ChunkReader.dictionaryOf`. */
  async of(delta: DeltaName): Promise<Uint8Array> {
    const ids = this.#idsOf(delta)
    if (!ids.every((id) => this.#chunks.has(toHex(id)))) await this.#readFrom(delta)
    const { chunks } = this.#repository
    const bases = ids.flatMap((id) => {
      const bytes = this.#chunks.get(toHex(id))
      return bytes !== undefined && chunks.matches(bytes, id) ? bytes : []
    })
    return bases.length === ids.length
      ? Buffer.concat(bases)
      : await chunks.dictionaryOf(delta.pack, delta.number)
  }

  async #readFrom({ pack, number }: DeltaName): Promise<void> {
    const wanted = new Map<string, Uint8Array>()
    let bytes = 0
    let isReached = false
    while (bytes < BYTES_MAX) {
      const { value: next } = this.#left.next()
      if (next === undefined) break
      isReached ||= next.pack === pack && next.number === number
      if (!isReached) continue
      for (const id of this.#idsOf(next)) {
        const name = toHex(id)
        if (wanted.has(name)) continue
        wanted.set(name, id)
        bytes += this.#repository.chunks.lengthOf(id) ?? 0
      }
    }
    if (wanted.size > 0) this.#chunks = await this.#repository.chunks.chunks(wanted.values())
  }

  #idsOf({ pack, number }: DeltaName): Uint8Array[] {
    const row = this.#repository.manifest.packs.segmentOf(pack, number)
    return row === undefined ? [] : chunkIdsIn(row.bases)
  }
}

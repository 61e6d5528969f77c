/**
 * One place for each chunk, the same however often it is asked, also of chunks that lie in several packs: whoever counts
 * by places counts each chunk once. It does not see packs that are added later.
 */
import type { ChunkFinder } from '../../manifest/chunk-finder.ts'
import type { ChunkLocation } from '../../manifest/chunks-table.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { DUPLICATES_MAX, withOrdinals } from '../prune/live-chunks.ts'

/** `ordinal`: of the chunk in the pack, from 0. */
export type Place = { readonly pack: number; readonly ordinal: number; readonly segment: number }

/** Above the chunks of any pack. */
const ORDINALS = 2 ** 21

export class ChunkPlaces {
  readonly #finder: ChunkFinder
  /** From every place of a chunk that has several to the one that counts. */
  readonly #chosen = new Map<number, Place>()

  constructor(manifest: Manifest, packs: readonly PackRow[]) {
    this.#finder = manifest.chunkFinder(packs)
    manifest.reading(() => this.#choose(manifest, packs))
  }

  #choose(manifest: Manifest, packs: readonly PackRow[]): void {
    const usable = new Map(packs.map((pack) => [pack.no, pack]))
    const several = manifest.chunks
      .duplicates(DUPLICATES_MAX)
      .map((places) => places.filter(({ pack }) => usable.has(pack)))
      .filter((places) => places.length > 1)
    const isSound = ({ pack }: ChunkLocation): boolean => {
      const row = usable.get(pack)
      return row?.trusted === true && row.state !== 'quarantined'
    }
    const ordered = several.map((places) =>
      places.sort(
        (a, b) =>
          Number(isSound(b)) - Number(isSound(a)) ||
          a.depth - b.depth ||
          a.pack - b.pack ||
          a.segment - b.segment ||
          a.offset - b.offset,
      ),
    )
    const placed = withOrdinals(manifest, ordered.flat())
    let at = 0
    for (const { length } of ordered) {
      const [chosen] = placed.slice(at, at + 1)
      for (const place of placed.slice(at, at + length)) {
        if (chosen !== undefined) this.#chosen.set(keyOf(place), chosen)
      }
      at += length
    }
  }

  /** `undefined` where none of the packs holds the chunk. */
  find(id: Uint8Array): Place | undefined {
    const place = this.#finder.find(id)
    return place === undefined ? undefined : (this.#chosen.get(keyOf(place)) ?? place)
  }
}

const keyOf = ({ pack, ordinal }: Place): number => pack * ORDINALS + ordinal

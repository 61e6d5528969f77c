/**
 * When which delta segment is checked: as soon as the packs that hold its bases have been, because its dictionary fills while these are
 * decoded. It knows the order of the packs and neither reads nor decodes.
 */
import type { PackRow } from '../../manifest/packs-table.ts'
import { locateBases } from '../../repository/base-reader.ts'
import { DictionaryRooms, type GatheredDictionary } from '../../repository/gathered-bases.ts'
import type { Repository } from '../../repository/repository.ts'
import type { BaseCopy } from '../../workers/base-copies.ts'

/** Dictionaries that are gathered at once; what finds no room is checked at the end, with bases that are read for it. */
const GATHERED_BYTES_MAX: number = 64 * 1024 * 1024

export type ScheduledDelta = {
  readonly pack: PackRow
  readonly number: number
  /** `undefined`: its bases are to be read. */
  readonly dictionary: GatheredDictionary | undefined
}

/** What is to be copied out of a pack while it is decoded, by segment number. */
export type PackCopies = ReadonlyMap<number, readonly BaseCopy[]>

type Gathering = ScheduledDelta & { readonly dictionary: GatheredDictionary; packsLeft: number }

/** What one pack holds of the dictionaries that are being gathered. */
type Share = {
  readonly copies: Map<number, BaseCopy[]>
  /** And the segments that each needs. */
  readonly gatherings: Map<Gathering, Set<number>>
}

export class DeltaSchedule {
  readonly #repository: Repository
  readonly #rooms = new DictionaryRooms(GATHERED_BYTES_MAX)
  /** By the number of the first pack with bases of it. */
  readonly #beginning = new Map<number, ScheduledDelta[]>()
  /** By the number of the pack that holds bases. */
  readonly #shares = new Map<number, Share>()
  readonly #rest: ScheduledDelta[] = []
  /** Whose dictionaries fill. */
  readonly #gathering = new Set<Gathering>()
  /** Delta segments of each pack that has any. */
  readonly counts: Map<number, number> = new Map()

  /** `packs` in the order in which they will begin. */
  constructor(repository: Repository, packs: readonly PackRow[]) {
    this.#repository = repository
    const order = new Map(packs.map(({ no }, index) => [no, index]))
    const { packs: table } = repository.manifest
    const withDeltas = new Set(table.withDeltas())
    for (const pack of packs) {
      if (!withDeltas.has(pack.no)) continue
      const numbers = table.deltasOf(pack.no)
      this.counts.set(pack.no, numbers.length)
      for (const number of numbers) this.#plan({ pack, number, dictionary: undefined }, order)
    }
  }

  #plan(delta: ScheduledDelta, order: ReadonlyMap<number, number>): void {
    const bases = locateBases(this.#repository, delta.pack.no, delta.number) ?? []
    let first: number | undefined
    for (const { pack } of bases) {
      const at = order.get(pack)
      if (at === undefined) return void this.#rest.push(delta)
      if (first === undefined || at < (order.get(first) ?? 0)) first = pack
    }
    if (first === undefined) return void this.#rest.push(delta)
    const others = this.#beginning.get(first)
    if (others === undefined) this.#beginning.set(first, [delta])
    else others.push(delta)
  }

  /** What to copy out of this pack, which is decoded next. */
  begin(pack: number): PackCopies {
    for (const delta of this.#beginning.get(pack) ?? []) {
      const dictionary = this.#rooms.gather(this.#repository, delta.pack.no, delta.number)
      if (dictionary === undefined) this.#rest.push(delta)
      else this.#share({ ...delta, dictionary, packsLeft: 0 })
    }
    this.#beginning.delete(pack)
    return this.#shares.get(pack)?.copies ?? new Map()
  }

  #share(gathering: Gathering): void {
    this.#gathering.add(gathering)
    for (const { place, copy } of gathering.dictionary.bases) {
      let share = this.#shares.get(place.pack)
      if (share === undefined) {
        share = { copies: new Map(), gatherings: new Map() }
        this.#shares.set(place.pack, share)
      }
      const copies = share.copies.get(place.segment)
      if (copies === undefined) share.copies.set(place.segment, [copy])
      else copies.push(copy)
      const segments = share.gatherings.get(gathering)
      if (segments !== undefined) segments.add(place.segment)
      else {
        share.gatherings.set(gathering, new Set([place.segment]))
        gathering.packsLeft += 1
      }
    }
  }

  /** The pack has been decoded: the delta segments that wait for no other one. `isCopied`: whether all bases of a segment were. */
  end(pack: number, isCopied: (segment: number) => boolean): readonly ScheduledDelta[] {
    const ready: ScheduledDelta[] = []
    for (const [gathering, segments] of this.#shares.get(pack)?.gatherings ?? []) {
      if (![...segments].every(isCopied)) gathering.dictionary.hasFailed = true
      gathering.packsLeft -= 1
      if (gathering.packsLeft > 0) continue
      this.#gathering.delete(gathering)
      ready.push(gathering)
    }
    this.#shares.delete(pack)
    return ready
  }

  /** They have been checked, and no thread uses their dictionaries any more. */
  release(deltas: readonly ScheduledDelta[]): void {
    for (const { dictionary } of deltas) if (dictionary !== undefined) this.#rooms.release(dictionary)
  }

  /**
   * When all packs have ended: those whose bases could not be gathered, also because another process moved them meanwhile to packs that
   * are not among these. Each delta segment is either here or was ready before.
   */
  rest(): readonly ScheduledDelta[] {
    return [
      ...this.#rest,
      ...[...this.#gathering].map(({ pack, number }) => ({ pack, number, dictionary: undefined })),
    ]
  }
}

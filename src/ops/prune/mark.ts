/**
 * What the kept snapshots need, chunk by chunk. It fails closed: where it cannot be told what is needed, nothing may be
 * removed, so everything unreadable is thrown.
 */
import type { LoggedSnapshot } from '../../log/log-state.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import { Reachable } from '../../repository/reachable.ts'
import type { Repository } from '../../repository/repository.ts'
import { isDamage } from '../verify/report.ts'
import type { Holdings } from './inventory.ts'
import { LiveChunks } from './live-chunks.ts'

export type NeededParts = {
  readonly repository: Repository
  /** The packs that were known before `holdings` were listed. */
  readonly rows: readonly PackRow[]
  readonly holdings: Holdings
  readonly signal: AbortSignal
  /** No segment that is kept may have the chunk as a base. */
  readonly isErased?: ((id: Uint8Array) => boolean) | undefined
  /** Not to be relied upon as long as a chunk lies elsewhere. */
  readonly isDoubtful?: ((row: PackRow) => boolean) | undefined
  /** Absent: all are. What is needed is looked for in these alone. */
  readonly isPlace?: ((row: PackRow) => boolean) | undefined
}

export class Needed {
  readonly chunks: LiveChunks
  /** Packs that the storage holds whole. */
  readonly packs: PackRow[]
  /** Those that it does not. */
  readonly absent: readonly PackRow[]
  readonly #repository: Repository
  readonly #reachable: Reachable
  readonly #marked = new Set<SnapshotId>()
  /** Numbers of packs that are places, and of absent ones. */
  readonly #known: Set<number>
  readonly #isPlace: (row: PackRow) => boolean
  readonly #touched = new Set<number>()
  readonly #mourned = new Set<number>()

  constructor({ repository, rows, holdings, signal, isErased, isDoubtful, isPlace }: NeededParts) {
    const isThere = ({ id, bytes }: PackRow): boolean => holdings.packs.get(id)?.bytes === bytes
    this.#repository = repository
    this.#isPlace = isPlace ?? (() => true)
    this.packs = rows.filter((row) => isThere(row) && this.#isPlace(row))
    this.absent = rows.filter((row) => !isThere(row))
    this.#known = new Set([...this.packs, ...this.absent].map(({ no }) => no))
    const onNew = (pack: number): void => void this.#touched.add(pack)
    this.chunks = new LiveChunks(repository.manifest, this.packs, { onNew, isErased, isDoubtful })
    this.#reachable = new Reachable({ repository, visit: (id) => this.chunks.need(id), signal })
  }

  /** Packs that no entry names yet and of which something is needed: whoever relies on this must name them. */
  get unnamed(): PackRow[] {
    return this.packs.filter(({ no, state }) => state === 'pending' && (this.chunks.of(no)?.count ?? 0) > 0)
  }

  /** Numbers of packs of which a chunk became needed since `decide`. */
  get touched(): ReadonlySet<number> {
    return this.#touched
  }

  /** Numbers of absent packs, quarantined by an entry, that hold what is needed and is nowhere else: they may come back. */
  get mourned(): ReadonlySet<number> {
    return this.#mourned
  }

  /** Whether a directory is one of the marked snapshots', by its tree id. */
  hasTree(id: Uint8Array): boolean {
    return this.#reachable.hasTree(id)
  }

  /** What is needed by now is what packs are chosen by: one place of each chunk is kept. */
  decide(): void {
    this.chunks.keepOneOfEach()
    this.#touched.clear()
  }

  /** Of packs that are to go, those that are touched or mourned stay all the same. */
  #staying(going: ReadonlySet<number>): PackRow[] {
    const mourned = this.absent.filter(({ no }) => this.#mourned.has(no))
    return [...this.packs.filter(({ no }) => !going.has(no) || this.#touched.has(no)), ...mourned]
  }

  /**
   * The bases of all segments of packs that stay do so too: whoever finds a chunk in an index object may rely on it, and what is away may
   * come back. Part of deciding; returns whether anything more is needed now, or is to be written in full.
   */
  keepBases(going: ReadonlySet<number>): boolean {
    const { inFull } = this.chunks
    for (const { no } of this.#staying(going)) this.chunks.pin(no)
    const grew = this.#touched.size > 0 || this.chunks.inFull > inFull
    this.#touched.clear()
    return grew
  }

  /** The same when it is decided: what is touched by it stays. False where a pack that stays cannot keep the bases of a segment. */
  keepBasesOfTouched(going: ReadonlySet<number>): boolean {
    for (let before = -1; before < this.#touched.size; ) {
      before = this.#touched.size
      for (const { no } of this.#staying(going)) this.chunks.pin(no)
    }
    return this.stuck(going).length === 0
  }

  /**
   * Packs that stay, of which a segment would lose its bases. Not those that are there and were set aside: nobody relies on them, and what
   * can be read of them is copied.
   */
  stuck(going: ReadonlySet<number>): PackRow[] {
    const isCopied = ({ no, state }: PackRow): boolean => state === 'quarantined' && !this.#mourned.has(no)
    return this.#staying(going).filter((row) => this.chunks.hasInFull(row.no) && !isCopied(row))
  }

  /** `OBJECT_MISSING` or `OBJECT_DAMAGED` where it cannot be told what they need. Snapshots that were marked cost nothing. */
  async add(snapshots: readonly LoggedSnapshot[]): Promise<void> {
    for (const { id, root } of snapshots) {
      if (this.#marked.has(id)) continue
      try {
        await this.#reachable.add(root)
      } catch (error) {
        if (!isDamage(error)) throw error
        throw new SnapError(error.code, `it cannot be told what snapshot ${id} needs: ${error.message}`, {
          hint: 'Nothing was removed. Run `snap repair`; a snapshot that cannot be mended can be forgotten.',
          cause: error,
        })
      }
      this.#marked.add(id)
    }
    this.#refuseLost()
  }

  /** Takes packs in that others have stored meanwhile, or made places of. */
  learn(): void {
    const added = this.#repository.manifest.packs.list().filter(({ no }) => !this.#known.has(no))
    const places = added.filter(this.#isPlace)
    for (const { no } of places) this.#known.add(no)
    this.packs.push(...places)
    if (places.length > 0) this.chunks.learn(places)
  }

  /**
   * What is lost with a pack that an entry has quarantined is no reason to keep the rest for ever. What this client alone has set aside
   * explains nothing: nobody has been told.
   */
  #refuseLost(): void {
    const { chunks, packs } = this.#repository.manifest
    const known = this.#repository.log.state.quarantined
    const isQuarantined = (row: PackRow | undefined): boolean =>
      row?.state === 'quarantined' && known.has(row.id)
    let unexplained = 0
    for (const id of this.chunks.lost) {
      const places = chunks.locations(Buffer.from(id, 'latin1'))
      const quarantined = places.filter(({ pack }) => isQuarantined(packs.byNo(pack)))
      for (const { pack } of quarantined) this.#mourned.add(pack)
      if (quarantined.length === 0) unexplained += 1
    }
    if (unexplained === 0) return
    throw new SnapError('OBJECT_MISSING', `${unexplained} chunks that snapshots need are in no pack`, {
      hint: 'Nothing was removed. `snap verify` names the files; `snap repair` names packs again that only their index object has lost, and sets aside those that are gone. Then run this again.',
    })
  }
}

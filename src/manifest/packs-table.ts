/**
 * Packs, their segments and their listings. A listing is the pack's chunk lengths and whole chunk ids as one blob, so
 * that a pack's chunks can be told without a second index over all chunks. Knows nothing of how packs are sealed.
 */
import { assert } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { CHUNK_ID_BYTES, type PackId, packId } from '../model/ids.ts'
import { PACK_HEADER_BYTES } from '../model/limits.ts'
import type { PackKind, PackTable, SegmentRow } from '../model/pack-table.ts'
import type { ChunksTable, PackChunks } from './chunks-table.ts'
import type { Connection, Statement } from './connection.ts'
import { manifestDamaged } from './manifest-error.ts'

/** In the order of the stored numbers. `pending`: stored by this client, not yet in the log. */
const STATES = ['pending', 'live', 'quarantined'] as const
export type PackState = (typeof STATES)[number]

/** As the byte in the object header. */
const KIND_NUMBERS: Record<PackKind, number> = { data: 1, tree: 2 }

/** What lies in the pack, and what is known about it. */
export type NewPack = PackTable & {
  readonly state: PackState
  /** Written by this client or an admin, or attested. */
  readonly trusted: boolean
  readonly run?: number | undefined
}

export type PackRow = {
  readonly no: number
  readonly id: PackId
  readonly kind: PackKind
  readonly bytes: number
  readonly state: PackState
  readonly trusted: boolean
  readonly verifiedMs: number | null
  readonly run: number | null
}

export type SegmentPlace = {
  /** Of the sealed segment in the pack. */
  readonly offset: number
  readonly sealed: number
  readonly plain: number
  readonly depth: number
  readonly chunks: number
  readonly bases: Uint8Array
}

type StoredPack = {
  no: number
  id: Uint8Array
  kind: number
  bytes: number
  state: number
  trusted: number
  verifiedMs: number | null
  run: number | null
}
type StoredSegment = Omit<SegmentPlace, 'bases'> & { readonly bases: Uint8Array | null }

const NO_BASES = new Uint8Array(0)
const LENGTH_BYTES = 4
const COLUMNS = 'no, id, kind, bytes, state, trusted, verified_ms AS verifiedMs, run'
const SEGMENT_COLUMNS = 'offset, sealed, plain, depth, chunks, bases'

export class PacksTable {
  readonly #connection: Connection
  readonly #chunks: ChunksTable
  readonly #insert: Statement
  readonly #insertSegment: Statement
  readonly #insertListing: Statement
  readonly #byNo: Statement<StoredPack>
  readonly #byId: Statement<StoredPack>
  readonly #all: Statement<StoredPack>
  readonly #byState: Statement<StoredPack>
  readonly #segment: Statement<StoredSegment>
  readonly #segments: Statement<StoredSegment>
  readonly #deltas: Statement<number>
  readonly #withDeltas: Statement<number>
  readonly #lastNo: Statement<number>
  readonly #listing: Statement<Uint8Array>
  readonly #setState: Statement
  readonly #promote: Statement
  readonly #trust: Statement
  readonly #verified: Statement
  readonly #taken: Statement<number>
  readonly #countTaken: Statement
  readonly #removals: readonly Statement[]

  constructor(connection: Connection, chunks: ChunksTable) {
    this.#connection = connection
    this.#chunks = chunks
    this.#insert = connection.prepare(
      'INSERT INTO packs (id, kind, bytes, state, trusted, run) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#insertSegment = connection.prepare(
      `INSERT INTO segments (pack, number, ${SEGMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#insertListing = connection.prepare('INSERT INTO listings (pack, chunks) VALUES (?, ?)')
    this.#byNo = connection.prepare(`SELECT ${COLUMNS} FROM packs WHERE no = ?`)
    this.#byId = connection.prepare(`SELECT ${COLUMNS} FROM packs WHERE id = ?`)
    this.#all = connection.prepare(`SELECT ${COLUMNS} FROM packs ORDER BY no`)
    this.#byState = connection.prepare(`SELECT ${COLUMNS} FROM packs WHERE state = ? ORDER BY no`)
    this.#segment = connection.prepare(
      `SELECT ${SEGMENT_COLUMNS} FROM segments WHERE pack = ? AND number = ?`,
    )
    this.#segments = connection.prepare(
      `SELECT ${SEGMENT_COLUMNS} FROM segments WHERE pack = ? ORDER BY number`,
    )
    this.#deltas = connection.prepareValue('SELECT number FROM segments WHERE pack = ? AND depth > 0')
    this.#withDeltas = connection.prepareValue('SELECT DISTINCT pack FROM segments WHERE depth > 0')
    this.#lastNo = connection.prepareValue('SELECT coalesce(max(no), 0) FROM packs')
    this.#listing = connection.prepareValue('SELECT chunks FROM listings WHERE pack = ?')
    this.#setState = connection.prepare('UPDATE packs SET state = ? WHERE no = ?')
    this.#promote = connection.prepare('UPDATE packs SET state = 1 WHERE id = ? AND state = 0')
    this.#trust = connection.prepare('UPDATE packs SET trusted = 1 WHERE no = ?')
    this.#verified = connection.prepare('UPDATE packs SET verified_ms = ? WHERE no = ?')
    this.#taken = connection.prepareValue("SELECT value FROM meta WHERE key = 'packs taken away'")
    // States 0 and 1 are pending and live.
    this.#countTaken = connection.prepare(
      `INSERT INTO meta (key, value)
         SELECT 'packs taken away', 1 FROM packs WHERE no = ? AND trusted = 1 AND state <= 1
       ON CONFLICT (key) DO UPDATE SET value = value + 1`,
    )
    this.#removals = [
      connection.prepare('DELETE FROM listings WHERE pack = ?'),
      connection.prepare('DELETE FROM segments WHERE pack = ?'),
      connection.prepare('DELETE FROM packs WHERE no = ?'),
    ]
  }

  /**
   * Adds a pack with all that is in it, in one transaction (wrap many in one of your own: that is several times
   * faster), and returns its number. A known id keeps its table, and a pending pack becomes live where `pack` is; but
   * a trusted table replaces an untrusted one, which may be a lie. Quarantined packs stay so.
   */
  add(pack: NewPack): number {
    return this.#connection.transaction(() => {
      const known = this.byId(pack.id)
      if (known === undefined) return this.#add(pack, pack.state)
      const state = known.state === 'pending' ? pack.state : known.state
      if (pack.trusted && !known.trusted) {
        this.remove(known.no)
        return this.#add(pack, state)
      }
      if (state !== known.state) this.setState(known.no, state)
      return known.no
    })
  }

  #add(pack: NewPack, state: PackState): number {
    const chunks = listChunks(pack.segments)
    const stateNumber = STATES.indexOf(state)
    const trusted = pack.trusted ? 1 : 0
    const no = this.#insert.insert(
      fromHex(pack.id),
      KIND_NUMBERS[pack.kind],
      pack.bytes,
      stateNumber,
      trusted,
      pack.run ?? null,
    )
    let offset = PACK_HEADER_BYTES
    for (const [number, segment] of pack.segments.entries()) {
      const { sealed, plain, depth, bases, chunkLengths } = segment
      const stored = bases.length === 0 ? null : bases
      this.#insertSegment.run(no, number, offset, sealed, plain, depth, chunkLengths.length, stored)
      offset += sealed
    }
    this.#insertListing.run(no, chunks.listing)
    this.#chunks.insert(no, chunks)
    return no
  }

  byId(id: PackId): PackRow | undefined {
    const row = this.#byId.one(fromHex(id))
    return row === undefined ? undefined : this.#row(row)
  }

  byNo(no: number): PackRow | undefined {
    const row = this.#byNo.one(no)
    return row === undefined ? undefined : this.#row(row)
  }

  /** In the order in which they were added. */
  list(state?: PackState): PackRow[] {
    const rows = state === undefined ? this.#all.all() : this.#byState.all(STATES.indexOf(state))
    return rows.map((row) => this.#row(row))
  }

  /** Packs that this client stored and no log entry names yet: of a run that is under way or was interrupted (`run`). */
  pending(): PackRow[] {
    return this.list('pending')
  }

  segmentOf(pack: number, number: number): SegmentPlace | undefined {
    const row = this.#segment.one(pack, number)
    return row === undefined ? undefined : { ...row, bases: row.bases ?? NO_BASES }
  }

  /** Numbers of the pack's delta segments. */
  deltasOf(pack: number): number[] {
    return this.#deltas.all(pack)
  }

  /** The highest number of a pack; 0 where there is none. */
  lastNo(): number {
    return this.#lastNo.one() ?? 0
  }

  /** Numbers of packs that have delta segments. */
  withDeltas(): number[] {
    return this.#withDeltas.all()
  }

  /** The whole table of a pack, as it was added; empty for an unknown number. Views of one buffer, which is the caller's. */
  tableOf(pack: number): SegmentRow[] {
    const segments = this.#segments.all(pack)
    const { ids, lengths } = this.#chunksOf(pack)
    const tables: SegmentRow[] = []
    let at = 0
    for (const { sealed, plain, depth, chunks, bases } of segments) {
      const chunkLengths = lengths.subarray(at, at + chunks)
      const chunkIds = ids.subarray(at * CHUNK_ID_BYTES, (at + chunks) * CHUNK_ID_BYTES)
      tables.push({ sealed, plain, depth, bases: bases ?? NO_BASES, chunkLengths, chunkIds })
      at += chunks
    }
    if (at !== lengths.length)
      throw manifestDamaged(
        this.#connection.path,
        `lists ${lengths.length} chunks, not ${at}, for pack ${pack}`,
      )
    return tables
  }

  /** Returns false for an unknown number. */
  setState(no: number, state: PackState): boolean {
    return this.#connection.transaction(() => {
      if (state === 'quarantined') this.#countTaken.run(no)
      return this.#setState.run(STATES.indexOf(state), no) === 1
    })
  }

  /**
   * How often, by whichever process, a pack was removed or quarantined that could be relied upon before. Where that is as it was, every
   * chunk that was found in such a pack is there still.
   */
  takenAway(): number {
    return this.#taken.one() ?? 0
  }

  /** Pending packs become live, all or none; others are left as they are. Returns how many became live. */
  promote(ids: Iterable<PackId>): number {
    return this.#connection.transaction(() => {
      let count = 0
      for (const id of ids) count += this.#promote.run(fromHex(id))
      return count
    })
  }

  /** An admin or reader has rehashed it. Returns false for an unknown number. */
  trust(no: number): boolean {
    return this.#trust.run(no) === 1
  }

  markVerified(no: number, timeMs: number): boolean {
    return this.#verified.run(timeMs, no) === 1
  }

  /** Removes the pack with its segments and chunks. Returns false for an unknown number. */
  remove(no: number): boolean {
    return this.#connection.transaction(() => {
      this.#countTaken.run(no)
      this.#chunks.remove(no, this.#chunksOf(no).ids)
      let removed = 0
      for (const removal of this.#removals) removed = removal.run(no)
      return removed === 1
    })
  }

  #chunksOf(pack: number): { readonly ids: Uint8Array; readonly lengths: Uint32Array } {
    const stored = this.#listing.one(pack) ?? NO_BASES
    const count = stored.length / (LENGTH_BYTES + CHUNK_ID_BYTES)
    if (!Number.isInteger(count))
      throw manifestDamaged(this.#connection.path, `has a broken listing of pack ${pack}`)
    const listing = new Uint8Array(stored) // aligned, which a slice of a pool need not be
    return {
      lengths: new Uint32Array(listing.buffer, 0, count),
      ids: listing.subarray(count * LENGTH_BYTES),
    }
  }

  #row(row: StoredPack): PackRow {
    const state = STATES[row.state]
    if (state === undefined) throw manifestDamaged(this.#connection.path, `has a pack in state ${row.state}`)
    return {
      ...row,
      id: packId(toHex(row.id)),
      kind: row.kind === KIND_NUMBERS.tree ? 'tree' : 'data',
      state,
      trusted: row.trusted === 1,
    }
  }
}

/** Lengths (32 bits each, in this machine's byte order: the file never leaves it), then ids. */
function listChunks(tables: readonly SegmentRow[]): PackChunks & { readonly listing: Uint8Array } {
  let count = 0
  for (const table of tables) count += table.chunkLengths.length
  const listing = new Uint8Array(count * (LENGTH_BYTES + CHUNK_ID_BYTES))
  const lengths = new Uint32Array(listing.buffer, 0, count)
  const ids = listing.subarray(count * LENGTH_BYTES)
  const segments = new Uint32Array(count)
  const offsets = new Uint32Array(count)
  let at = 0
  for (const [number, { plain, bases, chunkLengths, chunkIds }] of tables.entries()) {
    assert(chunkIds.length === chunkLengths.length * CHUNK_ID_BYTES, 'an id for each chunk')
    assert(bases.length % CHUNK_ID_BYTES === 0, 'bases are whole ids')
    lengths.set(chunkLengths, at)
    ids.set(chunkIds, at * CHUNK_ID_BYTES)
    let offset = 0
    for (const length of chunkLengths) {
      segments[at] = number
      offsets[at] = offset
      offset += length
      at++
    }
    assert(offset === plain, 'the chunks of a segment add up to its plain bytes')
  }
  return { listing, lengths, ids, segments, offsets }
}

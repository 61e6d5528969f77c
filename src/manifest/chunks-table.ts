/**
 * Where each chunk lies. Rows are found by the first 16 bytes of the chunk id, a keyed hash: 128 bits decide, and a
 * reader rehashes what it reads. Knows nothing of what packs look like inside.
 */
import { assert } from '../base/assert.ts'
import { CHUNK_ID_BYTES, type PackId, packId } from '../model/ids.ts'
import type { Connection, Statement } from './connection.ts'

/** Bytes of a chunk id that a row holds; the whole ids stand in the pack's listing. */
export const CHUNK_KEY_BYTES = 16
/** Chunks of one pack: an index object (16 MiB) lists fewer, and the sort below packs an ordinal into 20 bits. */
export const PACK_CHUNKS_MAX = 1_048_576

/** `offset` and `bytes` lie in the segment's plaintext. */
export type ChunkLocation = {
  readonly pack: number
  readonly packId: PackId
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly depth: number
  readonly trusted: boolean
  /** A log entry names the pack. */
  readonly live: boolean
}

/** The chunks of a pack, one element each; `ids` is 32 bytes each. */
export type PackChunks = {
  readonly ids: Uint8Array
  readonly lengths: Uint32Array
  readonly segments: Uint32Array
  readonly offsets: Uint32Array
}

type StoredLocation = {
  pack: number
  id: string
  segment: number
  offset: number
  bytes: number
  depth: number
  trusted: number
  state: number
}

/**
 * Which packs that no entry names yet a run may rely on: its own, and of those that were there when it began (numbers up to `upTo`)
 * those of earlier runs that are not in `others`.
 */
export type Reliance = { readonly run: number; readonly others: readonly number[]; readonly upTo: number }

/** A pack that no entry names yet. */
export type PendingPack = { readonly no: number; readonly run: number | null }

export function mayRelyOn({ no, run }: PendingPack, reliance: Reliance): boolean {
  return run === reliance.run || (no <= reliance.upTo && (run === null || hasEnded(run, reliance)))
}

const hasEnded = (run: number, { run: own, others }: Reliance): boolean => run < own && !others.includes(run)

/** States 0 and 1 are pending and live. */
const USABLE_MAX = 1
const LIVE = -1
/** Below all numbers of runs. */
const NO_RUN = 0

export class ChunksTable {
  /** Of each place, the run that stored its pack, or one of the two below. */
  readonly #runs: Statement<number>
  readonly #locate: Statement<StoredLocation>
  readonly #doubled: Statement<Uint8Array>
  readonly #insert: Statement
  readonly #remove: Statement
  /** Bound and copied by SQLite within the call, so one serves all. */
  readonly #key: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_KEY_BYTES)

  constructor(connection: Connection) {
    this.#runs = connection.prepareValue(
      `SELECT CASE p.state WHEN 1 THEN ${LIVE} ELSE coalesce(p.run, ${NO_RUN}) END
       FROM chunks c CROSS JOIN packs p ON p.no = c.pack WHERE c.key = ? AND p.trusted = 1
         AND (p.state = 1 OR (p.state = 0 AND (p.run = ? OR p.no <= ?)))`,
    )
    // Few chunks lie in more than one place: ordering them here would cost every look-up a sorter.
    this.#locate = connection.prepare(
      `SELECT c.pack, lower(hex(p.id)) AS id, c.segment, c.offset, c.bytes, s.depth, p.trusted, p.state
       FROM chunks c CROSS JOIN packs p ON p.no = c.pack
         CROSS JOIN segments s ON s.pack = c.pack AND s.number = c.segment
       WHERE c.key = ?`,
    )
    this.#doubled = connection.prepareValue('SELECT key FROM chunks GROUP BY key HAVING count(*) > 1 LIMIT ?')
    this.#insert = connection.prepare(
      'INSERT INTO chunks (key, pack, segment, offset, bytes) VALUES (?, ?, ?, ?, ?)',
    )
    this.#remove = connection.prepare('DELETE FROM chunks WHERE key = ? AND pack = ?')
  }

  /** True where a trusted pack holds the chunk that is live, or pending and to be relied on: deduplicating against it is safe. */
  knows(id: Uint8Array, reliance: Reliance): boolean {
    const runs = this.#runs.all(this.#keyAt(id, 0), reliance.run, reliance.upTo)
    return runs.some((run) => run === LIVE || run === reliance.run || hasEnded(run, reliance))
  }

  /** The best place among trusted packs, live before pending. */
  locate(id: Uint8Array): ChunkLocation | undefined {
    let best: StoredLocation | undefined
    for (const row of this.#locate.all(this.#keyAt(id, 0))) {
      if (row.trusted === 1 && row.state <= USABLE_MAX && (best === undefined || byWorth(row, best) < 0))
        best = row
    }
    return best === undefined ? undefined : locationOf(best)
  }

  /** Every place, best first, untrusted packs last, and quarantined ones after them: for reading, where the hash decides. */
  locations(id: Uint8Array): ChunkLocation[] {
    return this.#locate.all(this.#keyAt(id, 0)).sort(byWorth).map(locationOf)
  }

  /** The places of up to `limit` chunks that have several. Reads the whole table once. */
  duplicates(limit: number): ChunkLocation[][] {
    return this.#doubled.all(limit).map((key) => this.#locate.all(key).map(locationOf))
  }

  /** In the order of keys, which touches each page of the tree once. */
  insert(pack: number, chunks: PackChunks): void {
    const { ids, lengths, segments, offsets } = chunks
    for (const ordinal of keyOrder(ids)) {
      const key = this.#keyAt(ids, ordinal * CHUNK_ID_BYTES)
      this.#insert.run(key, pack, segments[ordinal] ?? 0, offsets[ordinal] ?? 0, lengths[ordinal] ?? 0)
    }
  }

  remove(pack: number, ids: Uint8Array): void {
    for (const ordinal of keyOrder(ids)) this.#remove.run(this.#keyAt(ids, ordinal * CHUNK_ID_BYTES), pack)
  }

  #keyAt(ids: Uint8Array, at: number): Uint8Array {
    assert(at + CHUNK_ID_BYTES <= ids.length, 'a chunk id has 32 bytes')
    const key = this.#key
    for (let index = 0; index < CHUNK_KEY_BYTES; index++) key[index] = ids[at + index] ?? 0
    return key
  }
}

/** Usable packs first, trusted ones before others, then live before pending, then what needs the fewest other segments, then the oldest. */
function byWorth(left: StoredLocation, right: StoredLocation): number {
  return (
    Number(left.state > USABLE_MAX) - Number(right.state > USABLE_MAX) ||
    right.trusted - left.trusted ||
    right.state - left.state ||
    left.depth - right.depth ||
    left.pack - right.pack ||
    left.segment - right.segment ||
    left.offset - right.offset
  )
}

function locationOf(row: StoredLocation): ChunkLocation {
  return {
    pack: row.pack,
    packId: packId(row.id),
    segment: row.segment,
    offset: row.offset,
    bytes: row.bytes,
    depth: row.depth,
    trusted: row.trusted === 1,
    live: row.state === USABLE_MAX,
  }
}

/** Ordinals in the order of the ids' first 32 bits: a sort of plain doubles, without a comparator. */
function keyOrder(ids: Uint8Array): Uint32Array {
  const count = ids.length / CHUNK_ID_BYTES
  assert(Number.isInteger(count) && count <= PACK_CHUNKS_MAX, `${count} chunks in one pack`)
  const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength)
  const keys = new Float64Array(count)
  for (let ordinal = 0; ordinal < count; ordinal++) {
    keys[ordinal] = view.getUint32(ordinal * CHUNK_ID_BYTES) * PACK_CHUNKS_MAX + ordinal
  }
  keys.sort()
  return Uint32Array.from(keys, (key) => key % PACK_CHUNKS_MAX)
}

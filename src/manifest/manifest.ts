/**
 * The local database as one object: its tables over one connection. It can be rebuilt from the repository at any
 * time. Knows nothing of storage, keys or stored layouts: callers hand it plain values.
 */
import { ChunkFinder } from './chunk-finder.ts'
import { ChunksTable } from './chunks-table.ts'
import { compact } from './compact.ts'
import type { Connection } from './connection.ts'
import { EntriesTable } from './entries-table.ts'
import { IndexesTable } from './indexes-table.ts'
import { LogTable } from './log-table.ts'
import { MetaTable } from './meta-table.ts'
import { type PackRow, PacksTable } from './packs-table.ts'
import { RunsTable } from './runs-table.ts'
import { SnapshotsTable } from './snapshots-table.ts'
import { type ManifestStatistics, readStatistics } from './statistics.ts'
import { TreesTable } from './trees-table.ts'

/**
 * Any call may throw `MANIFEST_FAILED`. A log entry and all its effects belong in one transaction: a power cut may
 * take back the last transactions, and the fold goes on from the last entry that is there.
 */
export class Manifest implements Disposable {
  readonly meta: MetaTable
  readonly log: LogTable
  readonly snapshots: SnapshotsTable
  readonly indexes: IndexesTable
  readonly chunks: ChunksTable
  readonly packs: PacksTable
  readonly trees: TreesTable
  readonly entries: EntriesTable
  readonly runs: RunsTable
  readonly #connection: Connection

  /** Takes the connection over: disposing of the manifest closes it. */
  constructor(connection: Connection) {
    this.#connection = connection
    this.meta = new MetaTable(connection)
    this.log = new LogTable(connection)
    this.snapshots = new SnapshotsTable(connection)
    this.indexes = new IndexesTable(connection)
    this.chunks = new ChunksTable(connection)
    this.packs = new PacksTable(connection, this.chunks)
    this.trees = new TreesTable(connection)
    this.entries = new EntriesTable(connection)
    this.runs = new RunsTable(connection)
  }

  /**
   * Runs `work`, which is synchronous, as one IMMEDIATE transaction: all of it is stored, or nothing where it throws.
   * Transactions nest. Waits up to 30 s for another process that is writing.
   */
  transaction<T>(work: () => T): T {
    return this.#connection.transaction(work)
  }

  /** `work`, which is synchronous and writes nothing, sees one state of the manifest, whatever other processes write meanwhile. */
  reading<T>(work: () => T): T {
    return this.#connection.reading(work)
  }

  /** For reading very many chunks: those in `packs`, by default in trusted packs that are live or pending now. */
  chunkFinder(packs?: readonly PackRow[]): ChunkFinder {
    const usable = packs ?? this.packs.list().filter(isUsable)
    return new ChunkFinder(this.#connection, this.packs, usable)
  }

  /**
   * Writes the file anew without what was removed from it, so that nothing of that is left in it. Needs as much free disk as
   * the file has bytes. False where another process is reading: the old pages are in the write-ahead log until it has ended.
   */
  compact(): boolean {
    return compact(this.#connection)
  }

  statistics(): ManifestStatistics {
    return readStatistics(this.#connection)
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]()
  }
}

function isUsable({ state, trusted }: PackRow): boolean {
  return trusted && (state === 'live' || state === 'pending')
}

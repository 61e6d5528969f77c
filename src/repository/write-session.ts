/**
 * One run that adds to the repository, from first pack to commit. The order of durable steps is here and nowhere
 * else (format, section 9): packs, then index objects, then the check that everything relied upon exists, then the
 * log entry; only after that is a snapshot saved.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { createChunker } from '../chunker/chunker.ts'
import { gearTable } from '../chunker/gear.ts'
import { createZstd } from '../codec/zstd.ts'
import { createChunkHasher } from '../crypto/blake3.ts'
import type { Box } from '../crypto/box.ts'
import { type SnapshotDetails, sealDetails } from '../log/details.ts'
import { mayRelyOn, type Reliance } from '../manifest/chunks-table.ts'
import type { PackRow } from '../manifest/packs-table.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { SourceFiles } from '../model/files.ts'
import { ID_BYTES, type PackId, type SeriesId, type SnapshotId, snapshotId } from '../model/ids.ts'
import { CHUNK_BYTES_MAX } from '../model/limits.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import { packBufferBytes } from '../pack/pack-writer.ts'
import { type Content, encodeContent } from '../snapshot/content.ts'
import { type ArrivingSource, createArrivingSource } from '../workers/arriving-source.ts'
import { BaseFinder } from '../workers/base-finder.ts'
import type { BaseAnswer, BaseRequest } from '../workers/bases.ts'
import { DeltaFiller } from '../workers/delta-filler.ts'
import type { Executor, ExecutorFactory } from '../workers/executor.ts'
import { COMPRESSION_LEVELS } from '../workers/make-pipeline.ts'
import { type CheckedPack, PackFiller } from '../workers/pack-filler.ts'
import { createSeenMemory, SeenTable } from '../workers/seen-table.ts'
import type { CompressionMode, PipelineSetup } from '../workers/tasks.ts'
import { readBases } from './base-reader.ts'
import { ContentStore } from './content-store.ts'
import { discardIndexes, IndexWriter, type StoredIndex } from './index-writer.ts'
import { PackStore } from './pack-store.ts'
import { PrunedMeanwhile } from './pruned-meanwhile.ts'
import { Reachable } from './reachable.ts'
import { beginRun } from './reliance.ts'
import type { Repository } from './repository.ts'
import { SavedMeanwhile } from './saved-meanwhile.ts'
import { TreeRecorder } from './tree-recorder.ts'
import { setAside, setUndecodableAside } from './undecodable.ts'
import { unnamedPacks } from './unnamed-packs.ts'

/** Cuts what the main thread stores: room for more than the largest chunk. */
const TREE_WINDOW_BYTES = CHUNK_BYTES_MAX + 65_536
/** Tree packs that wait for the storage before the next flush of them is awaited. */
export const TREE_PACK_BYTES_TARGET: number = 8 * 1024 * 1024

const NEVER: AbortSignal = new AbortController().signal

export type WriteOptions = {
  readonly compression: CompressionMode
  /** Decode every pack again before it is stored. */
  readonly recheck: boolean
  /** Store edits as differences to what they were edited from. */
  readonly deltas: boolean
  readonly executor: ExecutorFactory
}

export type SnapshotDraft = {
  /** Absent: 128 random bits. */
  readonly id?: SnapshotId
  readonly series: SeriesId
  /** ms */
  readonly time: number
  readonly root: Content
  readonly details: SnapshotDetails
}

export class WriteSession implements AsyncDisposable {
  readonly executor: Executor
  readonly contents: ContentStore
  readonly recorder: TreeRecorder
  /** Packs that the repository has lost: what earlier snapshots hold is not to be relied upon. */
  readonly lostPacks: number
  /** Packs that only lost index objects named: this run's name them again. */
  readonly unnamedPacks: readonly PackRow[]
  readonly #repository: Repository
  readonly #reliance: Reliance
  #hasEnded = false
  readonly #box: Box
  readonly #store: PackStore
  readonly #index: IndexWriter
  readonly #treeFiller: PackFiller
  readonly #treeDeltas: DeltaFiller | undefined
  readonly #treeBases: ArrivingSource
  /** What was taken away when this run began: it relies on nothing of that. */
  readonly #collections: number
  readonly #takenAway: number
  #treeStores: Promise<void> = Promise.resolve()

  /** `series`: of the snapshot that is to be saved, where it is one alone. */
  static async begin(
    repository: Repository,
    options: WriteOptions,
    source: SourceFiles,
    series?: SeriesId,
  ): Promise<WriteSession> {
    await repository.storage.sweep()
    await repository.storage.secureReserve()
    const box = await repository.box()
    const lostPacks = await setLostAside(repository)
    const unnamed = await unnamedPacks(repository)
    return new WriteSession(repository, options, source, box, lostPacks, unnamed, series)
  }

  private constructor(
    repository: Repository,
    options: WriteOptions,
    source: SourceFiles,
    box: Box,
    lostPacks: number,
    unnamed: readonly PackRow[],
    series: SeriesId | undefined,
  ) {
    this.lostPacks = lostPacks
    this.unnamedPacks = unnamed
    this.#repository = repository
    this.#collections = repository.log.collections
    this.#box = box
    const { keys, config, manifest, storage, random, id } = repository
    const begun = beginRun(manifest, repository.processes, { startedMs: repository.clock.now(), series })
    this.#reliance = begun.reliance
    this.#takenAway = begun.takenAway
    this.#store = new PackStore(repository, box, this.#reliance.run)
    this.recorder = new TreeRecorder(manifest)
    this.#index = new IndexWriter({ storage, repository: id, indexKey: keys.indexKey, random })
    const seen = createSeenMemory()
    const hasEarlierPacks = this.#reliance.upTo > 0
    const setup: PipelineSetup = {
      idKey: keys.idKey,
      gearSecret: keys.gearSecret,
      chunk: config.chunks,
      media: config.incompressibleChunks,
      segmentBytes: config.segmentBytesTarget,
      packBytes: config.packBytesTarget,
      compression: options.compression,
      recheck: options.recheck,
      seen,
      manifestPath: hasEarlierPacks ? repository.manifestPath : undefined,
      reliance: this.#reliance,
      deltas: options.deltas && keys.contentSecret !== undefined,
    }
    const ticket = (): PackTicket => this.#store.ticket('data')
    const store = (pack: CheckedPack): Promise<void> => this.#storePack(pack)
    const bases = (request: BaseRequest): Promise<BaseAnswer> => readBases(repository, request)
    this.executor = options.executor(setup, { ticket, store, bases }, source)
    const hasher = createChunkHasher(keys.idKey)
    const zstd = createZstd()
    const level = COMPRESSION_LEVELS[options.compression]
    this.#treeFiller = new PackFiller({
      zstd,
      hasher,
      level,
      segmentBytes: config.segmentBytesTarget,
      packBytes: Math.min(config.packBytesTarget, TREE_PACK_BYTES_TARGET),
      recheck: options.recheck,
      nextTicket: () => this.#store.ticket('tree'),
      nextBuffer: () =>
        new Uint8Array(packBufferBytes(Math.min(config.packBytesTarget, TREE_PACK_BYTES_TARGET))),
      onPack: (pack) => this.#storeTree(pack),
    })
    this.#treeBases = createArrivingSource(bases)
    this.#treeDeltas =
      hasEarlierPacks && setup.deltas && level > 0
        ? new DeltaFiller({
            zstd,
            hasher,
            level,
            segmentBytes: config.segmentBytesTarget,
            recheck: options.recheck,
            finder: new BaseFinder(manifest),
            source: this.#treeBases,
            filler: this.#treeFiller,
          })
        : undefined
    this.contents = new ContentStore({
      chunker: createChunker(gearTable(keys.gearSecret), TREE_WINDOW_BYTES),
      params: config.chunks,
      hasher,
      seen: new SeenTable(seen),
      knows: hasEarlierPacks ? (chunk) => this.knows(chunk) : () => false,
      filler: this.#treeFiller,
      deltas: this.#treeDeltas,
    })
  }

  /** Whether a chunk is stored where this run may rely on it. */
  knows(chunk: Uint8Array): boolean {
    return this.#repository.manifest.chunks.knows(chunk, this.#reliance)
  }

  /** Bytes of all objects stored so far. */
  get bytesStored(): number {
    return this.#store.bytesStored
  }

  async #storePack(pack: CheckedPack): Promise<void> {
    await this.#store.store(pack)
    await this.#index.add(pack.table)
  }

  #storeTree(pack: CheckedPack): void {
    this.#treeStores = this.#treeStores.then(() => this.#storePack(pack))
    this.#treeStores.catch(() => undefined) // awaited in flush
  }

  /** Everything handed over so far is durable when this returns. */
  async flush(): Promise<void> {
    await this.executor.flush()
    this.#treeDeltas?.close()
    await this.#treeBases.settled()
    this.#treeDeltas?.flush()
    this.#treeFiller.flush()
    await this.#treeStores
    this.recorder.flush()
  }

  /** Commits the snapshot; it is saved when this returns. */
  async commit(draft: SnapshotDraft): Promise<SnapshotId> {
    const [id] = await this.commitAll([draft])
    assert(id !== undefined, 'one snapshot for each draft')
    return id
  }

  /** Commits one after the other, all over what was stored so far; each is saved when `onSaved` is told, and all when this returns. */
  async commitAll(
    drafts: readonly SnapshotDraft[],
    onSaved: (id: SnapshotId, draft: SnapshotDraft) => void = () => {},
  ): Promise<SnapshotId[]> {
    await this.flush()
    const repository = this.#repository
    await repository.log.follow()
    await this.#adoptPending()
    for (const pack of this.unnamedPacks) {
      if (repository.manifest.packs.byId(pack.id) !== undefined) await this.#namePack(pack)
    }
    const indexes = await this.#index.finish()
    await refuseLost(repository)
    const ids: SnapshotId[] = []
    for (const draft of drafts) {
      const id = draft.id ?? snapshotId(toHex(repository.random.bytes(ID_BYTES)))
      try {
        await this.#append(id, draft, indexes)
      } catch (error) {
        // What an entry names by now is in force.
        const isRefused = error instanceof PrunedMeanwhile || error instanceof SavedMeanwhile
        if (isRefused && ids.length === 0) await discardIndexes(repository.storage, indexes)
        throw error
      }
      ids.push(id)
      onSaved(id, draft)
    }
    this.#end('saved', ids.at(-1))
    return ids
  }

  async #append(id: SnapshotId, draft: SnapshotDraft, indexes: readonly StoredIndex[]): Promise<void> {
    const { log, keys, manifest } = this.#repository
    const details = sealDetails(this.#box, keys.contentPublic, draft.details)
    const { series, time: timeMs } = draft
    const root = encodeContent(draft.root)
    const named = new Set(indexes.flatMap(({ packs }) => packs))
    let [collections, takenAway] = [this.#collections, this.#takenAway]
    await log.append(
      async (state) => {
        // An entry that says so twice would count for nothing.
        if (state.snapshots.has(id)) throw new SavedMeanwhile(id)
        // More may be taken away while that goes on.
        while (log.collections !== collections || manifest.packs.takenAway() !== takenAway) {
          collections = log.collections
          takenAway = manifest.packs.takenAway()
          await this.#refuseTaken(draft.root, named)
        }
        if (indexes.some((index) => state.condemnedIndexes.has(index.id))) throw new PrunedMeanwhile()
        return {
          kind: 'commit',
          snapshot: id,
          series,
          headRead: state.next - 1,
          timeMs,
          root,
          indexes,
          details,
        }
      },
      () => indexes,
    )
  }

  /**
   * Where others collected meanwhile, or took packs out of this manifest: every chunk of the snapshot still lies in a pack that may be
   * relied upon. Of those that no entry names yet only `named` are: another run on this manifest may never name its own. What this key
   * cannot read cannot be checked, and counts as taken away.
   */
  async #refuseTaken(root: Content, named: ReadonlySet<PackId>): Promise<void> {
    this.recorder.flush()
    const { chunks, packs } = this.#repository.manifest
    // Of packs that entries name, collectors keep the bases.
    setUndecodableAside(this.#repository.manifest, packs.pending())
    const { condemnedPacks } = this.#repository.log.state
    for (const id of named) {
      // The snapshot may not need it, but whoever reads the index object relies on what it names.
      if (packs.byId(id) === undefined && !condemnedPacks.has(id)) throw new PrunedMeanwhile()
    }
    const reliable = new Set(packs.list('live').map(({ no }) => no))
    for (const { no, id } of packs.pending()) if (named.has(id)) reliable.add(no)
    const reachable = new Reachable({
      repository: this.#repository,
      visit: (id) => {
        // Live places come before pending ones, but of the pending ones any may come first.
        const isThere = chunks.locations(id).some(({ pack, trusted }) => trusted && reliable.has(pack))
        if (!isThere) throw new PrunedMeanwhile()
      },
      signal: NEVER,
    })
    try {
      await reachable.add(encodeContent(root))
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING', 'OBJECT_DAMAGED', 'KEY_WRONG')) throw new PrunedMeanwhile()
      throw error
    }
  }

  /** Packs that an interrupted run of this client stored are named by this run's index objects. */
  async #adoptPending(): Promise<void> {
    const { manifest } = this.#repository
    for (const pack of manifest.packs.pending()) {
      if (pack.run !== this.#reliance.run && mayRelyOn(pack, this.#reliance)) await this.#namePack(pack)
    }
  }

  async #namePack({ no, id, kind, bytes }: PackRow): Promise<void> {
    await this.#index.add({ id, kind, bytes, segments: this.#repository.manifest.packs.tableOf(no) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor[Symbol.asyncDispose]()
    await this.#treeStores.catch(() => undefined)
    if (this.#hasEnded) return
    try {
      this.#end('failed')
    } catch (error) {
      // Others find that out when this process has ended, and what failed before is what counts.
      if (!hasCode(error, 'MANIFEST_FAILED')) throw error
    }
  }

  /** From now on others may rely on what it stored, and name it. */
  #end(outcome: string, snapshot?: SnapshotId): void {
    const { manifest, clock } = this.#repository
    this.#hasEnded = true
    manifest.runs.end(this.#reliance.run, { endedMs: clock.now(), outcome, snapshot })
  }
}

/**
 * Sets packs aside that are not there whole: those of an interrupted run are forgotten, others are taken for damaged here,
 * so that this run stores again what only they held. Returns how many of the others there were.
 */
async function setLostAside(repository: Repository): Promise<number> {
  const { manifest } = repository
  const lost = await repository.lostPacks()
  manifest.transaction(() => {
    for (const row of lost) setAside(manifest, row)
    if (lost.length > 0) setUndecodableAside(manifest)
  })
  return lost.filter(({ state }) => state === 'live').length
}

/** Everything that a snapshot may rely on exists; otherwise nothing is committed. */
async function refuseLost(repository: Repository): Promise<void> {
  const lost = await repository.lostPacks()
  const [first] = lost
  if (first === undefined) return
  throw new SnapError(
    'OBJECT_MISSING',
    `pack ${first.id} went missing while the backup ran, and ${lost.length - 1} more`,
    {
      hint: 'Nothing was saved. Run the backup again: it will store again what is missing.',
    },
  )
}

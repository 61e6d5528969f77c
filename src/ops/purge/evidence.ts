/**
 * Which chunks nothing but purged content needed, gathered before the prune, and whether any of them is in a pack after it:
 * each is looked up in the tables of all packs that the storage has.
 */
import { dirname } from 'node:path'
import { createBreath } from '../../base/breath.ts'
import type { LoggedSnapshot } from '../../log/log-state.ts'
import type { PackId, SnapshotId } from '../../model/ids.ts'
import { PACK_PREFIX, packIdOf } from '../../object/object-keys.ts'
import { Reachable } from '../../repository/reachable.ts'
import type { Repository } from '../../repository/repository.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { ChunkOwners } from '../du/chunk-owners.ts'
import { NeedWalk } from '../du/need-walk.ts'
import { EVERYBODY, Owners } from '../du/owners.ts'
import type { Erasure } from '../prune/prune.ts'
import type { SelectedPath } from '../restore/selection.ts'
import { IdSpool } from './id-spool.ts'
import { type PurgePlan, selectionOf } from './plan.ts'
import { RemainingTrees } from './remaining-trees.ts'

export type PurgedChunks = {
  /** Chunks of what goes that nothing else needs: of files, of lists, and of directories that said what was in them. */
  readonly unique: number
  /** Their stored bytes. */
  readonly uniqueBytes: number
  /** Chunks of what goes that other files or directories need too: they stay. */
  readonly shared: number
}

export type Proof = {
  /** Of the unique ones, those that are still in a pack, and not needed. None, where nothing is damaged. */
  readonly left: number
  readonly leftIn: readonly PackId[]
  /** Those that snapshots need which were made meanwhile. */
  readonly neededAgain: number
  /** Packs that no index object names, as unfinished backups leave: what is in them is not known. */
  readonly unknownPacks: number
}

export type Marks = { readonly chunks: ChunkOwners; readonly counts: PurgedChunks; readonly gone: number }

/** What would go if nothing of `plan` were done yet. */
export async function estimate(
  repository: Repository,
  paths: readonly SelectedPath[],
  plan: PurgePlan,
  signal: AbortSignal,
): Promise<PurgedChunks> {
  const { owners, kept, gone, chunks, walk } = begin(repository, signal)
  const going = new Set(plan.superseded.map(({ id }) => id))
  const targets = new Set(plan.targets.map(({ snapshot }) => snapshot.id))
  const trees = new RemainingTrees(repository, selectionOf(paths), {
    signal,
    removed: ({ type, content }) =>
      content === undefined
        ? Promise.resolve()
        : type === 'dir'
          ? walk.directory(content, gone)
          : walk.content(content, gone),
    replaced: (content) => walk.content(content, gone),
    kept: (content, isDirectory) =>
      isDirectory ? walk.directory(content, kept) : walk.content(content, kept),
  })
  for (const { id, root } of repository.log.state.snapshots.values()) {
    if (targets.has(id)) await trees.without(decodeContent(root))
    else if (!going.has(id)) await walk.directory(decodeContent(root), kept)
  }
  const { shared } = chunks.held()
  for (const { root } of plan.superseded) await walk.directory(decodeContent(root), gone)
  return countsOf(chunks, owners, gone, shared)
}

/**
 * What goes, with the snapshots that are `superseded` by now, while their copies are in the fold. `mine`: originals of this
 * purge; of other superseded ones all goes that nothing else needs.
 */
export async function mark(
  repository: Repository,
  paths: readonly SelectedPath[],
  superseded: readonly LoggedSnapshot[],
  mine: ReadonlySet<SnapshotId>,
  signal: AbortSignal,
): Promise<Marks> {
  const { owners, kept, gone, chunks, walk } = begin(repository, signal)
  const going = new Set(superseded.map(({ id }) => id))
  for (const { id, root } of repository.log.state.snapshots.values())
    if (!going.has(id)) await walk.directory(decodeContent(root), kept)
  const trees = new RemainingTrees(repository, selectionOf(paths), {
    signal,
    removed: ({ type, content }) =>
      content === undefined
        ? Promise.resolve()
        : type === 'dir'
          ? walk.directory(content, gone)
          : walk.content(content, gone),
    replaced: (content) => walk.content(content, gone),
  })
  for (const { root } of superseded) await trees.without(decodeContent(root))
  const { shared } = chunks.held()
  // What an earlier purge was about is not known any more: all that only its originals have.
  for (const { id, root } of superseded) if (!mine.has(id)) await walk.directory(decodeContent(root), gone)
  return { chunks, gone, counts: countsOf(chunks, owners, gone, shared) }
}

function begin(repository: Repository, signal: AbortSignal) {
  const owners = new Owners()
  const kept = owners.add(EVERYBODY)
  const gone = owners.add(EVERYBODY)
  const { manifest } = repository
  // A segment does not keep its bases alive: it is written out in full where they go.
  const chunks = new ChunkOwners(manifest, manifest.packs.list(), owners, { withBases: false })
  return { owners, kept, gone, chunks, walk: new NeedWalk({ repository, chunks, owners, signal }) }
}

function countsOf(chunks: ChunkOwners, _owners: Owners, gone: number, shared: number): PurgedChunks {
  const held = chunks.held()
  return { unique: held.chunks[gone] ?? 0, uniqueBytes: held.bytes[gone] ?? 0, shared }
}

export class Evidence implements Disposable {
  readonly counts: PurgedChunks
  readonly erasure: Erasure
  readonly #repository: Repository
  readonly #ids: IdSpool
  readonly #signal: AbortSignal

  static async gather(
    repository: Repository,
    { chunks, counts, gone }: Marks,
    signal: AbortSignal,
  ): Promise<Evidence> {
    const spool = new IdSpool(dirname(repository.manifestPath))
    try {
      const packs = new Set<PackId>()
      const breathe = createBreath()
      for (const { ids } of chunks.idsOf(gone)) spool.add(ids)
      for (const id of spool.ids()) {
        for (const { packId } of repository.manifest.chunks.locations(id)) packs.add(packId)
        await breathe()
        signal.throwIfAborted()
      }
      const erasure = { packs, has: (id: Uint8Array) => chunks.ownerOf(id) === gone }
      return new Evidence(repository, spool, counts, erasure, signal)
    } catch (error) {
      spool[Symbol.dispose]()
      throw error
    }
  }

  private constructor(
    repository: Repository,
    ids: IdSpool,
    counts: PurgedChunks,
    erasure: Erasure,
    signal: AbortSignal,
  ) {
    this.#repository = repository
    this.#ids = ids
    this.counts = counts
    this.erasure = erasure
    this.#signal = signal
  }

  /** To be called after the prune. */
  async prove(): Promise<Proof> {
    const { manifest, storage, log } = this.#repository
    await log.follow()
    const known = new Set(manifest.packs.list().map(({ id }) => id))
    const stored = new Set<PackId>()
    let unknownPacks = 0
    for await (const { key } of storage.list(PACK_PREFIX)) {
      const id = packIdOf(key)
      if (id === undefined) continue
      stored.add(id)
      if (!known.has(id)) unknownPacks += 1
    }
    const left = new Map<string, PackId>()
    const breathe = createBreath()
    for (const id of this.#ids.ids()) {
      const place = manifest.chunks.locations(id).find(({ packId }) => stored.has(packId))
      if (place !== undefined) left.set(latin1(id), place.packId)
      await breathe()
      this.#signal.throwIfAborted()
    }
    const before = left.size
    if (before > 0) await this.#takeNeeded(left)
    return {
      left: left.size,
      leftIn: [...new Set(left.values())],
      neededAgain: before - left.size,
      unknownPacks,
    }
  }

  async #takeNeeded(left: Map<string, PackId>): Promise<void> {
    const repository = this.#repository
    const visit = (id: Uint8Array): void => void left.delete(latin1(id))
    const reachable = new Reachable({ repository, visit, signal: this.#signal })
    for (const { root } of repository.log.state.snapshots.values()) await reachable.add(root)
  }

  [Symbol.dispose](): void {
    this.#ids[Symbol.dispose]()
  }
}

const latin1 = (id: Uint8Array): string => Buffer.from(id).toString('latin1')

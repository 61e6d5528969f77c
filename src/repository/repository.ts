/**
 * An open repository, as operations see it: its keys, what its log says, and readers of what it holds. It owns the
 * storage and the manifest and closes both.
 */
import { createZstd, type Zstd } from '../codec/zstd.ts'
import { createChunkHasher } from '../crypto/blake3.ts'
import { type Box, loadBox } from '../crypto/box.ts'
import type { RepositoryConfig } from '../keys/config.ts'
import type { RepositoryKeys } from '../keys/hierarchy.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { PackRow } from '../manifest/packs-table.ts'
import type { Clock, Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import type { RepositoryId, SlotId } from '../model/ids.ts'
import type { Storage } from '../model/storage.ts'
import { PACK_PREFIX, packIdOf, packKey } from '../object/object-keys.ts'
import type { Processes } from '../storage/processes.ts'
import { ChunkReader } from './chunk-reader.ts'
import { LogFollower } from './log-follower.ts'
import { PackKeyring } from './pack-keyring.ts'
import { TreeReader } from './tree-reader.ts'

export type RepositoryParts = {
  readonly id: RepositoryId
  readonly storage: Storage
  readonly keys: RepositoryKeys
  readonly config: RepositoryConfig
  readonly manifest: Manifest
  /** For worker threads, which open their own connection. */
  readonly manifestPath: string
  /** The slot that opened it. */
  readonly slot: SlotId
  /** All that there were when it was opened. */
  readonly slotsAtOpening: ReadonlySet<SlotId>
  readonly processes: Processes
  readonly clock: Clock
  readonly random: Random
}

export class Repository implements AsyncDisposable {
  readonly id: RepositoryId
  readonly storage: Storage
  readonly keys: RepositoryKeys
  readonly config: RepositoryConfig
  readonly manifest: Manifest
  readonly manifestPath: string
  readonly slot: SlotId
  readonly slotsAtOpening: ReadonlySet<SlotId>
  readonly processes: Processes
  readonly clock: Clock
  readonly random: Random
  readonly log: LogFollower
  readonly chunks: ChunkReader
  readonly trees: TreeReader
  #keyring: Promise<PackKeyring> | undefined
  #zstd: Zstd | undefined

  constructor(parts: RepositoryParts) {
    this.id = parts.id
    this.storage = parts.storage
    this.keys = parts.keys
    this.config = parts.config
    this.manifest = parts.manifest
    this.manifestPath = parts.manifestPath
    this.slot = parts.slot
    this.slotsAtOpening = parts.slotsAtOpening
    this.processes = parts.processes
    this.clock = parts.clock
    this.random = parts.random
    this.log = new LogFollower({ ...parts, box: () => this.box() })
    this.chunks = this.#chunkReader()
    this.trees = new TreeReader(parts.manifest, this.chunks, parts.keys.idKey)
  }

  #chunkReader(): ChunkReader {
    return new ChunkReader({
      storage: this.storage,
      manifest: this.manifest,
      keyring: () => this.keyring(),
      zstd: () => this.zstd(),
      hasher: createChunkHasher(this.keys.idKey),
      refresh: () => this.log.refresh(),
    })
  }

  /** One that keeps decoded segments of its own, for who reads contents between directories: each would push the other out. */
  treesApart(): TreeReader {
    return new TreeReader(this.manifest, this.#chunkReader(), this.keys.idKey)
  }

  /** libsodium takes a while to load: only what seals or opens packs and names needs it. */
  box(): Promise<Box> {
    return loadBox()
  }

  zstd(): Zstd {
    this.#zstd ??= createZstd()
    return this.#zstd
  }

  /** The keys of packs. `KEY_WRONG` for a role that cannot read content. */
  keyring(): Promise<PackKeyring> {
    this.#keyring ??= this.#openKeyring()
    return this.#keyring
  }

  async #openKeyring(): Promise<PackKeyring> {
    const { contentSecret } = this.keys
    if (contentSecret === undefined) {
      throw new SnapError('KEY_WRONG', 'this key can add snapshots but not read them', {
        hint: 'Use the key of an admin or a reader.',
      })
    }
    return new PackKeyring(this.storage, this.id, { ...this.keys, contentSecret }, await this.box())
  }

  /** Packs that the log takes for live, or this client for pending, and the storage does not have, or has in another size. */
  async lostPacks(): Promise<PackRow[]> {
    const lost = await this.#missingPacks()
    if (lost.length === 0) return lost
    // Another client may have pruned them just now.
    await this.log.follow()
    return lost.filter(({ no, state }) => this.manifest.packs.byNo(no)?.state === state)
  }

  async #missingPacks(): Promise<PackRow[]> {
    const lost = new Map(
      this.manifest.packs
        .list()
        .filter((pack) => pack.state === 'live' || pack.state === 'pending')
        .map((pack) => [pack.id, pack] as const),
    )
    for await (const stat of this.storage.list(PACK_PREFIX)) {
      const id = packIdOf(stat.key)
      if (id !== undefined && lost.get(id)?.bytes === stat.bytes) lost.delete(id)
    }
    // A listing while others write and remove may leave out what is there.
    for (const [id, { bytes }] of lost) {
      if ((await this.storage.stat(packKey(id)))?.bytes === bytes) lost.delete(id)
    }
    return [...lost.values()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.manifest[Symbol.dispose]()
    await this.storage[Symbol.asyncDispose]()
  }
}

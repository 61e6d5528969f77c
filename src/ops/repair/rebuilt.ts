/**
 * Makes index objects anew for packs that none names, from the packs themselves. While that goes on, this client's manifest
 * has the packs as pending: their chunks are bases of others, and who is interrupted leaves what the next backup names.
 */
import type { ChunkLocation } from '../../manifest/chunks-table.ts'
import type { IndexId, PackId } from '../../model/ids.ts'
import { packKey } from '../../object/object-keys.ts'
import { IndexWriter, type StoredIndex } from '../../repository/index-writer.ts'
import type { Repository } from '../../repository/repository.ts'
import { hasBases } from '../../repository/undecodable.ts'
import { isDamage } from '../verify/report.ts'
import { type PackContents, PackContentsReader } from './read-pack.ts'

export type DamagedPack = { readonly pack: PackId; readonly reason: string }

export type RebuildParts = {
  readonly repository: Repository
  /** Stored bytes by pack. */
  readonly packBytes: ReadonlyMap<PackId, number>
  /** Only find out; nothing is stored. */
  readonly dryRun: boolean
  readonly looksAt: (key: string) => void
  readonly signal: AbortSignal
}

export class Rebuilt implements Disposable {
  readonly #parts: RebuildParts
  readonly #reader: PackContentsReader
  readonly #writer: IndexWriter
  /** Rows that were put into the manifest here. */
  readonly #added: PackId[] = []
  /** Whole; named by the index objects. */
  readonly packs: PackId[] = []
  /** Those of which segments can be read are named too. */
  readonly damaged: DamagedPack[] = []

  constructor(parts: RebuildParts) {
    const { storage, id, keys, random } = parts.repository
    this.#parts = parts
    this.#reader = new PackContentsReader(parts.repository)
    this.#writer = new IndexWriter({ storage, repository: id, indexKey: keys.indexKey, random })
  }

  /** Reads them all; the index objects are stored as they fill. */
  async read(packs: readonly PackId[]): Promise<void> {
    let waiting = packs
    for (;;) {
      const later: { readonly pack: PackId; readonly contents: PackContents }[] = []
      for (const pack of waiting) {
        const contents = await this.#contentsOf(pack)
        if (contents === undefined) continue
        if (contents.lacksBases) later.push({ pack, contents })
        else await this.#take(contents)
      }
      // Bases may lie in packs that were read after those that need them.
      if (later.length === 0) return
      if (later.length === waiting.length) {
        for (const { contents } of later) await this.#take(contents)
        return
      }
      waiting = later.map(({ pack }) => pack)
    }
  }

  /**
   * Whole packs over bases that lie neither in a pack in force nor in another whole one of these: they can be read as long as
   * those are there, but nobody keeps them.
   */
  unsupported(): DamagedPack[] {
    const { manifest, log } = this.#parts.repository
    const { quarantined } = log.state
    const standing = new Set(this.packs.filter((id) => !quarantined.has(id)))
    // This manifest may have them as live from an index object that is lost.
    const looked = new Set([...this.packs, ...this.damaged.map(({ pack }) => pack)])
    const isUsable = ({ pack, packId }: ChunkLocation): boolean =>
      looked.has(packId) ? standing.has(packId) : manifest.packs.byNo(pack)?.state === 'live'
    for (let before = -1; before !== standing.size; ) {
      before = standing.size
      for (const id of standing) {
        const row = manifest.packs.byId(id)
        if (row === undefined || !hasBases(manifest, row.no, isUsable)) standing.delete(id)
      }
    }
    return this.packs
      .filter((id) => !standing.has(id) && !quarantined.has(id))
      .map((pack) => ({ pack, reason: `pack ${pack}: bases of it lie in no pack in force` }))
  }

  /** Index objects, durable; none in a dry run. */
  async finish(): Promise<readonly StoredIndex[]> {
    return this.#parts.dryRun ? [] : this.#writer.finish()
  }

  /** `undefined`: nothing of it can be told. */
  async #contentsOf(pack: PackId): Promise<PackContents | undefined> {
    const { packBytes, looksAt, signal } = this.#parts
    signal.throwIfAborted()
    looksAt(packKey(pack))
    try {
      return await this.#reader.read(pack, packBytes.get(pack) ?? 0)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.damaged.push({ pack, reason: error.message })
      return undefined
    }
  }

  async #take({ table, damaged }: PackContents): Promise<void> {
    const { packs } = this.#parts.repository.manifest
    const [first] = damaged
    if (first !== undefined) {
      this.damaged.push({ pack: table.id, reason: first.reason })
      if (damaged.length === table.segments.length) return
    } else {
      this.packs.push(table.id)
      if (packs.byId(table.id) === undefined) this.#added.push(table.id)
      packs.add({ ...table, state: 'pending', trusted: true })
    }
    if (!this.#parts.dryRun) await this.#writer.add(table)
  }

  /** What was not named after all is not this client's to name. */
  [Symbol.dispose](): void {
    const { manifest } = this.#parts.repository
    manifest.transaction(() => {
      for (const id of this.#added.splice(0)) {
        const row = manifest.packs.byId(id)
        if (row?.state === 'pending' && row.run === null) manifest.packs.remove(row.no)
      }
    })
  }
}

/** Of index objects as a log entry names them. */
export function referencesOf(indexes: readonly StoredIndex[]): { id: IndexId; hash: Uint8Array }[] {
  return indexes.map(({ id, hash }) => ({ id, hash }))
}

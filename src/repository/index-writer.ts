/** Gathers the tables of stored packs into index objects of bounded size and stores them. */
import { toHex } from '../base/bytes.ts'
import { during } from '../base/trace.ts'
import { hash } from '../crypto/blake3.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import { ID_BYTES, type IndexId, indexId, type PackId, type RepositoryId } from '../model/ids.ts'
import { INDEX_BYTES_MAX, INDEX_BYTES_TARGET } from '../model/limits.ts'
import type { PackTable } from '../model/pack-table.ts'
import type { ObjectKey, Storage } from '../model/storage.ts'
import { indexKey } from '../object/object-keys.ts'
import { openNamed, sealNamed } from '../object/sealed-object.ts'
import { encodeIndex, indexBytes } from '../pack/index-object.ts'

/** An index object as the log names it: `hash` and `bytes` are of its raw bytes. */
export type StoredIndex = {
  readonly id: IndexId
  readonly hash: Uint8Array
  readonly bytes: number
  /** Those that it names. */
  readonly packs: readonly PackId[]
}

export type IndexWriterParts = {
  readonly storage: Storage
  readonly repository: RepositoryId
  readonly indexKey: Uint8Array
  readonly random: Random
}

export class IndexWriter {
  readonly #parts: IndexWriterParts
  readonly #stored: StoredIndex[] = []
  #tables: PackTable[] = []
  #bytes = 0

  constructor(parts: IndexWriterParts) {
    this.#parts = parts
  }

  /** The pack is durable by now. Stores an index object when enough have come, and before it would be too large. */
  async add(table: PackTable): Promise<void> {
    const bytes = indexBytes(table)
    if (this.#tables.length > 0 && this.#bytes + bytes > INDEX_BYTES_TARGET) await this.#storeTraced()
    this.#tables.push(table)
    this.#bytes += bytes
  }

  /** Stores what is left; all index objects of this run, durable. */
  async finish(): Promise<readonly StoredIndex[]> {
    if (this.#tables.length > 0) await this.#storeTraced()
    return this.#stored
  }

  #storeTraced(): Promise<void> {
    return during('index object', () => this.#store())
  }

  async #store(): Promise<void> {
    const { storage, repository, indexKey: secret, random } = this.#parts
    const tables = this.#tables
    this.#tables = []
    this.#bytes = 0
    const id = indexId(toHex(random.bytes(ID_BYTES)))
    const key = indexKey(id)
    const body = encodeIndex(tables)
    const bytes = sealNamed({ repositoryId: repository, type: 'index', key, secret, body, random })
    const digest = hash(bytes)
    // Whoever has no other manifest finds packs by this object alone: it is looked at as a reader will.
    const opened = openNamed({
      repositoryId: repository,
      type: 'index',
      key,
      secret,
      bytes,
      bodyBytesMax: INDEX_BYTES_MAX,
    })
    if (Buffer.compare(opened, encodeIndex(tables)) !== 0) throw spoiled(key)
    await storage.put(key, [bytes])
    if (Buffer.compare(hash(await storage.read(key)), digest) !== 0) throw spoiled(key)
    this.#stored.push({
      id,
      hash: digest,
      bytes: bytes.length,
      packs: tables.map((table) => table.id),
    })
  }
}

function spoiled(key: ObjectKey): SnapError {
  return new SnapError('OBJECT_DAMAGED', `${key} changed before or while it was stored`, {
    hint: "Nothing was saved. Check this machine's memory and the storage.",
  })
}

/** Removes index objects that no entry names, and that nobody else can name: their ids are known here alone. */
export async function discardIndexes(storage: Storage, indexes: readonly StoredIndex[]): Promise<void> {
  for (const { id } of indexes) await storage.remove(indexKey(id))
}

/** The keys of packs that are read, opened once each. It reads pack headers and nothing else. */
import type { Box } from '../crypto/box.ts'
import type { PackId, RepositoryId } from '../model/ids.ts'
import { PACK_HEADER_BYTES } from '../model/limits.ts'
import type { Storage } from '../model/storage.ts'
import { packKey } from '../object/object-keys.ts'
import { openPackKeys, type PackKeys, type PackReaderSecrets } from '../pack/pack-header.ts'

/** Packs whose keys are kept: 300 bytes each. */
const KEYRING_PACKS_MAX = 16_384

export type OpenedPack = PackKeys & { readonly header: Uint8Array }

export class PackKeyring {
  readonly #storage: Storage
  readonly #repository: RepositoryId
  readonly #secrets: PackReaderSecrets
  readonly #box: Box
  readonly #opened = new Map<PackId, OpenedPack>()

  constructor(storage: Storage, repository: RepositoryId, secrets: PackReaderSecrets, box: Box) {
    this.#storage = storage
    this.#repository = repository
    this.#secrets = secrets
    this.#box = box
  }

  async of(id: PackId): Promise<OpenedPack> {
    const known = this.#opened.get(id)
    if (known !== undefined) return known
    return this.ofHeader(id, await this.#storage.read(packKey(id), { offset: 0, bytes: PACK_HEADER_BYTES }))
  }

  /** Where the pack's first 160 bytes are at hand already. */
  ofHeader(id: PackId, bytes: Uint8Array): OpenedPack {
    const known = this.#opened.get(id)
    if (known !== undefined) return known
    const header = bytes.slice(0, PACK_HEADER_BYTES)
    const opened = { ...openPackKeys(header, this.#repository, id, this.#secrets, this.#box), header }
    if (this.#opened.size >= KEYRING_PACKS_MAX) {
      const oldest = this.#opened.keys().next().value
      if (oldest !== undefined) this.#opened.delete(oldest)
    }
    this.#opened.set(id, opened)
    return opened
  }
}

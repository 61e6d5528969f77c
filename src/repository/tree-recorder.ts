/** Keeps the bytes of directories in the manifest, many in one transaction, so that they need not be read again. */
import type { Manifest } from '../manifest/manifest.ts'
import { TREE_KEPT_BYTES_MAX } from '../manifest/trees-table.ts'

/** Encoded directories that wait for one transaction. */
const PENDING_TREES_MAX = 1_024
const PENDING_BYTES_MAX = 4_194_304

type PendingTree = { readonly id: Uint8Array; readonly bytes: Uint8Array | null }

export class TreeRecorder {
  readonly #manifest: Manifest
  #pending: PendingTree[] = []
  #bytes = 0

  constructor(manifest: Manifest) {
    this.#manifest = manifest
  }

  /** `bytes`: the encoded directory; kept until the next `flush`. */
  add(id: Uint8Array, bytes: Uint8Array): void {
    const kept = bytes.length <= TREE_KEPT_BYTES_MAX ? bytes : null
    this.#pending.push({ id, bytes: kept })
    this.#bytes += kept?.length ?? 0
    if (this.#bytes >= PENDING_BYTES_MAX || this.#pending.length >= PENDING_TREES_MAX) this.flush()
  }

  flush(): void {
    const trees = this.#pending
    this.#pending = []
    this.#bytes = 0
    if (trees.length === 0) return
    this.#manifest.transaction(() => {
      for (const { id, bytes } of trees) this.#manifest.trees.add(id, bytes)
    })
  }
}

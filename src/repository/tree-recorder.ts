/**
 * Writes directories into the manifest as rows, many in one transaction. Children come before their parents, so that
 * a parent's row can name its child's number.
 */
import type { Manifest } from '../manifest/manifest.ts'
import type { EntryRow } from '../manifest/trees-table.ts'
import { decodeEntry, ENTRY_AT } from '../snapshot/entry.ts'
import { entryNameBytes, treeId } from '../snapshot/tree.ts'

/** Entries that wait for one transaction. */
const PENDING_ENTRIES_MAX = 16_384
const TYPE_DIR = 2
const HIGH = 0x1_0000_0000

type PendingTree = {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
  readonly entries: readonly Uint8Array[]
}

export class TreeRecorder {
  readonly #manifest: Manifest
  readonly #idKey: Uint8Array
  #pending: PendingTree[] = []
  #entries = 0

  constructor(manifest: Manifest, idKey: Uint8Array) {
    this.#manifest = manifest
    this.#idKey = idKey
  }

  /** `bytes`: the encoded directory; `entries`: its encoded entries. Both are kept until the next `flush`. */
  add(id: Uint8Array, bytes: Uint8Array, entries: readonly Uint8Array[]): void {
    this.#pending.push({ id, bytes, entries })
    this.#entries += entries.length
    if (this.#entries >= PENDING_ENTRIES_MAX) this.flush()
  }

  flush(): void {
    const trees = this.#pending
    this.#pending = []
    this.#entries = 0
    if (trees.length === 0) return
    this.#manifest.transaction(() => {
      for (const { id, bytes, entries } of trees) {
        this.#manifest.trees.add(
          id,
          bytes,
          entries.map((entry) => this.#row(entry)),
        )
      }
    })
  }

  #row(entry: Uint8Array): EntryRow {
    const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_AT.name)
    const type = view.getUint8(ENTRY_AT.type)
    return {
      name: entryNameBytes(entry),
      type,
      size: view.getUint32(ENTRY_AT.size + 4, true) * HIGH + view.getUint32(ENTRY_AT.size, true),
      mtimeSec: view.getInt32(ENTRY_AT.mtimeSec + 4, true) * HIGH + view.getUint32(ENTRY_AT.mtimeSec, true),
      mtimeNsec: view.getUint32(ENTRY_AT.mtimeNsec, true),
      mode: view.getUint16(ENTRY_AT.mode, true),
      uid: view.getUint32(ENTRY_AT.uid, true),
      gid: view.getUint32(ENTRY_AT.gid, true),
      child: type === TYPE_DIR ? this.#childOf(entry) : null,
    }
  }

  #childOf(entry: Uint8Array): number | null {
    const { content } = decodeEntry(entry)
    if (content === undefined) return null
    return this.#manifest.trees.noOf(treeId(this.#idKey, content)) ?? null
  }
}

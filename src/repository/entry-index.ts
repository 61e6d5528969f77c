/**
 * Makes the rows of directories that somebody asks about: of all below given roots that have none yet. What it has still
 * to do is in the manifest, so that a run that was interrupted goes on where it was, and so does another process.
 */
import { createBreath } from '../base/breath.ts'
import { keyedHash } from '../crypto/blake3.ts'
import type { EntryRow, WaitingTree } from '../manifest/entries-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { hasCode, type SnapError } from '../model/errors.ts'
import type { ProgressListener } from '../model/progress.ts'
import { CHUNK_ITEM_BYTES, type Content, decodeContent, encodeContent } from '../snapshot/content.ts'
import { decodeEntry, ENTRY_AT } from '../snapshot/entry.ts'
import { entryNameBytes, splitTree, treeId } from '../snapshot/tree.ts'
import type { TreeReader } from './tree-reader.ts'

/** Rows, and directories, of one transaction. */
const ROWS_AT_ONCE_MAX = 16_384
/** Directories fetched from the list of those that wait. */
const TREES_AT_ONCE = 64
/** Encoded directories in memory before their rows are written; one that is larger is alone. */
const BYTES_AT_ONCE = 8_388_608
const CONTENT_MARK_BYTES = 8
const CONTENT_LABEL = new TextEncoder().encode('entry row')

export type EntryIndexParts = {
  readonly manifest: Manifest
  readonly trees: Pick<TreeReader, 'bytes'>
  readonly idKey: Uint8Array
}

export type EntryIndexPorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

/** A directory whose rows could not be made: it is tried again at the next update. */
export type LeftOutTree = { readonly tree: number; readonly error: SnapError }

export type EntryIndexReport = {
  /** Directories and rows that were added. */
  readonly trees: number
  readonly entries: number
  readonly leftOut: readonly LeftOutTree[]
}

type ReadTree = { readonly no: number; readonly entries: readonly Uint8Array[] }

export class EntryIndex {
  readonly #parts: EntryIndexParts

  constructor(parts: EntryIndexParts) {
    this.#parts = parts
  }

  /**
   * When it returns, every directory below `roots` has its rows, but for those left out because they are damaged or missing.
   * Cancelled, or failing otherwise, it keeps what is done. Counts directories as files of the progress.
   */
  async update(roots: readonly Content[], ports: EntryIndexPorts): Promise<EntryIndexReport> {
    const { manifest } = this.#parts
    const missing = roots.filter((root) => !this.#hasRows(root))
    if (missing.length > 0) {
      manifest.transaction(() => {
        for (const root of missing) this.#want(root)
      })
    }
    const leftOut = new Map<number, LeftOutTree>()
    const breathe = createBreath()
    const counts = { trees: 0, entries: 0 }
    const store = async (trees: readonly ReadTree[]): Promise<void> => {
      for (const rows of this.#store(trees)) {
        counts.entries += rows
        await breathe()
        ports.signal.throwIfAborted()
      }
      counts.trees += trees.length
      ports.progress({ kind: 'done', files: trees.length, bytes: 0 })
    }
    for (;;) {
      const waiting = manifest.entries
        .waiting(TREES_AT_ONCE + leftOut.size)
        .filter(({ tree }) => !leftOut.has(tree))
      if (waiting.length === 0) return { ...counts, leftOut: [...leftOut.values()] }
      const files = counts.trees + manifest.entries.waitingCount()
      ports.progress({ kind: 'total', files, bytes: 0, final: false })
      let read: ReadTree[] = []
      let bytes = 0
      for (const one of waiting) {
        ports.signal.throwIfAborted()
        const result = await this.#read(one)
        if ('error' in result) {
          leftOut.set(one.tree, result)
          continue
        }
        read.push(result)
        bytes += result.bytes
        if (bytes < BYTES_AT_ONCE) continue
        await store(read)
        read = []
        bytes = 0
      }
      await store(read)
    }
  }

  /** Reads alone: where nothing is missing, nobody who writes is waited for. */
  #hasRows(content: Content): boolean {
    const { manifest, idKey } = this.#parts
    const tree = manifest.trees.noOf(treeId(idKey, content))
    return tree !== undefined && manifest.entries.hasRows(tree)
  }

  /** The tree's number. Its rows will be made unless they are there. */
  #want(content: Content): number {
    const { manifest, idKey } = this.#parts
    const id = treeId(idKey, content)
    const tree = manifest.trees.noOf(id) ?? manifest.trees.add(id, null)
    manifest.entries.want(tree, encodeContent(content))
    return tree
  }

  /** What comes from the repository is checked entry by entry, and kept; the manifest's own copy was checked before. */
  async #read({
    tree,
    content,
  }: WaitingTree): Promise<(ReadTree & { readonly bytes: number }) | LeftOutTree> {
    const { manifest, trees, idKey } = this.#parts
    try {
      const decoded = decodeContent(content)
      const id = treeId(idKey, decoded)
      const kept = manifest.trees.byId(id)?.bytes
      const bytes = kept ?? (await trees.bytes(decoded, false))
      const { entries } = splitTree(bytes)
      if (kept == null) {
        for (const entry of entries) decodeEntry(entry)
        manifest.transaction(() => manifest.trees.add(id, bytes))
      }
      return { no: tree, entries, bytes: bytes.length }
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
      return { tree, error }
    }
  }

  /** One transaction for each step, which yields how many rows it wrote. */
  *#store(trees: readonly ReadTree[]): Generator<number> {
    const { manifest } = this.#parts
    let next = 0
    let from = 0
    while (next < trees.length) {
      yield manifest.transaction(() => {
        let rows = 0
        for (let room = ROWS_AT_ONCE_MAX; room > 0 && next < trees.length; room -= 1) {
          const { no, entries } = trees[next] ?? { no: 0, entries: [] }
          const slice = entries.slice(from, from + room)
          for (const encoded of slice) manifest.entries.add(no, this.#row(encoded))
          rows += slice.length
          room -= slice.length
          from += slice.length
          if (from < entries.length) continue
          manifest.entries.finish(no)
          next += 1
          from = 0
        }
        return rows
      })
    }
  }

  #row(encoded: Uint8Array): EntryRow {
    const { type, size, mtimeSec, mtimeNsec, mode, uid, gid, content } = decodeEntry(encoded)
    const isDirectory = type === 'dir'
    return {
      name: entryNameBytes(encoded),
      type: encoded[ENTRY_AT.type] ?? 0,
      ...{ size, mtimeSec, mtimeNsec, mode, uid, gid },
      content: content === undefined || isDirectory ? null : this.#mark(content),
      child: content === undefined || !isDirectory ? null : this.#want(content),
    }
  }

  /** The beginning of the only chunk's id, which is a keyed hash already; of more, a hash over all. */
  #mark(content: Content): Uint8Array {
    const { levels, items } = content
    if (levels === 0 && items.length <= CHUNK_ITEM_BYTES) return items.subarray(0, 1 + CONTENT_MARK_BYTES)
    const hash = keyedHash(this.#parts.idKey, CONTENT_LABEL, encodeContent(content))
    return hash.subarray(0, CONTENT_MARK_BYTES)
  }
}

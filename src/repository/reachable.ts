/**
 * Finds every chunk that snapshots need: walks their directories, each distinct one once, and hands over the id of each chunk
 * of each file, list and directory. It does not know where chunks lie, nor what is done with them.
 */
import { setImmediate } from 'node:timers/promises'
import { SnapError } from '../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../model/limits.ts'
import { type Content, decodeContent, readItems } from '../snapshot/content.ts'
import { decodeEntry } from '../snapshot/entry.ts'
import { splitTree, treeId } from '../snapshot/tree.ts'
import type { Repository } from './repository.ts'

/** Of a tree's id: enough to tell trees apart, for a set of all of them. */
const TREE_KEY_BYTES = 16
/** Signals get their turn. */
const BREATH_EVERY_MS = 10
/** Items of one file between two looks at the clock. */
const BREATH_EVERY_ITEMS = 4_096

export type ReachableParts = {
  readonly repository: Pick<Repository, 'trees' | 'chunks' | 'keys'>
  /** Called at least once for each chunk; the id is a view that holds for the call alone. */
  readonly visit: (id: Uint8Array) => void
  readonly signal: AbortSignal
}

export class Reachable {
  readonly #parts: ReachableParts
  readonly #seen = new Set<string>()
  #breathed = 0

  constructor(parts: ReachableParts) {
    this.#parts = parts
  }

  /** Distinct directories so far. */
  get trees(): number {
    return this.#seen.size
  }

  /** Whether a directory was met, by its tree id. */
  hasTree(id: Uint8Array): boolean {
    return this.#seen.has(keyOf(id))
  }

  /**
   * `root`: an encoded content. What cannot be read is thrown (`OBJECT_MISSING`, `OBJECT_DAMAGED`, `LIMIT_EXCEEDED`): below a
   * directory that is not there, nobody knows what is needed.
   */
  async add(root: Uint8Array): Promise<void> {
    const stack: { readonly content: Content; readonly depth: number }[] = []
    const push = (content: Content, depth: number): void => {
      const id = treeId(this.#parts.repository.keys.idKey, content)
      const key = keyOf(id)
      if (this.#seen.has(key)) return
      this.#seen.add(key)
      stack.push({ content, depth })
    }
    push(decodeContent(root), 0)
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { content, depth } = next
      if (depth > DIRECTORY_DEPTH_MAX) {
        throw new SnapError('LIMIT_EXCEEDED', `directories are nested deeper than ${DIRECTORY_DEPTH_MAX}`)
      }
      await this.#breathe()
      await this.#content(content)
      for (const bytes of splitTree(await this.#parts.repository.trees.bytes(content)).entries) {
        const entry = decodeEntry(bytes)
        if (entry.content === undefined) continue
        if (entry.type === 'dir') push(entry.content, depth + 1)
        else await this.#content(entry.content)
      }
    }
  }

  /** The chunks of all levels. */
  async #content(content: Content): Promise<void> {
    const { repository, visit } = this.#parts
    if (content.levels === 0) {
      for (const item of readItems(content.items)) if ('chunk' in item) visit(item.chunk)
      return
    }
    let count = 0
    for await (const item of repository.chunks.items(content, visit)) {
      if ('chunk' in item) visit(item.chunk)
      if (++count % BREATH_EVERY_ITEMS === 0) await this.#breathe()
    }
  }

  async #breathe(): Promise<void> {
    const now = performance.now()
    if (now - this.#breathed < BREATH_EVERY_MS) return
    await setImmediate()
    this.#breathed = performance.now()
    this.#parts.signal.throwIfAborted()
  }
}

function keyOf(tree: Uint8Array): string {
  return Buffer.from(tree.buffer, tree.byteOffset, TREE_KEY_BYTES).toString('latin1')
}

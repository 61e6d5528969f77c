/**
 * Walks what owners need and tells the chunks: a directory that many snapshots have is read again only while it can still
 * change whose its chunks are. It does not know what is done with the numbers.
 */
import { createBreath } from '../../base/breath.ts'
import { SnapError } from '../../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, readItems } from '../../snapshot/content.ts'
import { decodeEntry } from '../../snapshot/entry.ts'
import { splitTree, treeId } from '../../snapshot/tree.ts'
import type { ChunkOwners } from './chunk-owners.ts'
import type { Owner, Owners } from './owners.ts'

const TREE_KEY_BYTES = 16
/** Items of one file between two looks at the clock. */
const BREATH_EVERY_ITEMS = 4_096

export type NeedWalkParts = {
  readonly repository: Pick<Repository, 'trees' | 'chunks' | 'keys'>
  readonly chunks: ChunkOwners
  readonly owners: Owners
  readonly signal: AbortSignal
}

/** Whose the directories in a directory are, where that is not the owner of the directory itself. */
export type Division = (name: string) => { readonly owner: Owner; readonly below?: Division | undefined }

type Visit = {
  readonly content: Content
  readonly owner: Owner
  readonly below: Division | undefined
  readonly depth: number
}

export class NeedWalk {
  readonly #parts: NeedWalkParts
  readonly #trees = new Map<string, Owner>()
  readonly #breathe = createBreath()

  constructor(parts: NeedWalkParts) {
    this.#parts = parts
  }

  /**
   * The owner needs the directory and all in it. `OBJECT_MISSING`, `OBJECT_DAMAGED` or `LIMIT_EXCEEDED` where it cannot be
   * told what that is. A walk that divides comes before all others that meet the same directories.
   */
  async directory(root: Content, owner: Owner, below?: Division): Promise<void> {
    const stack: Visit[] = [{ content: root, owner, below, depth: 0 }]
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (!this.#isNews(next)) continue
      if (next.depth > DIRECTORY_DEPTH_MAX) {
        throw new SnapError('LIMIT_EXCEEDED', `directories are nested deeper than ${DIRECTORY_DEPTH_MAX}`)
      }
      await this.#breath()
      await this.content(next.content, next.owner)
      for (const bytes of splitTree(await this.#parts.repository.trees.bytes(next.content)).entries) {
        const { name, type, content } = decodeEntry(bytes)
        if (content === undefined) continue
        if (type !== 'dir') await this.content(content, next.owner)
        else {
          const child = next.below?.(name) ?? { owner: next.owner, below: undefined }
          stack.push({ content, owner: child.owner, below: child.below, depth: next.depth + 1 })
        }
      }
    }
  }

  /** The chunks of a file, or of an encoded directory itself, those of its lists among them. */
  async content({ levels, items }: Content, owner: Owner): Promise<void> {
    const { repository, chunks } = this.#parts
    const visit = (id: Uint8Array): void => chunks.need(id, owner)
    if (levels === 0) {
      for (const item of readItems(items)) if ('chunk' in item) visit(item.chunk)
      return
    }
    let count = 0
    for await (const item of repository.chunks.items({ levels, items }, visit)) {
      if ('chunk' in item) visit(item.chunk)
      if (++count % BREATH_EVERY_ITEMS === 0) await this.#breath()
    }
  }

  /** What is below has all been told where whose the directory is stays the same. */
  #isNews({ content, owner }: Visit): boolean {
    const id = treeId(this.#parts.repository.keys.idKey, content)
    const key = Buffer.from(id.buffer, id.byteOffset, TREE_KEY_BYTES).toString('latin1')
    const before = this.#trees.get(key)
    const after = before === undefined ? owner : this.#parts.owners.join(before, owner)
    if (after === before) return false
    this.#trees.set(key, after)
    return true
  }

  async #breath(): Promise<void> {
    await this.#breathe()
    this.#parts.signal.throwIfAborted()
  }
}

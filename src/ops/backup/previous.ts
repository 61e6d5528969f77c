/**
 * The parent snapshot as the walk compares with it. Where the repository is known to have lost something, what is taken
 * over from the parent is first checked to be stored still.
 */
import { hasCode } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, decodeContent, readItems } from '../../snapshot/content.ts'
import { decodeEntry } from '../../snapshot/entry.ts'
import type { PreviousDirectory } from './directory-node.ts'

export class PreviousSnapshot {
  readonly #repository: Repository
  readonly #knows: (chunk: Uint8Array) => boolean
  /** Some pack is set aside, or some index object could not be read. */
  readonly #careful: boolean

  /** `knows`: whether a chunk is stored where the backup may rely on it. */
  constructor(repository: Repository, knows: (chunk: Uint8Array) => boolean) {
    this.#repository = repository
    this.#knows = knows
    const { log, manifest } = repository
    this.#careful = log.indexProblems.length > 0 || manifest.packs.list('quarantined').length > 0
  }

  /** Nothing that the repository is known to have lost stands in the way of relying on all of it, without looking it up. */
  get isWhole(): boolean {
    return !this.#careful
  }

  /** `root`: encoded content; `undefined` where it cannot be read. */
  root(root: Uint8Array): Promise<PreviousDirectory | undefined> {
    return this.#directory(() => decodeContent(root))
  }

  directoryAt(content: Content): Promise<PreviousDirectory | undefined> {
    return this.#directory(() => content)
  }

  /** The directory that an encoded entry names. */
  directory(encoded: Uint8Array): Promise<PreviousDirectory | undefined> {
    return this.#directory(() => {
      const { type, content, unreadable } = decodeEntry(encoded)
      return type === 'dir' && unreadable === undefined ? content : undefined
    })
  }

  /** Damage must not stop the next backup: what cannot be read is backed up as if it were new. */
  async #directory(contentOf: () => Content | undefined): Promise<PreviousDirectory | undefined> {
    try {
      const content = contentOf()
      if (content === undefined) return undefined
      return { content, tree: await this.#repository.trees.encoded(content) }
    } catch (error) {
      if (isUnreadable(error)) return undefined
      throw error
    }
  }

  /** Whether all that a file's encoded entry needs is in packs that may be relied upon; a promise where a list is to be read. */
  isFileStored(encoded: Uint8Array): boolean | Promise<boolean> {
    if (!this.#careful) return true
    const { content } = decodeEntry(encoded)
    return content === undefined || content.levels === 0
      ? this.isStored(content)
      : this.#isListStored(content)
  }

  async #isListStored(content: Content): Promise<boolean> {
    let isWhole = true
    const look = (chunk: Uint8Array): void => {
      isWhole &&= this.#knows(chunk)
    }
    try {
      for await (const item of this.#repository.chunks.items(content, look)) {
        if ('chunk' in item) look(item.chunk)
        if (!isWhole) return false
      }
    } catch (error) {
      if (isUnreadable(error)) return false
      throw error
    }
    return isWhole
  }

  /** The same of a directory's content. A list is not looked into: it counts as not stored. */
  isStored(content: Content | undefined): boolean {
    if (!this.#careful || content === undefined) return true
    if (content.levels > 0) return false
    for (const item of readItems(content.items)) if ('chunk' in item && !this.#knows(item.chunk)) return false
    return true
  }
}

/** To this key: a writer's opens nothing that is not in the manifest. */
const isUnreadable = (error: unknown): boolean =>
  hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED', 'KEY_WRONG')

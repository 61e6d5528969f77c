/** The directories of a snapshot down to some depth, each with the sizes of all files in it. It counts no stored bytes. */
import { createBreath } from '../../base/breath.ts'
import { SnapError } from '../../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Content } from '../../snapshot/content.ts'
import { decodeEntry } from '../../snapshot/entry.ts'
import { treeId } from '../../snapshot/tree.ts'

export type SizedDirectory = {
  readonly name: string
  readonly files: number
  /** Sizes of all files at and below it; a file with several names counts for each. */
  readonly bytes: number
  /** Empty below the depth asked for. */
  readonly directories: readonly SizedDirectory[]
}

type Sum = { readonly files: number; readonly bytes: number }

export class DirectorySizes {
  readonly #repository: Pick<Repository, 'trees' | 'keys'>
  readonly #signal: AbortSignal
  readonly #sums = new Map<string, Sum>()
  readonly #breathe = createBreath()

  constructor(repository: Pick<Repository, 'trees' | 'keys'>, signal: AbortSignal) {
    this.#repository = repository
    this.#signal = signal
  }

  /** The directory at `names` below `root`. `PATH_UNKNOWN` where there is none. */
  async at(root: Content, names: readonly string[], depth: number): Promise<SizedDirectory> {
    let content = root
    for (const [index, name] of names.entries()) {
      const { entries } = await this.#repository.trees.tree(content)
      const entry = entries.find((candidate) => candidate.name === name)
      if (entry?.type !== 'dir' || entry.content === undefined) {
        const path = `/${names.slice(0, index + 1).join('/')}`
        throw new SnapError('PATH_UNKNOWN', `the snapshot has no directory ${path}`, {
          hint: 'Look around with `snap ls`.',
        })
      }
      content = entry.content
    }
    return this.#sized(names.at(-1) ?? '', content, depth)
  }

  async #sized(name: string, content: Content, depth: number): Promise<SizedDirectory> {
    const { files, bytes } = await this.#sum(content, 0)
    if (depth === 0) return { name, files, bytes, directories: [] }
    const directories: SizedDirectory[] = []
    for (const encoded of (await this.#repository.trees.encoded(content)).entries) {
      const entry = decodeEntry(encoded)
      if (entry.type !== 'dir' || entry.content === undefined) continue
      directories.push(await this.#sized(entry.name, entry.content, depth - 1))
    }
    return { name, files, bytes, directories }
  }

  async #sum(content: Content, depth: number): Promise<Sum> {
    if (depth > DIRECTORY_DEPTH_MAX) {
      throw new SnapError('LIMIT_EXCEEDED', `directories are nested deeper than ${DIRECTORY_DEPTH_MAX}`)
    }
    const key = Buffer.from(treeId(this.#repository.keys.idKey, content)).toString('latin1')
    const known = this.#sums.get(key)
    if (known !== undefined) return known
    await this.#breathe()
    this.#signal.throwIfAborted()
    let files = 0
    let bytes = 0
    for (const encoded of (await this.#repository.trees.encoded(content)).entries) {
      const entry = decodeEntry(encoded)
      if (entry.type === 'file') {
        files += 1
        bytes += entry.size
      } else if (entry.type === 'dir' && entry.content !== undefined) {
        const below = await this.#sum(entry.content, depth + 1)
        files += below.files
        bytes += below.bytes
      }
    }
    this.#sums.set(key, { files, bytes })
    return { files, bytes }
  }
}

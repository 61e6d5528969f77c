/** Open directories below the restore target, a bounded number, found by their path as names. */
import type { TargetDirectory } from '../model/files.ts'

const OPEN_DIRECTORIES_MAX = 128
/** Of these, what one descent may push the others out for: a second directory in use stays open. */
const DESCENT_KEPT_MAX = 48

export class DirectoryCache implements Disposable {
  readonly #root: TargetDirectory
  readonly #open = new Map<string, TargetDirectory>()

  /** The root stays the caller's. */
  constructor(root: TargetDirectory) {
    this.#root = root
  }

  /**
   * `path`: names joined by `/`, '' for the root. Valid until the next but one call: with too many open, the least recently used is
   * closed.
   */
  of(path: string): TargetDirectory {
    if (path === '') return this.#root
    const known = this.#take(path)
    if (known !== undefined) return known
    const slash = path.lastIndexOf('/')
    const parent = slash === -1 ? this.#root : this.#take(path.slice(0, slash))
    if (parent !== undefined) return this.#keep(path, parent.enter(path.slice(slash + 1)))
    return this.#descend(path.split('/'))
  }

  /** Keeps the last directories on the way too: whoever comes up from the depths wants them next. */
  #descend(names: readonly string[]): TargetDirectory {
    const keepFrom = names.length - DESCENT_KEPT_MAX
    let at = this.#root
    let isOwn = false
    let path = ''
    try {
      names.forEach((name, depth) => {
        path = depth === 0 ? name : `${path}/${name}`
        const known = this.#take(path)
        const next = known ?? at.enter(name)
        if (isOwn) at[Symbol.dispose]()
        isOwn = known === undefined && depth < keepFrom
        at = isOwn || known !== undefined ? next : this.#keep(path, next)
      })
    } catch (error) {
      if (isOwn) at[Symbol.dispose]()
      throw error
    }
    return at
  }

  #take(path: string): TargetDirectory | undefined {
    const directory = this.#open.get(path)
    if (directory === undefined) return undefined
    this.#open.delete(path)
    this.#open.set(path, directory)
    return directory
  }

  #keep(path: string, directory: TargetDirectory): TargetDirectory {
    this.#open.set(path, directory)
    for (const [oldest, handle] of this.#open) {
      if (this.#open.size <= OPEN_DIRECTORIES_MAX) break
      this.#open.delete(oldest)
      handle[Symbol.dispose]()
    }
    return directory
  }

  /** Forgets directories that were replaced or removed. */
  clear(): void {
    for (const handle of this.#open.values()) handle[Symbol.dispose]()
    this.#open.clear()
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}

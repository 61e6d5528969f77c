/** Open directories below the restore target, a bounded number, found by their path as names. */
import type { TargetDirectory } from '../model/files.ts'

const OPEN_DIRECTORIES_MAX = 64

export class DirectoryCache implements Disposable {
  readonly #root: TargetDirectory
  readonly #open = new Map<string, TargetDirectory>()

  /** The root stays the caller's. */
  constructor(root: TargetDirectory) {
    this.#root = root
  }

  /** Valid until the next call: with too many open, the least recently used is closed. */
  of(names: readonly string[]): TargetDirectory {
    if (names.length === 0) return this.#root
    const path = names.join('/')
    const known = this.#open.get(path)
    if (known !== undefined) {
      this.#open.delete(path)
      this.#open.set(path, known)
      return known
    }
    const directory = this.#enter(names)
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

  #enter(names: readonly string[]): TargetDirectory {
    const last = names.at(-1) ?? ''
    const parent = this.#open.get(names.slice(0, -1).join('/'))
    if (parent !== undefined) return parent.enter(last)
    let at = this.#root
    for (const name of names) {
      const next = at.enter(name)
      if (at !== this.#root) at[Symbol.dispose]()
      at = next
    }
    return at
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}

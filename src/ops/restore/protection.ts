/** What a restore must never take away: knows paths, and removes nothing itself. */
import { SnapError } from '../../model/errors.ts'
import { namesOf } from './selection.ts'

export class Protection {
  readonly #target: string
  readonly #keep: ReadonlySet<string>
  readonly #sources: readonly (readonly string[])[]

  /** `target`: absolute, without links. `keep`: absolute paths. `sources`: paths in the snapshot. */
  constructor(target: string, keep: ReadonlySet<string>, sources: readonly string[]) {
    this.#target = target === '/' ? '' : target
    this.#keep = keep
    this.#sources = sources.map(namesOf)
  }

  /** Whether the snapshot has the whole of the directory `names`: of those above its sources it has only the way. */
  isWhole(names: readonly string[]): boolean {
    return this.#sources.some(
      (source) => source.length <= names.length && source.every((name, index) => name === names[index]),
    )
  }

  /** Whether the path `names` below the target is kept, or leads to what is. */
  keeps(names: readonly string[]): boolean {
    const path = this.#pathOf(names)
    for (const kept of this.#keep) if (kept === path || kept.startsWith(`${path}/`)) return true
    return false
  }

  /** Throws `TARGET_UNSAFE` where `keeps`. */
  check(names: readonly string[]): void {
    if (!this.keeps(names)) return
    throw new SnapError(
      'TARGET_UNSAFE',
      `${this.#pathOf(names)} holds the repository or its cache and is not removed`,
      {
        hint: 'Restore to another place with --target.',
      },
    )
  }

  #pathOf(names: readonly string[]): string {
    return `${this.#target}/${names.join('/')}`
  }
}

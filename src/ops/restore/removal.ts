/** Takes away what the snapshot does not have, where that was asked for, and what stands in the place of an entry. */
import type { FileStat, TargetDirectory } from '../../model/files.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { occupied } from './decide.ts'
import { type Failures, pathOf } from './failures.ts'
import type { Placement } from './placement.ts'
import type { Protection } from './protection.ts'
import type { RestoreAction, RestoreCounter } from './report.ts'

export type RemovalParts = {
  readonly protection: Protection
  readonly counter: RestoreCounter
  readonly failures: Failures
  readonly decided: (path: string, action: RestoreAction) => void
  /** Of `RestoreRequest`. */
  readonly deleteExtra: boolean
  readonly dryRun: boolean
}

export class Removal {
  readonly #parts: RemovalParts

  constructor(parts: RemovalParts) {
    this.#parts = parts
  }

  /** Empties `directory`, which is `names` in the snapshot and `below` in the target, of all but the names `kept`. */
  removeExtra(
    kept: ReadonlySet<string>,
    names: readonly string[],
    below: readonly string[],
    directory: TargetDirectory,
  ): void {
    const { protection, counter, failures, decided, dryRun } = this.#parts
    for (const name of directory.list()) {
      if (kept.has(name)) continue
      const path = pathOf([...names, name])
      if (protection.keeps([...below, name])) {
        decided(path, 'keep')
        continue
      }
      failures.finishing(path, () => {
        decided(path, 'delete')
        if (!dryRun) directory.remove(name)
        counter.filesDeleted += 1
      })
    }
  }

  /**
   * How the directory that stands in the place of `entry` is taken away once the entry is whole. What is in it is not part of the snapshot:
   * only `deleteExtra` removes that.
   */
  clearing(
    entry: Entry,
    existing: FileStat,
    path: readonly string[],
    below: readonly string[],
    directory: TargetDirectory | undefined,
  ): Placement['clear'] {
    const { protection, counter, decided, deleteExtra, dryRun } = this.#parts
    protection.check([...below, entry.name])
    using standing = directory?.enter(entry.name)
    const names = standing?.list() ?? []
    if (names.length === 0) return (parent) => parent.removeOne(entry.name)
    if (!deleteExtra) {
      throw occupied(entry, existing, 'it is not empty, and only --delete removes what is in it')
    }
    for (const name of names) decided(pathOf([...path, name]), 'delete')
    if (dryRun) counter.filesDeleted += names.length
    return (parent) => {
      parent.remove(entry.name)
      counter.filesDeleted += names.length
    }
  }
}

/** What clients were told that they can have back, and what somebody has let go of since. */
import type { SnapshotId } from '../../../src/model/ids.ts'
import type { Files } from './sources.ts'

export type Saved = {
  readonly directory: string
  readonly files: Files
  /** Names of those that were purged since: a copy that a purge made has them or not. */
  readonly purged?: ReadonlySet<string>
}

export class Promises {
  readonly #saved = new Map<SnapshotId, Saved>()
  readonly #released = new Set<SnapshotId>()
  /** Names by directory. */
  readonly #purged = new Map<string, Set<string>>()

  saved(id: SnapshotId, saved: Saved): void {
    this.#saved.set(id, saved)
  }

  /** Somebody is about to forget these. */
  release(ids: readonly SnapshotId[]): void {
    for (const id of ids) this.#released.add(id)
  }

  /** Somebody is about to purge a file. */
  purge(directory: string, name: string): void {
    this.#purged.set(directory, new Set([...(this.#purged.get(directory) ?? []), name]))
  }

  /** A purge made the one from the other. */
  copied(copy: SnapshotId, original: SnapshotId): void {
    const saved = this.#saved.get(original)
    if (saved === undefined || this.#saved.has(copy)) return
    this.#saved.set(copy, { ...saved, purged: this.#purged.get(saved.directory) ?? new Set() })
  }

  of(id: SnapshotId): Saved | undefined {
    return this.#saved.get(id)
  }

  /** Those that must be live, whatever happened. */
  kept(): SnapshotId[] {
    return [...this.#saved]
      .filter(([id, { directory }]) => !this.#released.has(id) && !this.#purged.has(directory))
      .map(([id]) => id)
  }
}

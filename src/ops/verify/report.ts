/** What a verification found, and how findings are gathered. It does not know how anything is checked. */
import { hasCode, type SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { ObjectKey } from '../../model/storage.ts'
import type { QuarantinedPack } from './check-quarantined.ts'
import type { Healed } from './healed.ts'

/** Affected paths that are listed; beyond that they are counted. */
export const AFFECTED_LISTED_MAX = 10_000

export type Damage = {
  readonly object: ObjectKey
  /** Of a pack; absent where its header, footer or trailer, or the whole object, is meant. */
  readonly segment?: number | undefined
  readonly reason: string
}

/** A file that cannot be read, or a directory that cannot be listed (then nothing below it can be reached either). */
export type AffectedPath = { readonly snapshot: SnapshotId; readonly path: string }

export type VerifyReport = {
  /** Packs that were looked at: existence and size, and every byte where the data was to be checked. */
  readonly packsChecked: number
  /** Stored bytes that were read and chunks that were hashed again; 0 where the data was not to be checked. */
  readonly bytesChecked: number
  readonly chunksChecked: number
  /** Snapshots that are not forgotten. */
  readonly snapshots: number
  /** Distinct directories. */
  readonly trees: number
  /** Objects that nothing in the log refers to: no error, `prune` removes them, but for lists. */
  readonly unreferenced: number
  readonly unreferencedBytes: number
  readonly damages: readonly Damage[]
  /** At most `AFFECTED_LISTED_MAX`. */
  readonly affected: readonly AffectedPath[]
  readonly affectedTotal: number
  /** All of them. */
  readonly affectedSnapshots: readonly SnapshotId[]
  /** Were affected by the notes in the log, and are not any more. */
  readonly healed: readonly Healed[]
  /** Packs that were found damaged before; what is whole in them counts as readable. */
  readonly quarantined: readonly QuarantinedPack[]
}

/** What an object can be at fault for. Everything else is the storage's or our own, and ends the verification. */
export function isDamage(error: unknown): error is SnapError {
  return hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED', 'REPOSITORY_TOO_NEW')
}

/** Each object, or each of its segments, once, with the first reason found. */
export class DamageList {
  readonly #found = new Map<string, Damage>()

  add(object: ObjectKey, reason: string, segment?: number): void {
    const name = segment === undefined ? object : `${object}#${segment}`
    if (!this.#found.has(name)) this.#found.set(name, { object, segment, reason })
  }

  /** Runs a check; what an object is at fault for becomes damage of `object`. True where there was none. */
  async collect(object: ObjectKey, check: () => Promise<void>): Promise<boolean> {
    try {
      await check()
      return true
    } catch (error) {
      if (!isDamage(error)) throw error
      this.add(object, error.message)
      return false
    }
  }

  addAll(others: DamageList): void {
    for (const { object, reason, segment } of others.all()) this.add(object, reason, segment)
  }

  all(): Damage[] {
    return [...this.#found.values()]
  }
}

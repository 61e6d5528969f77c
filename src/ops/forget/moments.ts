/**
 * Which live snapshots stand for one moment: an original and the copies that a purge has made of it, as long as that purge
 * has not come to its end, and copies that purges at the same time have made of one original. It knows no policy.
 */
import type { SnapshotId } from '../../model/ids.ts'
import type { CurrentSnapshot } from '../current-snapshots.ts'
import type { Verdict } from './retention.ts'

type Verdicts = readonly Verdict<CurrentSnapshot>[]

/** Of all live snapshots, whichever of them are ruled. */
export class Moments {
  readonly #live: ReadonlyMap<SnapshotId, CurrentSnapshot>

  constructor(live: readonly CurrentSnapshot[]) {
    this.#live = new Map(live.map((snapshot) => [snapshot.id, snapshot]))
  }

  /**
   * `rule` sees one snapshot of each moment, at the place of the original; what it says of that one holds for all of them.
   * So nothing takes a place twice, and what is kept is kept whatever becomes of the purge.
   */
  ruleAsOne(
    snapshots: readonly CurrentSnapshot[],
    rule: (snapshots: readonly CurrentSnapshot[]) => Verdicts,
  ): Verdicts {
    const moments = new Map<number, CurrentSnapshot[]>()
    for (const snapshot of snapshots) {
      const { number } = this.#originalOf(snapshot)
      const members = moments.get(number)
      if (members === undefined) moments.set(number, [snapshot])
      else members.push(snapshot)
    }
    const ruled = [...moments.values()].flatMap((members) => {
      const [first] = members
      if (first === undefined) return []
      const { number, committedMs } = this.#originalOf(first)
      return [{ ...first, number, committedMs, held: members.some(({ held }) => held) }]
    })
    return rule(ruled).flatMap((verdict) =>
      (moments.get(verdict.snapshot.number) ?? []).map((snapshot) => ({ ...verdict, snapshot })),
    )
  }

  /** The first of those that it was made from, itself where none is live. */
  #originalOf(snapshot: CurrentSnapshot): CurrentSnapshot {
    const seen = new Set<SnapshotId>()
    let first = snapshot
    for (;;) {
      const before: CurrentSnapshot | undefined =
        first.original === undefined ? undefined : this.#live.get(first.original)
      if (before === undefined || seen.has(before.id)) return first
      seen.add(before.id)
      first = before
    }
  }
}

/** Which snapshots a collector must keep everything of, and which have been forgotten for long enough. Pure. */
import type { LoggedSnapshot, LogState } from '../../log/log-state.ts'
import type { SnapshotId } from '../../model/ids.ts'

export type Division = {
  /** Live, held, or forgotten so shortly ago that it can be undone. */
  readonly kept: readonly LoggedSnapshot[]
  readonly pruned: readonly LoggedSnapshot[]
}

/**
 * `undoMs`: how long a forgotten snapshot can be had back, by the clock of who forgot it. What was forgotten in the future is
 * kept. `atOnce`: forgotten ones that go all the same.
 */
export function divideSnapshots(
  state: Readonly<LogState>,
  nowMs: number,
  undoMs: number,
  atOnce: ReadonlySet<SnapshotId> = new Set(),
): Division {
  const kept: LoggedSnapshot[] = []
  const pruned: LoggedSnapshot[] = []
  for (const snapshot of state.snapshots.values()) {
    const { forgotten, held } = snapshot
    const isOver = atOnce.has(snapshot.id) || nowMs - (forgotten?.timeMs ?? nowMs) >= undoMs
    const isGone = forgotten !== undefined && !held && isOver
    if (isGone) pruned.push(snapshot)
    else kept.push(snapshot)
  }
  return { kept, pruned }
}

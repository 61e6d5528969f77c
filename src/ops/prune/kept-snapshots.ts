/** Which snapshots a collector must keep everything of, and which have been forgotten for long enough. Pure. */
import type { LoggedSnapshot, LogState } from '../../log/log-state.ts'
import type { SnapshotId } from '../../model/ids.ts'

export type Division = {
  /** Live, held, or forgotten so shortly ago that it can be undone. */
  readonly kept: readonly LoggedSnapshot[]
  readonly pruned: readonly LoggedSnapshot[]
  /** Of those kept: forgotten and not held, so that they go when their time is over. */
  readonly spared: readonly LoggedSnapshot[]
}

/**
 * `undoMs`: how long a forgotten snapshot can be had back, by the clock of who forgot it. What was forgotten in the future is
 * kept, unless `undoMs` is 0. `atOnce`: forgotten ones that go all the same.
 */
export function divideSnapshots(
  state: Readonly<LogState>,
  nowMs: number,
  undoMs: number,
  atOnce: ReadonlySet<SnapshotId> = new Set(),
): Division {
  const kept: LoggedSnapshot[] = []
  const pruned: LoggedSnapshot[] = []
  const spared: LoggedSnapshot[] = []
  for (const snapshot of state.snapshots.values()) {
    const { forgotten, held } = snapshot
    const age = nowMs - (forgotten?.timeMs ?? nowMs)
    const isOver = undoMs === 0 || atOnce.has(snapshot.id) || age >= undoMs
    const isToGo = forgotten !== undefined && !held
    if (isToGo && isOver) pruned.push(snapshot)
    else kept.push(snapshot)
    if (isToGo && !isOver) spared.push(snapshot)
  }
  return { kept, pruned, spared }
}

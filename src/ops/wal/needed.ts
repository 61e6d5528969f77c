/**
 * Which snapshots of WAL the base backups need that stay. A policy does not rule them: one that keeps every seventh would leave a chain that
 * leads nowhere. They go when all that could begin with them has gone. Pure; it forgets nothing.
 */
import type { SnapshotId } from '../../model/ids.ts'
import type { CurrentSnapshot } from '../current-snapshots.ts'
import { type BaseFacts, baseFactsOf, isWal, type WalFacts, walFactsOf } from './facts.ts'
import { numberOf } from './segment-ranges.ts'
import { parseWalName, segmentNumber } from './wal-name.ts'

/** A source and a system identifier. */
type Cluster = Pick<BaseFacts, 'source' | 'system'>
const keyOf = ({ source, system }: Cluster): string => JSON.stringify([source, system])

/** `undefined`: no base backup of the cluster says anything about it. */
export type WalVerdict = { readonly snapshot: CurrentSnapshot; readonly reason: string | undefined }

/** By cluster, the first segment that a base backup needs. */
export type FirstNeeded = ReadonlyMap<string, number>

export function firstNeeded(snapshots: readonly CurrentSnapshot[]): FirstNeeded {
  const first = new Map<string, number>()
  for (const base of basesOf(snapshots)) {
    const start = numberOf(base.startSegment, base.segmentBytes)
    first.set(keyOf(base), Math.min(start, first.get(keyOf(base)) ?? start))
  }
  return first
}

const basesOf = (snapshots: readonly CurrentSnapshot[]): BaseFacts[] =>
  snapshots.flatMap(({ sources }) => baseFactsOf(sources))

/** Some of it is not older than all base backups that stay. A history is always needed, for it says how timelines hang together. */
export function isNeeded(wal: WalFacts, first: FirstNeeded): boolean {
  const from = first.get(keyOf(wal))
  if (from === undefined) return false
  return wal.files.some(({ name }) => {
    const parsed = parseWalName(name)
    return (
      parsed?.kind === 'history' ||
      (parsed !== undefined && segmentNumber(parsed.place, wal.segmentBytes) >= from)
    )
  })
}

/**
 * `live`: all that are not forgotten, in the order of the log; `removed`: those of them that a policy takes. Of the clusters of which
 * `concerns` has a base backup. What is held, the newest of each series, and what does not say what it holds stay; so does all WAL of a
 * cluster of which no base backup would be left.
 */
export function planWal(
  live: readonly CurrentSnapshot[],
  removed: ReadonlySet<SnapshotId>,
  concerns: (snapshot: CurrentSnapshot) => boolean,
): WalVerdict[] {
  const ruled = new Set(basesOf(live.filter(concerns)).map(keyOf))
  const first = firstNeeded(live.filter(({ id }) => !removed.has(id)))
  const newest = new Map(live.map(({ series, id }) => [series, id]))
  return live
    .filter(({ sources }) => isWal(sources))
    .flatMap((snapshot) => {
      const facts = walFactsOf(snapshot.sources)
      if (facts === undefined || !ruled.has(keyOf(facts))) return []
      return [{ snapshot, reason: reasonFor(snapshot, facts, first, newest.get(snapshot.series)) }]
    })
}

function reasonFor(
  { id, held }: CurrentSnapshot,
  facts: WalFacts,
  first: FirstNeeded,
  newest: SnapshotId | undefined,
): string | undefined {
  if (held) return 'held'
  if (!first.has(keyOf(facts))) return 'no base backup'
  if (isNeeded(facts, first)) return 'base backup'
  return id === newest ? 'newest snapshot' : undefined
}

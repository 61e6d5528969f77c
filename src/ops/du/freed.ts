/** What pruning would free once some snapshots are forgotten: the stored bytes that nothing else needs. It forgets nothing. */
import type { SnapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { isDamage } from '../verify/report.ts'
import { ChunkOwners } from './chunk-owners.ts'
import { NeedWalk } from './need-walk.ts'
import { EVERYBODY, Owners } from './owners.ts'

export type Freed = {
  /** Bytes that all of them need and no other snapshot. */
  readonly total: number
  /** Of each set, bytes that nothing outside of it needs. */
  readonly each: readonly number[]
}

/** `sets` do not overlap. What is forgotten already keeps nothing. `undefined` where damage leaves open what is needed. */
export async function bytesFreed(
  repository: Repository,
  sets: readonly ReadonlySet<SnapshotId>[],
  signal: AbortSignal,
): Promise<Freed | undefined> {
  if (sets.every(({ size }) => size === 0)) return { total: 0, each: sets.map(() => 0) }
  const owners = new Owners()
  const kept = owners.add(EVERYBODY)
  const removed = owners.add(EVERYBODY)
  const each = sets.map(() => owners.add(removed))
  const chunks = new ChunkOwners(repository.manifest, repository.manifest.packs.list(), owners, {
    withBases: true,
  })
  const walk = new NeedWalk({ repository, chunks, owners, signal })
  try {
    for (const { id, root, forgotten, held } of repository.log.state.snapshots.values()) {
      const set = sets.findIndex((ids) => ids.has(id))
      if (set < 0 && forgotten !== undefined && !held) continue
      await walk.directory(decodeContent(root), each[set] ?? kept)
    }
  } catch (error) {
    if (!isDamage(error)) throw error
    return undefined
  }
  const { bytes } = chunks.held()
  return { total: bytes[removed] ?? 0, each: each.map((owner) => bytes[owner] ?? 0) }
}

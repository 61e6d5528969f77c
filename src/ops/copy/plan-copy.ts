/** Which snapshots of one repository another has copies of. It reads the logs of both, and writes nothing. */
import { type SnapshotDetails, validateDetails } from '../../log/details.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import { SnapError, unlessDamaged } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import { type CopyIds, copyIds } from '../../snapshot/copy-id.ts'
import { prunedSnapshots } from '../forget/undo.ts'

/**
 * `lacking`: a copy is there, for which not all could be read. `forgotten`: there was one, which was forgotten there, and `pruned`: its
 * space was freed too. `origin`: it came from there. `unopened`: its details do not open, so that nobody knows whose it is.
 */
export type CopyState = 'missing' | 'there' | 'lacking' | 'forgotten' | 'pruned' | 'origin' | 'unopened'

export type PlannedCopy = {
  /** In the source. */
  readonly row: SnapshotRow
  readonly details: SnapshotDetails | undefined
  readonly ids: CopyIds
  readonly state: CopyState
}

/** One for each of `rows`, snapshots of the source. `USAGE` where both are one repository; `KEY_WRONG` where the source cannot be read. */
export async function planCopies(
  source: Repository,
  destination: Repository,
  rows: readonly SnapshotRow[],
): Promise<PlannedCopy[]> {
  if (source.id === destination.id) {
    throw new SnapError('USAGE', `${destination.storage.description} is the repository that is copied from`, {
      hint: 'Name another one with --to.',
    })
  }
  await source.keyring()
  const planned = rows.map((row) => planOne(source, destination, row))
  if (!planned.some(({ state }) => state === 'missing')) return planned
  const pruned = await prunedIn(destination)
  return planned.map((plan) =>
    plan.state === 'missing' && [plan.ids.whole, plan.ids.lacking].some((id) => pruned.has(id))
      ? { ...plan, state: 'pruned' }
      : plan,
  )
}

function planOne(source: Repository, destination: Repository, row: SnapshotRow): PlannedCopy {
  const details = unlessDamaged(() => validateDetails(row.details))
  const ids = copyIds(destination.keys.idKey, source.id, row.id)
  return { row, details, ids, state: stateOf(destination, details, ids) }
}

function stateOf(
  { id, log }: Repository,
  details: SnapshotDetails | undefined,
  { whole, lacking }: CopyIds,
): CopyState {
  const { snapshots } = log.state
  const copies = [snapshots.get(whole), snapshots.get(lacking)].filter((copy) => copy !== undefined)
  const live = copies.find(({ forgotten }) => forgotten === undefined)
  if (live !== undefined) return live.id === whole ? 'there' : 'lacking'
  if (copies.length > 0) return 'forgotten'
  if (details === undefined) return 'unopened'
  const { copied_from: from } = details
  const isFromThere = from?.repository === id && [...snapshots.keys()].some((one) => one === from.snapshot)
  return isFromThere ? 'origin' : 'missing'
}

async function prunedIn(repository: Repository): Promise<ReadonlySet<SnapshotId>> {
  const pruned = new Set<SnapshotId>()
  for await (const ids of prunedSnapshots(repository)) for (const id of ids) pruned.add(id)
  return pruned
}

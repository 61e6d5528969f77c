/** `hold` and `unhold`: snapshots that nothing forgets, and those that may be forgotten again. */
import type { SnapshotId } from '../model/ids.ts'
import type { Repository } from '../repository/repository.ts'
import { appendAsAdmin, requireAdmin } from './admin-entry.ts'
import { byIds, type CurrentSnapshot, refuseForgotten, snapshotsReader } from './current-snapshots.ts'

/**
 * Returns those that were not so already; for none nothing is written. All or nothing: `SNAPSHOT_UNKNOWN` where one is
 * not there, `USAGE` where one is forgotten, also where that happened while this ran. `KEY_WRONG` for all but admins.
 */
export async function setHeld(
  repository: Repository,
  ids: readonly SnapshotId[],
  held: boolean,
): Promise<readonly CurrentSnapshot[]> {
  const what = held ? 'hold snapshots' : 'unhold snapshots'
  requireAdmin(repository, what)
  const snapshotsOf = await snapshotsReader(repository)
  let changed: readonly CurrentSnapshot[] = []
  await appendAsAdmin(repository, what, (state) => {
    const named = byIds(snapshotsOf(state), ids)
    refuseForgotten(named, held ? 'held' : 'unheld')
    changed = named.filter((snapshot) => snapshot.held !== held)
    if (changed.length === 0) return undefined
    return { kind: held ? 'hold' : 'unhold', snapshots: changed.map(({ id }) => id) }
  })
  return changed
}

/** `tag`: other tags for snapshots that are there. Their details stay as they were sealed; a log entry overrides them. */
import { sealTags } from '../log/details.ts'
import { SnapError } from '../model/errors.ts'
import type { SnapshotId } from '../model/ids.ts'
import type { Repository } from '../repository/repository.ts'
import { appendAsAdmin, requireAdmin } from './admin-entry.ts'
import { byIds, refuseForgotten, type SnapshotsOf, snapshotsReader } from './current-snapshots.ts'

export type TagChange =
  | { readonly set: readonly string[] }
  /** Added first, then removed. */
  | { readonly add: readonly string[]; readonly remove: readonly string[] }

export type Tagged = { readonly id: SnapshotId; readonly tags: readonly string[] }

const WHAT = 'change tags'

/**
 * Returns the snapshots whose tags are others now; where there are none, nothing is written. What changes is decided on
 * the tags right before the entry, so two who add different tags at once both do. `SNAPSHOT_UNKNOWN` where one is not
 * there, `USAGE` where one is forgotten. `KEY_WRONG` for all but admins.
 */
export async function changeTags(
  repository: Repository,
  ids: readonly SnapshotId[],
  change: TagChange,
): Promise<readonly Tagged[]> {
  requireAdmin(repository, WHAT)
  refuseCommas(change)
  const box = await repository.box()
  const snapshotsOf: SnapshotsOf = await snapshotsReader(repository)
  let changed: readonly Tagged[] = []
  await appendAsAdmin(repository, WHAT, (state) => {
    const named = byIds(snapshotsOf(state), ids)
    refuseForgotten(named, 'tagged')
    changed = named.flatMap(({ id, tags }) => {
      const wanted = changedTags(tags, change)
      return areSameTags(tags, wanted) ? [] : [{ id, tags: wanted }]
    })
    if (changed.length === 0) return undefined
    const { contentPublic } = repository.keys
    const sealed = changed.map(({ id, tags }) => ({
      snapshot: id,
      sealed: sealTags(box, contentPublic, tags),
    }))
    return { kind: 'tag', tags: sealed }
  })
  return changed
}

/** Each once, in the order in which they came. */
export function changedTags(tags: readonly string[], change: TagChange): string[] {
  if ('set' in change) return [...new Set(change.set)]
  const gone = new Set(change.remove)
  return [...new Set([...tags, ...change.add])].filter((tag) => !gone.has(tag))
}

/** The order of tags says nothing. */
export function areSameTags(before: readonly string[], after: readonly string[]): boolean {
  const known = new Set(before)
  return known.size === after.length && after.every((tag) => known.has(tag))
}

/** Nobody could name it: a comma separates tags wherever they are given. */
function refuseCommas(change: TagChange): void {
  const wrong = ('set' in change ? change.set : change.add).find((tag) => tag === '' || tag.includes(','))
  if (wrong !== undefined) throw new SnapError('USAGE', `${JSON.stringify(wrong)} cannot be a tag`)
}

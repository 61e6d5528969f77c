/** Which snapshots a retention policy is applied to together. Knows no policy. */
import { SnapError } from '../../model/errors.ts'
import type { CurrentSnapshot } from '../current-snapshots.ts'

export const GROUP_KEYS = ['series', 'host', 'paths', 'tags', 'label'] as const
export type GroupKey = (typeof GROUP_KEYS)[number]

/** What all snapshots of a group have in common; `undefined`: they were not grouped by it. */
export type Group = {
  readonly host: string | undefined
  /** Sorted, as are tags. */
  readonly paths: readonly string[] | undefined
  readonly tags: readonly string[] | undefined
  /** `null`: those without one. */
  readonly label: string | null | undefined
  /** In the order of the log. */
  readonly snapshots: readonly CurrentSnapshot[]
}

/** `host,paths`; nothing means that all are one group. `USAGE` otherwise. */
export function parseGroupBy(text: string): GroupKey[] {
  const names = text
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
  return names.map((name) => {
    const key = GROUP_KEYS.find((known) => known === name || known === `${name}s`)
    if (key !== undefined) return key
    throw new SnapError('USAGE', `snapshots cannot be grouped by ${JSON.stringify(name)}`, {
      hint: `Choose of ${GROUP_KEYS.join(', ')}; several with commas.`,
    })
  })
}

/** `snapshots` in the order of the log; groups in the order of their first snapshots. */
export function groupsOf(snapshots: readonly CurrentSnapshot[], keys: readonly GroupKey[]): Group[] {
  const groups = new Map<string, CurrentSnapshot[]>()
  for (const snapshot of snapshots) {
    const name = JSON.stringify(keys.map((key) => commonOf(snapshot, key)))
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [snapshot])
    else group.push(snapshot)
  }
  return [...groups.values()].map((members) => describe(members, new Set(keys)))
}

function commonOf(snapshot: CurrentSnapshot, key: GroupKey): string | readonly string[] | null {
  const value = snapshot[key]
  return Array.isArray(value) ? value.toSorted() : value
}

/** A series is one of a host and its paths; one that a job names may have changed them: the newest count. */
function describe(snapshots: readonly CurrentSnapshot[], keys: ReadonlySet<GroupKey>): Group {
  const newest = snapshots.findLast(({ isReadable }) => isReadable) ?? snapshots.at(-1)
  const has = (key: GroupKey): boolean =>
    keys.has(key) || (keys.has('series') && key !== 'tags' && key !== 'label')
  return {
    host: has('host') ? newest?.host : undefined,
    paths: has('paths') ? newest?.paths.toSorted() : undefined,
    tags: has('tags') ? newest?.tags.toSorted() : undefined,
    label: has('label') ? newest?.label : undefined,
    snapshots,
  }
}

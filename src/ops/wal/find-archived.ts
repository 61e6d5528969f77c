/** Looks a file of WAL up in the archive. */
import { validateDetails } from '../../log/details.ts'
import { isUnreadable } from '../../log/log-state.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import { SnapError, unlessDamaged } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { streamedName } from '../backup/streamed-name.ts'
import { isWal, type WalFacts, type WalFile, walFactsOf } from './facts.ts'

export type ArchivedFile = WalFile & {
  readonly system: string
  readonly segmentBytes: number
  /** Where in the snapshot. */
  readonly path: string
  readonly snapshot: SnapshotRow
}

/** Where a snapshot of WAL has a file. */
export const walPath = (source: string, name: string): string => `/${streamedName(source)}/${name}`

/**
 * Those of that name that any cluster has archived, of the oldest snapshot first, whose file is the one that counts: none is ever
 * replaced. `forgotten`: those that still can be had back come after the others.
 */
export function findArchived(
  { manifest }: Pick<Repository, 'manifest'>,
  source: string,
  name: string,
  { forgotten }: { readonly forgotten: boolean },
): ArchivedFile[] {
  const path = walPath(source, name)
  return manifest.snapshots
    .list({ path, forgotten: forgotten ? 'both' : 'no' })
    .sort((a, b) => Number(a.forgottenMs !== null) - Number(b.forgottenMs !== null) || a.number - b.number)
    .flatMap((snapshot) => {
      const facts = factsOfRow(snapshot)
      const file = facts?.source === source ? facts.files.find((each) => each.name === name) : undefined
      if (facts === undefined || file === undefined) return []
      const { system, segmentBytes } = facts
      return [{ ...file, system, segmentBytes, path, snapshot }]
    })
}

export function factsOfRow({ details }: SnapshotRow): WalFacts | undefined {
  return walFactsOf(unlessDamaged(() => validateDetails(details))?.sources)
}

/**
 * Throws where the archive may have what was not found: the log has gaps, or snapshots do not say what they hold. That something is not
 * there is said to a server that then goes on without it.
 */
export function refuseUncertain({ log, manifest, keys }: Repository): void {
  if (keys.contentSecret === undefined)
    throw new SnapError('KEY_WRONG', 'this key cannot read what snapshots hold', {
      hint: 'Use the key of an admin or a reader.',
    })
  const damaged = log.state.problems.find(({ reason }) => isUnreadable(reason) || reason === 'chain-broken')
  if (damaged !== undefined)
    throw new SnapError('OBJECT_DAMAGED', `the log is damaged at entry ${damaged.number}: WAL may be missing`)
  const closed = manifest.snapshots.list().find(({ details }) => {
    const known = unlessDamaged(() => validateDetails(details))
    return known === undefined || (isWal(known.sources) && walFactsOf(known.sources) === undefined)
  })
  if (closed !== undefined)
    throw new SnapError('OBJECT_DAMAGED', `snapshot ${closed.id.slice(0, 8)} does not say what it holds`, {
      hint: 'It may be WAL. Find out who made it; `snap forget` takes it out of the way.',
    })
}

/** When a collection removes nothing, and what it says then. */
import type { PackRow } from '../../manifest/packs-table.ts'
import { SnapError } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Holdings } from './inventory.ts'

export function refuseOthers({ keys }: Repository): void {
  if (keys.role === 'admin') return
  throw new SnapError('KEY_WRONG', `this key is a ${keys.role}'s: only an admin's may remove anything`, {
    hint: 'Use the key of an admin.',
  })
}

/** `OBJECT_MISSING` or `OBJECT_DAMAGED` where a prune would not begin. */
export function refuseUnsure(repository: Repository, acceptDamagedLog: boolean): void {
  refuseUnknown(repository)
  if (!acceptDamagedLog) refuseDamagedLog(repository)
}

/** Packs that only an unreadable index object names would look as if nobody needed them. */
function refuseUnknown({ log }: Repository): void {
  const [problem] = log.indexProblems
  if (problem === undefined) return
  throw new SnapError(problem.error.code, `it cannot be told what is needed: ${problem.error.message}`, {
    hint: 'Nothing was removed. Run `snap repair`, then this again.',
    cause: problem.error,
  })
}

/** Why an entry may have said what nobody can read any more. */
const DAMAGE: ReadonlySet<string> = new Set([
  'unreadable',
  'unopened',
  'undecodable',
  'unsigned',
  'list-unreadable',
  'chain-broken',
])

/** A damaged entry may have been the COMMIT of a snapshot that alone needs some packs, and may be brought back. */
function refuseDamagedLog({ log }: Repository): void {
  const numbers = log.state.problems.filter(({ reason }) => DAMAGE.has(reason)).map(({ number }) => number)
  const [first] = numbers
  if (first === undefined) return
  const more = numbers.length === 1 ? '' : ` and ${numbers.length - 1} more`
  throw new SnapError('OBJECT_DAMAGED', `log entry ${first}${more} cannot be read, and may be a snapshot's`, {
    hint: 'Nothing was removed. Bring the entry back from a copy of the repository, or run this with --accept-damaged-log: what only that snapshot needs is gone for good then.',
  })
}

/** Of packs that cannot be copied, nothing that they need may be erased. */
export function refuseStuck(packs: readonly PackRow[], { packs: stored }: Holdings): void {
  const [first] = packs
  if (first === undefined) return
  const more = packs.length === 1 ? '' : ` and ${packs.length - 1} more`
  const isThere = stored.get(first.id)?.bytes === first.bytes
  const state = isThere ? 'is damaged' : 'is not in the storage'
  throw new SnapError(
    isThere ? 'OBJECT_DAMAGED' : 'OBJECT_MISSING',
    `pack ${first.id}${more} ${state} and holds differences to what is to be erased, which snapshots need`,
    {
      hint: isThere
        ? 'No pack was removed. Run `snap repair`, which sets it aside, then this again.'
        : 'No pack was removed. Bring it back, or forget the snapshots that need it (`snap verify` names them); then run this again.',
    },
  )
}

export function stillFull({ storage }: Repository): SnapError {
  return new SnapError(
    'REPOSITORY_FULL',
    `${storage.description} is full, and nothing can go without copying`,
    {
      hint: 'Forget more snapshots, free some space by other means, remove what unfinished backups left (--stray-age 0, while none runs), or copy in steps with --max-repack; then run it again.',
    },
  )
}

/** Operations that only look at the repository, while others may prune it. */
import { hasCode, SnapError } from '../model/errors.ts'
import type { SnapshotId } from '../model/ids.ts'
import type { Repository } from '../repository/repository.ts'
import { isDamage } from './verify/report.ts'

/** Collections that an operation may run into before what it found, or misses, is taken as it is. */
const TRIES_MAX = 5

/** What `look` finds belongs to one moment of the log: where others pruned meanwhile, it begins again on the log as it is by now. */
export async function lookAgain<T>({ log }: Repository, look: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const before = log.collections
    try {
      const found = await look()
      if (tries === TRIES_MAX || log.collections === before) return found
    } catch (error) {
      if (tries === TRIES_MAX || !isDamage(error)) throw error
      await log.follow()
      if (log.collections === before) throw error
    }
  }
}

/** What `read` misses of a snapshot that was forgotten and pruned meanwhile is no damage: `SNAPSHOT_UNKNOWN` says so. */
export async function whileThere<T>(
  repository: Repository,
  id: SnapshotId,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const isLess = isDamage(error) || hasCode(error, 'INCOMPLETE')
    if (!isLess || !(await isGone(repository, id))) throw error
    throw new SnapError('SNAPSHOT_UNKNOWN', `snapshot ${id.slice(0, 8)} was forgotten and pruned meanwhile`, {
      hint: '`snap snapshots` lists those that there are.',
      cause: error,
    })
  }
}

/** Whether a snapshot that there was has been pruned, as the log has it by now. */
export async function isGone({ log }: Repository, id: SnapshotId): Promise<boolean> {
  await log.follow()
  return !log.state.snapshots.has(id)
}

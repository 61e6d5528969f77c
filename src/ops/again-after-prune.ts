/** What saves a snapshot, while others may prune what it relies on: it begins again then. */
import { hasCode, messageOf } from '../model/errors.ts'
import type { ProgressListener } from '../model/progress.ts'
import { PrunedMeanwhile } from '../repository/pruned-meanwhile.ts'
import type { Repository } from '../repository/repository.ts'

/** Prunes that may take away what a run relies on before it gives up. */
const TRIES_MAX = 5

/** `again`: what a warning says of the next try. */
export async function againAfterPrune<T>(
  repository: Repository,
  progress: ProgressListener,
  again: string,
  save: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const { collections } = repository.log
    try {
      return await save()
    } catch (error) {
      if (tries === TRIES_MAX || !(await wasPruned(repository, error, collections))) throw error
      progress({
        kind: 'warning',
        path: repository.storage.description,
        reason: `${messageOf(error)}: ${again}`,
      })
    }
  }
}

/** What is missing, its own packs and index objects among it, was taken by a collection that came since. */
async function wasPruned({ log }: Repository, error: unknown, since: number): Promise<boolean> {
  if (error instanceof PrunedMeanwhile) return true
  if (!hasCode(error, 'OBJECT_MISSING')) return false
  await log.follow()
  return log.collections !== since
}

/** Operations that only look at the repository, while others may prune it. */
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

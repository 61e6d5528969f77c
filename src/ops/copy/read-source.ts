/** Reads of the repository that is copied from: what is damaged there is a finding, unless others only moved it meanwhile. */
import type { SnapError } from '../../model/errors.ts'
import { isDamage } from '../verify/report.ts'

/** Collections that one read may run into before what it misses is taken for lost. */
const TRIES_MAX = 5

/** Of the source: how many collections it has seen, and what makes it see more. */
export type FollowedLog = {
  readonly log: { readonly collections: number; readonly follow: () => Promise<unknown> }
}

export type SourceRead<T> = { readonly value: T } | { readonly damage: SnapError }

/** `read` reads from `source` alone; it is called again where a collection came in its way. Throws what is no damage. */
export async function readSource<T>({ log }: FollowedLog, read: () => Promise<T>): Promise<SourceRead<T>> {
  for (let tries = 1; ; tries++) {
    const before = log.collections
    try {
      return { value: await read() }
    } catch (error) {
      if (!isDamage(error)) throw error
      if (tries === TRIES_MAX) return { damage: error }
      await log.follow()
      if (log.collections === before) return { damage: error }
    }
  }
}

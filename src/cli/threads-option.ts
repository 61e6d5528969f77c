/** How many worker threads a command is to use. */
import { availableParallelism } from 'node:os'
import { SnapError } from '../model/errors.ts'

const THREADS_MAX = 64

/** One for each processor where nothing is said; `USAGE` for what is no number from 1 to 64. */
export function threadsOf(text: string | undefined): number {
  const count = text === undefined ? Math.min(availableParallelism(), THREADS_MAX) : Number(text)
  if (!Number.isInteger(count) || count < 1 || count > THREADS_MAX) {
    throw new SnapError('USAGE', `"${text ?? ''}" is not a number of threads`, {
      hint: `Choose 1 to ${THREADS_MAX}.`,
    })
  }
  return count
}

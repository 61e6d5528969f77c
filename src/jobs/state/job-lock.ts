/** One run of a job at a time: each job has a file with a lock. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type FileLock, isFileLocked, takeFileLock } from './file-lock.ts'
import { stateError } from './state-database.ts'

const NAME_CHARS = 32

export type JobLock = FileLock

/** `undefined` where another run holds it. `config` and `job` say whose it is. `STATE_FAILED` where there cannot be one. */
export function lockJob(directory: string, config: string, job: string): JobLock | undefined {
  const path = lockFile(directory, config, job)
  try {
    return takeFileLock(path)
  } catch (error) {
    throw stateError(path, error)
  }
}

/** Whether a run of the job is under way. `STATE_FAILED` where nobody can say. */
export function isJobLocked(directory: string, config: string, job: string): boolean {
  const path = lockFile(directory, config, job)
  try {
    return isFileLocked(path)
  } catch (error) {
    throw stateError(path, error)
  }
}

function lockFile(directory: string, config: string, job: string): string {
  const name = createHash('sha256').update(`${config}\0${job}`).digest('hex').slice(0, NAME_CHARS)
  return join(directory, 'locks', `${name}.lock`)
}

/** Where the logs of runs lie, and which of them are old enough to go. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Run } from '../state/run.ts'
import { RUN_ID } from './run-id.ts'

const SUFFIX = '.log'

/** In the state directory. */
export const logDirectory = (state: string): string => join(state, 'logs')

export const logFile = (state: string, run: string): string => join(logDirectory(state), `${run}${SUFFIX}`)

/** Of a run in the history; `undefined` where it has none. The directory may have been moved since: what is on record of it is not asked. */
export const logOf = (state: string, { id, log }: Pick<Run, 'id' | 'log'>): string | undefined =>
  log !== undefined && RUN_ID.test(id) ? logFile(state, id) : undefined

/** Removes logs that were last written before `ms`. What cannot be removed stays. */
export function removeLogsBefore(state: string, ms: number): void {
  const directory = logDirectory(state)
  for (const name of namesIn(directory)) {
    const path = join(directory, name)
    try {
      if (isLog(name) && statSync(path).mtimeMs < ms) rmSync(path)
    } catch {
      // Somebody else has removed it, or will.
    }
  }
}

const isLog = (name: string): boolean => name.endsWith(SUFFIX) && RUN_ID.test(name.slice(0, -SUFFIX.length))

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

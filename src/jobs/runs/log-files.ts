/** Where the logs of runs lie, and which of them are old enough to go. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

const LOG = /^\d{8}-\d{6}-[a-z0-9]{4}\.log$/

/** In the state directory. */
export const logDirectory = (state: string): string => join(state, 'logs')

export const logFile = (state: string, run: string): string => join(logDirectory(state), `${run}.log`)

/** Removes logs that were last written before `ms`. What cannot be removed stays. */
export function removeLogsBefore(state: string, ms: number): void {
  const directory = logDirectory(state)
  for (const name of namesIn(directory)) {
    const path = join(directory, name)
    try {
      if (LOG.test(name) && statSync(path).mtimeMs < ms) rmSync(path)
    } catch {
      // Somebody else has removed it, or will.
    }
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** SNAP_TRACE: the file into which a run writes where its time went. Whoever ends the process says when. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { systemPath } from '../base/names.ts'
import { startTrace } from '../base/trace.ts'
import { chromeTrace } from '../base/trace-events.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import { type Environment, variable } from './locations.ts'

/**
 * Begins to record if the environment asks for it. The function returned writes the file, which replaces an earlier one; it
 * throws nothing, and returns what went wrong. `USAGE` where the file cannot be made.
 */
export function recordTrace(env: Environment): (() => string | undefined) | undefined {
  const path = variable(env, 'SNAP_TRACE')
  if (path === undefined) return undefined
  const fd = createFile(path)
  const records = startTrace()
  return () => {
    try {
      writeFileSync(fd, chromeTrace(records, process.pid))
      closeSync(fd)
      return undefined
    } catch (error) {
      return `the trace could not be written to ${path}: ${messageOf(error)}`
    }
  }
}

/** It says what runs when, and is nobody else's business. */
function createFile(path: string): number {
  try {
    return openSync(systemPath(path), 'w', 0o600)
  } catch (cause) {
    throw new SnapError('USAGE', `cannot write the trace file ${path}: ${messageOf(cause)}`, {
      hint: 'Check SNAP_TRACE: it names a file to be made.',
      cause,
    })
  }
}

/** What runs this very program again, as a process of its own. */
import { realpathSync } from 'node:fs'
import { execArgv, execPath } from 'node:process'

/** Absolute, and without links: what it was called by may be removed or changed. */
export function ownProgram(): [string, ...string[]] {
  return [execPath, ...execArgv, realpathSync(process.argv[1] ?? '')]
}

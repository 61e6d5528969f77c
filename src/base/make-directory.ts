/** Makes directories step by step. It sets no owner and makes nothing durable. */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemPath } from './names.ts'

/**
 * The directory at `path` and what is missing above it, all with `mode`; what exists stays as it is. Not with Node's `recursive`:
 * that never ends where the system answers ENOENT below a parent that exists, as `/proc` does.
 */
export function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(systemPath(path), { mode })
  } catch (error) {
    if (statSync(systemPath(path), { throwIfNoEntry: false })?.isDirectory() === true) return
    const parent = dirname(path)
    if (parent === path || !isMissing(error)) throw error
    makeDirectory(parent, mode)
    makeOnly(path, mode)
  }
}

/** Another process may have made it meanwhile. */
function makeOnly(path: string, mode: number): void {
  try {
    mkdirSync(systemPath(path), { mode })
  } catch (error) {
    if (statSync(systemPath(path), { throwIfNoEntry: false })?.isDirectory() !== true) throw error
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

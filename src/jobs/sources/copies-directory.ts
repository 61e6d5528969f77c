/** A private place for copies that are read once and removed: of databases that are in use. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const NAME = /^(\d+)-/

export type CopiesDirectory = Disposable & { readonly path: string }

/** Makes it below `parent`, readable by this user alone; gone with all in it when disposed of. What killed processes left there goes too. */
export function makeCopiesDirectory(parent: string): CopiesDirectory {
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(parent)) {
    const owner = NAME.exec(name)?.[1]
    if (owner !== undefined && !isRunning(Number(owner)))
      rmSync(join(parent, name), { recursive: true, force: true })
  }
  const path = mkdtempSync(join(parent, `${process.pid}-`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // One of another user is there all the same.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Scratch directories and small file systems for tests, gone after each test. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function scratchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'snapkeep-storage-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A tmpfs that holds `size` bytes, mounted for this test. Needs root. */
export function smallFileSystem(size: number): string {
  const path = join(scratchDirectory(), 'mounted')
  mkdirSync(path)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', path])
  onTestFinished(() => {
    execFileSync('umount', ['-l', path])
  })
  return path
}

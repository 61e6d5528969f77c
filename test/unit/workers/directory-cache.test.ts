import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createPortableCalls } from '../../../src/filesystem/portable.ts'
import { createTargetFiles } from '../../../src/filesystem/target-files.ts'
import { DirectoryCache } from '../../../src/workers/directory-cache.ts'
import { scratchDirectory } from '../../support/storage/scratch.ts'

const openDescriptors = () => readdirSync('/proc/self/fd').length

it('keeps a bounded number of directories open, however many it is asked for', () => {
  const path = scratchDirectory()
  const names = Array.from({ length: 300 }, (_, number) => `${number}`)
  for (const name of names) mkdirSync(join(path, name))
  using root = createTargetFiles(createPortableCalls(true)).openRoot(path)
  const before = openDescriptors()
  using cache = new DirectoryCache(root)
  for (const name of names) cache.of(name)
  expect(openDescriptors() - before).toBeGreaterThan(100)
  expect(openDescriptors() - before).toBeLessThanOrEqual(130)
  cache.clear()
  expect(openDescriptors()).toBeLessThanOrEqual(before)
})

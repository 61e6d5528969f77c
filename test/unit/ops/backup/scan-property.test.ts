import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { apply, edit } from '../../../support/memory-edits.ts'
import { MemorySource } from '../../../support/memory-source.ts'
import { TestRepository } from '../../../support/repository.ts'
import { backupTwins } from '../../../support/twin-series.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})
afterEach(() => repo[Symbol.asyncDispose]())

it('whatever happens, a backup with a scan is one without', { timeout: 120_000 }, async () => {
  const rounds = fc.array(fc.array(edit, { maxLength: 4 }), { minLength: 1, maxLength: 3 })
  const start = fc.array(edit, { minLength: 5, maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(start, rounds, fc.boolean(), async (first, later, oneFileSystem) => {
      const source = new MemorySource()
      source.put('/s', 'dir')
      let number = 1
      for (const changes of [first, ...later]) {
        for (const change of changes) apply(source, change, number++)
        await backupTwins(repo, source, ['/s'], { oneFileSystem })
      }
      expect(source.openDescriptors).toBe(0)
    }),
    { numRuns: 60 },
  )
})

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { copyIds } from '../../../../src/snapshot/copy-id.ts'
import { copyAll, damagesOf, plainTree } from '../../../support/copying.ts'
import { apply, edit } from '../../../support/memory-edits.ts'
import { MemorySource } from '../../../support/memory-source.ts'
import { TestRepository } from '../../../support/repository.ts'

it('whatever happens to the sources, a copy has the entries of its original', {
  timeout: 180_000,
}, async () => {
  const rounds = fc.array(fc.array(edit, { maxLength: 4 }), { minLength: 1, maxLength: 4 })
  const start = fc.array(edit, { minLength: 5, maxLength: 25 })
  await using original = await TestRepository.create()
  await using copies = await TestRepository.create()
  const { repository } = copies
  await fc.assert(
    fc.asyncProperty(
      start,
      rounds,
      fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      async (first, later, pauses) => {
        const source = new MemorySource()
        source.put('/s', 'dir')
        let number = 1
        for (const [round, changes] of [first, ...later].entries()) {
          for (const change of changes) apply(source, change, number++)
          const { snapshot } = await original.backupWith({ source, scan: false }, '/s')
          if (pauses[round] === true) continue
          const report = await copyAll(original, copies)
          expect(report).toMatchObject({ errors: [], summary: { damaged: 0 } })
          const { whole } = copyIds(repository.keys.idKey, original.repository.id, snapshot)
          expect(await plainTree(repository, whole)).toEqual(await plainTree(original.repository, snapshot))
        }
      },
    ),
    { numRuns: 60 },
  )
  expect(await damagesOf(copies)).toEqual([])
})

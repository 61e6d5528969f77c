import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Chance } from '../../../support/builders.ts'
import { restoreInto } from '../../../support/hostile/sandbox.ts'
import { TestRepository } from '../../../support/repository.ts'
import { swapFirstIds } from '../../../support/swapped-ids.ts'

it('restores no bytes but those that the ids in the snapshot name, whatever an index object says', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source())
  for (const seed of [1, 2]) writeFileSync(repo.source(`${seed}`), new Chance(seed).bytes(900))
  const { snapshot } = await repo.backup()
  await swapFirstIds(repo)
  await repo.reopen({ forgetting: true })
  const target = join(repo.directory, 'target')
  const { failures } = await restoreInto(repo, target, repo.snapshot(snapshot).root, { strip: repo.source() })
  expect(failures.map(({ code }) => code)).toEqual(['OBJECT_DAMAGED', 'OBJECT_DAMAGED'])
  expect(readdirSync(target)).toEqual([])
})

import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Chance } from '../../support/builders.ts'
import { TestRepository } from '../../support/repository.ts'
import { swapFirstIds } from '../../support/swapped-ids.ts'

it('hands out no bytes under an id that is not theirs, whatever an index object says', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source())
  for (const seed of [1, 2]) writeFileSync(repo.source(`${seed}`), new Chance(seed).bytes(900))
  await repo.backup()
  const id = await swapFirstIds(repo)
  const { chunks } = await repo.reopen({ forgetting: true })
  await expect(chunks.chunk(id)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
})

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { Chance } from '../../../support/builders.ts'
import { TestRepository } from '../../../support/repository.ts'
import { swapFirstIds } from '../../../support/swapped-ids.ts'

it('copies no bytes under an id that is not theirs, and leaves their pack as it is', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source())
  for (const seed of [1, 2, 3]) writeFileSync(repo.source(`${seed}`), new Chance(seed).bytes(900))
  const { snapshot } = await repo.backup()
  rmSync(repo.source('3'))
  await repo.backup()
  await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot] }))
  await swapFirstIds(repo)
  const { manifest } = await repo.reopen({ forgetting: true })
  const data = manifest.packs.list().filter(({ kind }) => kind === 'data')
  const { damaged, packs } = await prune(
    repo.repository,
    { unusedShareMax: 0, repackBytesMax: 1e9, undoMs: 0, strayMs: 0, dryRun: false },
    { progress: () => undefined, signal: new AbortController().signal },
  )
  expect(damaged.map(({ pack }) => pack)).toEqual(data.map(({ id }) => id))
  expect(packs.added).toBe(0)
  expect(repo.keys(`packs/`).some((key) => key.endsWith(data[0]?.id ?? '-'))).toBe(true)
})

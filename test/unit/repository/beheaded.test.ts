/** Where a config is missing but somebody's backups lie, nothing is made and nothing is taken away. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRepository } from '../../../src/repository/open-repository.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

const request = { secret: async () => SECRET, slotName: 'new' }

test.each([
  ['its config', ['config']],
  ['its config and log', ['config', 'log/']],
])(
  'a repository that has lost %s is not made anew: its slots are the only keys to its packs',
  async (_what, lost) => {
    await using repo = await TestRepository.create()
    mkdirSync(repo.source(), { recursive: true })
    writeFileSync(repo.source('file'), 'content')
    await repo.backup()
    await repo.close()
    for (const key of repo.keys())
      if (lost.some((prefix) => key.startsWith(prefix))) repo.storage.objects.delete(key)
    const before = repo.keys()
    await expect(createRepository(repo.ports, request)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    expect(repo.keys()).toEqual(before)
  },
)

test('slots that a killed init left go with the first entry of the next', async () => {
  await using stale = await TestRepository.create()
  const [left = ''] = stale.keys('slots/')
  await using repo = await TestRepository.create()
  const [own = ''] = repo.keys('slots/')
  await repo.close()
  repo.storage.objects.set(left, { bytes: stale.bytesOf(left), storedAt: 0 })
  repo.storage.objects.delete(repo.keys('log/')[0] ?? '')
  await repo.reopen({ forgetting: true })
  expect(repo.keys('slots/')).toEqual([own])
})

test('a repository that has lost its whole log is no new one: the log is not begun again, and its slots stay', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('file'), 'content')
  await repo.backup()
  await repo.close()
  for (const key of repo.keys('log/')) repo.storage.objects.delete(key)
  const before = repo.keys()
  await expect(repo.reopen({ forgetting: true })).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  expect(repo.keys()).toEqual(before)
})

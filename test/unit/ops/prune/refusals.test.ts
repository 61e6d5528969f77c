import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { Chance } from '../../../support/builders.ts'
import { addRole } from '../../../support/committed.ts'
import { TestRepository } from '../../../support/repository.ts'

const REQUEST = { unusedShareMax: 0, repackBytesMax: 1e9, undoMs: 0, strayMs: 0, dryRun: false }
const PORTS = { progress: () => undefined, signal: new AbortController().signal }

/** Two snapshots, the first of which may go. */
async function prepared(): Promise<TestRepository> {
  const repo = await TestRepository.create()
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), new Chance(1).bytes(50_000))
  const { snapshot } = await repo.backup()
  writeFileSync(repo.source('file'), new Chance(2).bytes(50_000))
  await repo.backup()
  await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot] }))
  return repo
}

it.each(['is damaged', 'is gone'])('removes nothing where an index object %s', async (how) => {
  await using repo = await prepared()
  const [index = ''] = [...repo.repository.log.state.indexes.keys()]
  if (how === 'is gone') repo.storage.objects.delete(`index/${index}`)
  else repo.damage(`index/${index}`, 100)
  await repo.reopen({ forgetting: true })
  // Nothing that a snapshot needs is missing: the index object names what only the forgotten one needs.
  const before = repo.keys()
  await expect(prune(repo.repository, REQUEST, PORTS)).rejects.toMatchObject({
    code: how === 'is gone' ? 'OBJECT_MISSING' : 'OBJECT_DAMAGED',
  })
  expect(repo.keys()).toEqual(before)
})

it('removes nothing for a key that may not', async () => {
  await using repo = await prepared()
  for (const role of ['writer', 'reader'] as const) {
    const secret = await addRole(repo, role)
    await repo.reopen({ forgetting: true, secret })
    const before = repo.keys()
    await expect(prune(repo.repository, REQUEST, PORTS)).rejects.toMatchObject({
      code: 'KEY_WRONG',
      message: expect.stringContaining('only an admin'),
    })
    expect(repo.keys()).toEqual(before)
    await repo.reopen()
  }
})

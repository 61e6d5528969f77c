import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { sealNamed } from '../../../src/object/sealed-object.ts'
import { encodeIndex } from '../../../src/pack/index-object.ts'
import { readIndex } from '../../../src/repository/read-index.ts'
import { TestRepository } from '../../support/repository.ts'

it('takes no index object but the one that the log names by hash, however well another is sealed', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), 'content')
  await repo.backup()
  const { repository } = repo
  const [id, { hash }] = [...repository.log.state.indexes][0]!
  const { tables } = await readIndex(repository, id, hash)
  const bytes = sealNamed({
    repositoryId: repository.id,
    type: 'index',
    key: `index/${id}`,
    secret: repository.keys.indexKey,
    body: encodeIndex(tables.slice(1)),
    random: repository.random,
  })
  repo.storage.objects.set(`index/${id}`, { bytes, storedAt: 0 })
  const { log, manifest } = await repo.reopen({ forgetting: true })
  expect(log.indexProblems.map(({ error }) => error.code)).toEqual(['OBJECT_DAMAGED'])
  expect(manifest.packs.list()).toEqual([])
})

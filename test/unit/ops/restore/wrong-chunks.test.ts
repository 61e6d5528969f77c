import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CHUNK_ID_BYTES } from '../../../../src/model/ids.ts'
import { IndexWriter } from '../../../../src/repository/index-writer.ts'
import { readIndex } from '../../../../src/repository/read-index.ts'
import { Chance } from '../../../support/builders.ts'
import { restoreInto } from '../../../support/hostile/sandbox.ts'
import { TestRepository } from '../../../support/repository.ts'

it('restores no bytes but those that the ids in the snapshot name, whatever an index object says', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source())
  for (const name of ['one', 'two'])
    writeFileSync(repo.source(name), new Chance(name.length + name.charCodeAt(0)).bytes(900))
  const { snapshot } = await repo.backup()
  const { repository } = repo
  const [old, { hash }] = [...repository.log.state.indexes][0]!
  const { tables } = await readIndex(repository, old, hash)
  const { chunkIds } = tables.find(({ kind }) => kind === 'data')!.segments[0]!
  const first = chunkIds.slice(0, CHUNK_ID_BYTES)
  chunkIds.copyWithin(0, CHUNK_ID_BYTES, 2 * CHUNK_ID_BYTES)
  chunkIds.set(first, CHUNK_ID_BYTES)
  const { storage, id, keys, random } = repository
  const writer = new IndexWriter({ storage, repository: id, indexKey: keys.indexKey, random })
  for (const table of tables) await writer.add(table)
  const newIndexes = await writer.finish()
  await repository.log.append(() => ({ kind: 'gc', packs: [], indexes: [old], newIndexes, snapshots: [] }))
  await repo.reopen({ forgetting: true })
  const target = join(repo.directory, 'target')
  const { failures } = await restoreInto(repo, target, repo.snapshot(snapshot).root, { strip: repo.source() })
  expect(failures.map(({ code }) => code)).toEqual(['OBJECT_DAMAGED', 'OBJECT_DAMAGED'])
  for (const name of ['one', 'two']) expect(existsSync(join(target, name))).toBe(false)
})

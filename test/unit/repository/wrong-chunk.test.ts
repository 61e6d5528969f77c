import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { CHUNK_ID_BYTES, chunkId } from '../../../src/model/ids.ts'
import { IndexWriter } from '../../../src/repository/index-writer.ts'
import { readIndex } from '../../../src/repository/read-index.ts'
import { Chance } from '../../support/builders.ts'
import { TestRepository } from '../../support/repository.ts'

it('hands out no bytes under an id that is not theirs, whatever an index object says', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source())
  for (const name of ['one', 'two'])
    writeFileSync(repo.source(name), new Chance(name.charCodeAt(0)).bytes(900))
  await repo.backup()
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
  const { chunks } = await repo.reopen({ forgetting: true })
  await expect(chunks.chunk(chunkId(first))).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
})

/** An index object as a faulty or hostile admin could write it: in force, and wrong about which chunk lies where. */
import { CHUNK_ID_BYTES, type ChunkId, chunkId } from '../../src/model/ids.ts'
import { IndexWriter } from '../../src/repository/index-writer.ts'
import { readIndex } from '../../src/repository/read-index.ts'
import type { TestRepository } from './repository.ts'

/** Exchanges the first two ids of the oldest data pack, whose chunks should be equally long. Returns the first; to be reopened then. */
export async function swapFirstIds({ repository }: TestRepository): Promise<ChunkId> {
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
  return chunkId(first)
}

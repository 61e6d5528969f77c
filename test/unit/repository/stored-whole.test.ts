import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createZstd } from '../../../src/codec/zstd.ts'
import { hash } from '../../../src/crypto/blake3.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import type { Random } from '../../../src/model/clock.ts'
import { CHUNK_ID_BYTES } from '../../../src/model/ids.ts'
import { INDEX_BYTES_MAX } from '../../../src/model/limits.ts'
import type { PackTable, SegmentRow } from '../../../src/model/pack-table.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { encodeIndex } from '../../../src/pack/index-object.ts'
import { IndexWriter } from '../../../src/repository/index-writer.ts'
import { PackStore } from '../../../src/repository/pack-store.ts'
import { PrunedMeanwhile } from '../../../src/repository/pruned-meanwhile.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { Chance, flipped, makePack, REPOSITORY } from '../../support/builders.ts'
import { TestRepository } from '../../support/repository.ts'

const DAMAGED = { code: 'OBJECT_DAMAGED' }

let repo: TestRepository
let packs: PackStore
beforeAll(async () => {
  repo = await TestRepository.create()
  packs = new PackStore(repo.repository, await repo.repository.box(), 1)
})
afterAll(() => repo[Symbol.asyncDispose]())

function madePack() {
  const pack = makePack(packs.ticket('data'), createZstd(), [[new Chance(1).bytes(900)]])
  return { ...pack, digest: hash(pack.bytes) }
}

describe('a pack', () => {
  it('that changed in memory since it was checked is not stored', async () => {
    const pack = madePack()
    const changed = { ...pack, bytes: flipped(pack.bytes as Uint8Array<ArrayBuffer>, 500) }
    await expect(packs.store(changed)).rejects.toMatchObject(DAMAGED)
    expect(repo.keys(packKey(pack.table.id))).toEqual([])
    await packs.store(pack)
    expect(repo.repository.manifest.packs.byId(pack.table.id)?.state).toBe('pending')
  })

  it('that another client condemned before it stood in the manifest does not come to stand there', async () => {
    const pack = madePack()
    const { log, manifest } = repo.repository
    const gone = { packs: [pack.table.id], indexes: [], newIndexes: [], snapshots: [] }
    await log.append(() => ({ kind: 'gc', ...gone }))
    await expect(packs.store(pack)).rejects.toThrow(PrunedMeanwhile)
    expect(manifest.packs.byId(pack.table.id)).toBeUndefined()
  })
})

describe('an index object', () => {
  const writerTo = (storage: ReturnType<typeof createMemoryStorage>, random: Random = systemRandom) =>
    new IndexWriter({ storage, repository: REPOSITORY, indexKey: new Uint8Array(32).fill(3), random })

  it('is stored when it has reached its target, and none is ever above the limit of readers', async () => {
    const { table } = madePack()
    const row = table.segments[0] as SegmentRow
    const chunks = (count: number): PackTable => {
      const chunkLengths = new Uint32Array(count).fill(1)
      const chunkIds = new Uint8Array(count * CHUNK_ID_BYTES)
      return { ...table, segments: [{ ...row, plain: count, chunkLengths, chunkIds }] }
    }
    const storage = createMemoryStorage()
    const writer = writerTo(storage)
    for (let packs = 0; packs < 3; packs++) await writer.add(chunks(80_000))
    expect((await writer.finish()).map(({ packs }) => packs.length)).toEqual([1, 1, 1])
    expect(() => encodeIndex([chunks(Math.ceil(INDEX_BYTES_MAX / 32))])).toThrow('within its limit')
  })

  it('that is stored as something else is never named', async () => {
    const storage = createMemoryStorage()
    const { put } = storage
    storage.put = (key, [bytes]) => put(key, [flipped(bytes as Uint8Array<ArrayBuffer>, 90)])
    const writer = writerTo(storage)
    await writer.add(madePack().table)
    await expect(writer.finish()).rejects.toMatchObject(DAMAGED)
  })

  it('whose table changed in memory when it was sealed is not stored', async () => {
    const storage = createMemoryStorage()
    const { table } = madePack()
    const row = table.segments[0] as SegmentRow
    const random: Random = {
      bytes: (count) => {
        // The salt of the sealed object: its body is encoded by then.
        if (count === 32) row.chunkIds[0]! ^= 1
        return systemRandom.bytes(count)
      },
    }
    const writer = writerTo(storage, random)
    await writer.add(table)
    await expect(writer.finish()).rejects.toMatchObject(DAMAGED)
    expect(storage.objects.size).toBe(0)
  })
})

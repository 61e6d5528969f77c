import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stats } from '../../../src/ops/stats.ts'
import { Chance } from '../../support/builders.ts'
import { TestRepository } from '../../support/repository.ts'

test('an empty repository has no ratios', async () => {
  await using repo = await TestRepository.create()
  const none = { packs: 0, bytes: 0, chunks: 0, plainBytes: 0 }
  expect(await stats(repo.repository)).toMatchObject({
    snapshots: 0,
    packs: { data: none, tree: none },
    objects: 3,
    compressionRatio: undefined,
    deduplicationRatio: undefined,
    series: [],
  })
})

test('counts what is stored once and what snapshots hold', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source('other'), { recursive: true })
  writeFileSync(repo.source('file'), new Chance(1).text(200_000))
  writeFileSync(repo.source('other', 'file'), new Chance(1).text(200_000))
  await repo.backup()
  const second = await repo.backup()
  const third = await repo.backup(repo.source('other'))
  const found = await stats(repo.repository)
  expect(found).toMatchObject({ snapshots: 3, snapshotsForgotten: 0, bytesInSnapshots: 1_000_000 })
  expect(found.packs.data).toMatchObject({ packs: 1, plainBytes: 200_000 })
  expect(found.deduplicationRatio).toBe(5)
  expect(found.compressionRatio).toBeGreaterThan(1)
  expect(found.objects).toBe(repo.keys().length)
  expect(found.bytesStored).toBe(repo.keys().reduce((sum, key) => sum + repo.bytesOf(key).length, 0))
  expect(found.series).toMatchObject([
    { hostname: 'host', paths: [repo.source('other')], snapshots: 1, latest: { id: third.snapshot } },
    { hostname: 'host', paths: [repo.source()], snapshots: 2, latest: { id: second.snapshot } },
  ])
  expect(found.manifest.bytes).toBeGreaterThan(0)
  expect(found.bytesUnreferenced).toBe(0)
  const stray = '5'.repeat(32)
  for (const key of [`packs/55/${stray}`, `index/${stray}`]) await repo.storage.put(key, [new Uint8Array(10)])
  expect((await stats(repo.repository)).bytesUnreferenced).toBe(20)

  await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [third.snapshot] }))
  expect(await stats(repo.repository)).toMatchObject({
    snapshots: 2,
    snapshotsForgotten: 1,
    bytesInSnapshots: 800_000,
  })
})

import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { packIdOf } from '../../../../src/object/object-keys.ts'
import { Chance } from '../../../support/builders.ts'
import { TestRepository } from '../../../support/repository.ts'

async function withFiles(): Promise<TestRepository> {
  const repo = await TestRepository.create()
  mkdirSync(repo.source())
  for (let file = 0; file < 4; file++) writeFileSync(repo.source(`${file}`), new Chance(file).bytes(20_000))
  return repo
}

type Event = { readonly what: 'begins' | 'ends'; readonly key: string }

it('waits for packs before index objects, and for both before the entry, however slow the storage is', async () => {
  await using repo = await withFiles()
  const events: Event[] = []
  const early: string[] = []
  const { put, create } = repo.storage
  Object.assign(repo.storage, {
    put: async (key: string, parts: readonly Uint8Array[]) => {
      events.push({ what: 'begins', key })
      await sleep(30)
      const pack = packIdOf(key)
      if (pack !== undefined && repo.repository.manifest.packs.byId(pack) !== undefined) early.push(key)
      await put(key, parts)
      events.push({ what: 'ends', key })
    },
    create: async (key: string, bytes: Uint8Array) => {
      events.push({ what: 'begins', key })
      return create(key, bytes)
    },
  })
  await repo.backup()
  const at = (what: Event['what'], prefix: string): number[] =>
    events.flatMap((event, index) => (event.what === what && event.key.startsWith(prefix) ? [index] : []))
  expect(early, 'known to the manifest before they were durable').toEqual([])
  expect(at('ends', 'packs/').length).toBeGreaterThan(1)
  expect(at('ends', 'index/')).toHaveLength(1)
  expect(Math.max(...at('ends', 'packs/'))).toBeLessThan(at('begins', 'index/')[0]!)
  expect(at('ends', 'index/')[0]!).toBeLessThan(at('begins', 'log/')[0]!)
})

it.each(['packs/', 'index/'])('commits nothing where one of %s could not be stored', async (prefix) => {
  await using repo = await withFiles()
  const { put } = repo.storage
  const before = repo.keys('log/')
  Object.assign(repo.storage, {
    put: async (key: string, parts: readonly Uint8Array[]) => {
      await sleep(20)
      if (key.startsWith(prefix)) throw new Error('the storage is gone')
      await put(key, parts)
    },
  })
  await expect(repo.backup()).rejects.toThrow('the storage is gone')
  expect(repo.keys('log/')).toEqual(before)
  expect(repo.repository.manifest.packs.list('live')).toEqual([])
})

it('commits nothing where a pack that it relies on goes missing at the last moment', async () => {
  await using repo = await withFiles()
  await repo.backup()
  const before = repo.keys('log/')
  const [old = ''] = repo.keys('packs/')
  writeFileSync(repo.source('more'), new Chance(9).bytes(20_000))
  const { put } = repo.storage
  Object.assign(repo.storage, {
    put: async (key: string, parts: readonly Uint8Array[]) => {
      await put(key, parts)
      if (key.startsWith('index/')) repo.storage.objects.delete(old)
    },
  })
  await expect(repo.backup()).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  expect(repo.keys('log/')).toEqual(before)
})

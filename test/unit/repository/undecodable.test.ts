import { afterEach, beforeEach, expect, it } from 'vitest'
import { packKey } from '../../../src/object/object-keys.ts'
import { setUndecodableAside } from '../../../src/repository/undecodable.ts'
import { addDeltaSnapshot } from '../../support/delta-repository.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})
afterEach(() => repo[Symbol.asyncDispose]())

it('sets nothing aside while all bases are there', async () => {
  await addDeltaSnapshot(repo.repository)
  expect(setUndecodableAside(repo.repository.manifest)).toBe(0)
})

it('sets aside what lies over lost bases, and what lies over that', async () => {
  const { packs } = await addDeltaSnapshot(repo.repository)
  const { manifest } = repo.repository
  const rowOf = (name: keyof typeof packs) => manifest.packs.byId(packs[name].id)
  manifest.packs.remove(rowOf('base')!.no)
  expect(setUndecodableAside(manifest)).toBe(2)
  expect([rowOf('delta')?.state, rowOf('deeper')?.state]).toEqual(['quarantined', 'quarantined'])
  expect(setUndecodableAside(manifest)).toBe(0)
})

it('looks at some alone, and forgets those that no entry names', async () => {
  const { packs } = await addDeltaSnapshot(repo.repository)
  const { manifest, storage } = repo.repository
  const deeper = manifest.packs.byId(packs.deeper.id)!
  manifest.packs.setState(deeper.no, 'pending')
  manifest.packs.setState(manifest.packs.byId(packs.base.id)!.no, 'quarantined')
  expect(setUndecodableAside(manifest, manifest.packs.pending())).toBe(0)
  manifest.packs.setState(manifest.packs.byId(packs.delta.id)!.no, 'quarantined')
  expect(setUndecodableAside(manifest, manifest.packs.pending())).toBe(1)
  expect(manifest.packs.byId(packs.deeper.id)).toBeUndefined()
  expect(await storage.stat(packKey(packs.deeper.id))).toBeDefined()
})

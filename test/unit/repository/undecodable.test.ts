import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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

describe('a base that no entry names', () => {
  const NAMES = ['base', 'delta', 'deeper'] as const

  /** Packs as if a run had stored them just now, in that order. */
  async function stored() {
    const { packs } = await addDeltaSnapshot(repo.repository)
    const { manifest } = repo.repository
    const pendingOf = (name: (typeof NAMES)[number], run: number): void => {
      const row = manifest.packs.byId(packs[name].id)
      const segments = manifest.packs.tableOf(row?.no ?? 0)
      manifest.packs.remove(row?.no ?? 0)
      manifest.packs.add({ ...packs[name], segments, state: 'pending', trusted: true, run })
    }
    return { manifest, packs, pendingOf }
  }

  it('is relied on where the same run has stored it before, not where another has', async () => {
    const { manifest, packs, pendingOf } = await stored()
    const [killed, running] = [manifest.runs.begin('backup', 0), manifest.runs.begin('backup', 0)]
    for (const name of NAMES) pendingOf(name, killed)
    expect(setUndecodableAside(manifest, manifest.packs.pending())).toBe(0)
    pendingOf('base', running)
    for (const name of ['delta', 'deeper'] as const) pendingOf(name, killed)
    expect(setUndecodableAside(manifest, manifest.packs.pending())).toBe(2)
    expect(manifest.packs.pending().map(({ id }) => id)).toEqual([packs.base.id])
  })

  it('is not relied on where the same run has stored it later: who names what it had stored before names no more', async () => {
    const { manifest, packs, pendingOf } = await stored()
    const unknown = manifest.runs.begin('backup', 0)
    for (const name of ['delta', 'deeper', 'base'] as const) pendingOf(name, unknown)
    expect(setUndecodableAside(manifest, manifest.packs.pending())).toBe(2)
    expect(manifest.packs.pending().map(({ id }) => id)).toEqual([packs.base.id])
  })
})

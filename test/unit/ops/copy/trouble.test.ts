import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { copyIds } from '../../../../src/snapshot/copy-id.ts'
import { Chance } from '../../../support/builders.ts'
import { copyAll, damagesOf, detailsOf, plainTree, planOf, pruneAll } from '../../../support/copying.ts'
import { TestRepository } from '../../../support/repository.ts'
import { type FaultyStorage, faulty } from '../../../support/storage/faulty.ts'
import { writeTree } from '../../../support/tree.ts'

const chance = new Chance(31)
let source: TestRepository
let destination: TestRepository

beforeEach(async () => {
  source = await TestRepository.create()
  destination = await TestRepository.create()
  mkdirSync(source.source('directory'), { recursive: true })
})
afterEach(async () => {
  await source[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
})

const idsOf = (id: SnapshotId) => copyIds(destination.repository.keys.idKey, source.repository.id, id)
const statesOf = async () => (await planOf(source, destination)).map(({ state }) => state)
const liveIn = ({ repository }: TestRepository): SnapshotId[] =>
  repository.manifest.snapshots.list().map(({ id }) => id)

async function expectSame(id: SnapshotId): Promise<void> {
  expect(await plainTree(destination.repository, idsOf(id).whole)).toEqual(
    await plainTree(source.repository, id),
  )
}

function dataPackKeys({ repository }: TestRepository): string[] {
  return repository.manifest.packs
    .list('live')
    .flatMap(({ id, kind }) => (kind === 'data' ? packKey(id) : []))
}

describe('what is damaged in the source', () => {
  let first: SnapshotId
  let heal: () => void

  beforeEach(async () => {
    writeTree(source.source(), { 'directory/rotten': chance.bytes(50_000) })
    await source.backup()
    writeTree(source.source(), { 'directory/good': chance.bytes(50_000), small: 'x' })
    const [rotten] = dataPackKeys(source)
    first = (await source.backup()).snapshot
    heal = source.damage(rotten!, 3000)
  })

  it('is marked in a copy that is incomplete, and named', async () => {
    const report = await copyAll(source, destination)
    const path = source.source('directory', 'rotten')
    expect(report.summary.damaged).toBe(2)
    expect(report.events.filter(({ kind }) => kind === 'failure')).toMatchObject([{ path }, { path }])
    expect(await statesOf()).toEqual(['lacking', 'lacking'])
    const copy = idsOf(first).lacking
    expect(detailsOf(destination, copy)).toMatchObject({
      incomplete: true,
      unreadable: [{ path, reason: 'DAMAGED' }],
    })
    const lines = (await plainTree(destination.repository, copy)).filter((line) => line.includes('/rotten '))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"unreadable":"DAMAGED"')
    const good = (tree: string[]): string[] => tree.filter((line) => !line.includes('/rotten '))
    expect(good(await plainTree(destination.repository, copy))).toEqual(
      good(await plainTree(source.repository, first)),
    )
    expect(await damagesOf(destination)).toEqual([])
    expect((await copyAll(source, destination)).copied).toEqual([])
  })

  it('is read again for the next copy, and for another one of the same snapshot where it is named', async () => {
    await copyAll(source, destination)
    const still = await copyAll(source, destination, { states: ['lacking'] })
    expect(still).toMatchObject({ copied: [], summary: { damaged: 2, filesRead: 0 } })
    heal()
    writeTree(source.source(), { small: 'y' })
    const { snapshot } = await source.backup()
    const next = await copyAll(source, destination)
    expect(next.summary).toMatchObject({ damaged: 0, filesRead: 2 })
    await expectSame(snapshot)
    const again = await copyAll(source, destination, { states: ['lacking'] })
    expect(again.copied).toHaveLength(2)
    await expectSame(first)
    expect(await statesOf()).toEqual(['there', 'there', 'there'])
  })

  it('keeps a snapshot from being copied where it is its root, and no other', async () => {
    heal()
    const trees = source.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'tree')
    await source.reopen({ forgetting: true })
    const last = packKey(trees.at(-1)!.id)
    for (const at of [400, 900, 1500]) source.damage(last, at)
    const report = await copyAll(source, destination)
    expect(report.failed).toHaveLength(1)
    expect(report.errors).toMatchObject([{ code: 'OBJECT_DAMAGED' }])
    expect(report.copied).toHaveLength(1)
    expect(await statesOf()).toEqual(['there', 'missing'])
  })
})

describe('a prune of the source meanwhile', () => {
  it('that moves what is read is no damage', async () => {
    writeTree(source.source(), {
      'directory/a': chance.bytes(2_000_000),
      'directory/b': chance.bytes(9_000_000),
    })
    const { snapshot: gone } = await source.backup()
    writeTree(source.source(), { 'directory/a': chance.bytes(100_000) })
    const { snapshot } = await source.backup()
    await using other = await source.another()
    await other.repository.log.append(() => ({ kind: 'forget', snapshots: [gone] }))
    await source.repository.log.follow()
    let pruned = false
    const { read } = source.storage
    source.storage.read = async (...args) => {
      if (!pruned && args[0].startsWith('packs/')) {
        pruned = true
        await pruneAll(other)
      }
      return await read.apply(source.storage, args)
    }
    const report = await copyAll(source, destination)
    source.storage.read = read
    expect(pruned).toBe(true)
    expect(report).toMatchObject({ failed: [], summary: { damaged: 0 } })
    await expectSame(snapshot)
    expect(await damagesOf(destination)).toEqual([])
  })

  it('that takes the snapshot itself leaves no copy of it', async () => {
    writeTree(source.source(), {
      'directory/a': chance.bytes(2_000_000),
      'directory/b': chance.bytes(9_000_000),
    })
    const { snapshot } = await source.backup()
    await using other = await source.another()
    let pruned = false
    const { read } = source.storage
    source.storage.read = async (...args) => {
      if (!pruned && args[0].startsWith('packs/')) {
        pruned = true
        await pruneAll(other, snapshot)
      }
      return await read.apply(source.storage, args)
    }
    const report = await copyAll(source, destination)
    source.storage.read = read
    expect(report).toMatchObject({ copied: [], errors: [{ code: 'SNAPSHOT_UNKNOWN' }] })
    expect(liveIn(destination)).toEqual([])
    expect(await damagesOf(destination)).toEqual([])
  })
})

describe('meanwhile in the destination', () => {
  it('a prune may take what a copy was about to take over', async () => {
    writeTree(source.source(), { 'directory/a': chance.bytes(300_000), small: 'x' })
    const { snapshot: first } = await source.backup()
    await copyAll(source, destination)
    writeFileSync(source.source('small'), chance.bytes(60_000))
    const { snapshot } = await source.backup()
    await using other = await destination.another()
    const { create } = destination.storage
    let pruned = false
    destination.storage.create = async (...args) => {
      if (!pruned && args[0].startsWith('log/')) {
        pruned = true
        destination.storage.create = create
        await pruneAll(other, idsOf(first).whole)
      }
      return await create.apply(destination.storage, args)
    }
    await copyAll(source, destination)
    expect(pruned).toBe(true)
    await expectSame(snapshot)
    expect(await damagesOf(destination)).toEqual([])
  })

  it.each([true, false])(
    'another copies the same: one copy comes of it (one manifest: %s)',
    async (sharesManifest) => {
      writeTree(source.source(), { 'directory/a': chance.bytes(300_000), small: 'x' })
      const { snapshot } = await source.backup()
      await using other = await destination.another({ sharesManifest })
      await using reader = await source.another()
      const reports = await Promise.all([copyAll(source, destination), copyAll(reader, other)])
      expect(reports.flatMap(({ copied }) => copied)).toHaveLength(1)
      expect(reports.flatMap(({ failed }) => failed)).toEqual([])
      await destination.repository.log.follow()
      expect(destination.repository.log.state.problems).toEqual([])
      expect(liveIn(destination)).toEqual([idsOf(snapshot).whole])
      await expectSame(snapshot)
      expect(await damagesOf(destination)).toEqual([])
    },
  )
})

it.each(['before', 'after'] as const)(
  'ended %s any step it is run again, and is whole then',
  async (when) => {
    writeTree(source.source(), { 'directory/a': chance.bytes(300_000), 'directory/b': 'x' })
    await source.backup()
    writeTree(source.source(), { 'directory/c': chance.bytes(100_000) })
    await source.backup()
    let steps = 0
    for (let at = 1; at === 1 || at <= steps; at++) {
      let ends = false
      let storage: FaultyStorage | undefined
      const through = (inner: TestRepository['storage']) => {
        storage = faulty(inner, { at: ends ? at : 0, when })
        return storage
      }
      await using target = await TestRepository.create({ through })
      const before = storage!.calls
      await copyAll(source, target)
      steps = storage!.calls - before
      await using ended = await TestRepository.create()
      ends = true
      await using client = await ended.another({ through, sharesManifest: true })
      await expect(copyAll(source, client)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
      ends = false
      await client.reopen()
      expect(await damagesOf(ended)).toEqual([])
      await ended.repository.log.follow()
      await copyAll(source, ended)
      expect((await planOf(source, ended)).map(({ state }) => state)).toEqual(['there', 'there'])
      expect(await damagesOf(ended)).toEqual([])
    }
    expect(steps).toBeGreaterThan(5)
  },
)

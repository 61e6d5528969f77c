import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SnapError } from '../../../../src/model/errors.ts'
import { type PackId, packId, type SnapshotId } from '../../../../src/model/ids.ts'
import { indexKey, logKey, packKey } from '../../../../src/object/object-keys.ts'
import { noted } from '../../../../src/ops/audit/note.ts'
import { type RepairReport, repair } from '../../../../src/ops/repair/repair.ts'
import type { VerifyReport } from '../../../../src/ops/verify/report.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { openRepository } from '../../../../src/repository/open-repository.ts'
import { Chance } from '../../../support/builders.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { SECRET, TestRepository } from '../../../support/repository.ts'

let repo: TestRepository
let first: SnapshotId
let second: SnapshotId
const chance = new Chance(11)
const DOER = { hostname: 'host', username: 'user', program: { name: 'snap', version: '0' } }

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('a'), { recursive: true })
  writeFileSync(repo.source('a', 'one'), chance.bytes(50_000))
  writeFileSync(repo.source('a', 'two'), chance.bytes(3_000_000))
  first = (await repo.backup()).snapshot
  writeFileSync(repo.source('a', 'three'), chance.bytes(60_000))
  second = (await repo.backup()).snapshot
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const signal = new AbortController().signal

async function mend(request: { data?: boolean; dryRun?: boolean } = {}): Promise<RepairReport> {
  await using pool = repo.pool()
  const { data = true, dryRun = false } = request
  return repair(
    repo.repository,
    { data, dryRun, secret: SECRET },
    { pool, progress: () => undefined, signal },
  )
}

async function check(data = true): Promise<VerifyReport> {
  await using pool = repo.pool()
  return verify(repo.repository, { data, secret: SECRET }, { pool, progress: () => undefined, signal })
}

/** As the command line does it: with a note in the log. */
function mendAndNote(): Promise<RepairReport> {
  const outcome = (report: RepairReport) => ({
    result: report.remaining > 0 ? ('damaged' as const) : ('ok' as const),
    data: true,
    affected: report.verified.affectedSnapshots,
  })
  const ports = { notNoted: () => expect.unreachable() }
  return noted(repo.repository, { operation: 'repair', doer: DOER }, ports, () => mend(), outcome)
}

/** Packs in the order in which they were stored. */
function packsOf(kind: 'data' | 'tree'): PackId[] {
  return repo.repository.manifest.packs
    .list()
    .filter((pack) => pack.kind === kind)
    .map(({ id }) => id)
}

/** Every object but those that are new, byte for byte. */
function snapshotOfStorage(): Map<string, Buffer> {
  return new Map(repo.keys().map((key) => [key, Buffer.from(repo.bytesOf(key))]))
}

function expectOnlyAdded(before: Map<string, Buffer>): string[] {
  for (const [key, bytes] of before) expect(Buffer.compare(repo.bytesOf(key), bytes), key).toBe(0)
  return repo.keys().filter((key) => !before.has(key))
}

async function expectNothingToDo(): Promise<void> {
  const before = snapshotOfStorage()
  const again = await mend()
  expect(again).toMatchObject({ lostIndexes: [], packsNamed: [], indexesWritten: 0, quarantined: [] })
  expect(expectOnlyAdded(before)).toEqual([])
}

describe('a sound repository', () => {
  test('is left as it is, and so are the packs of an interrupted backup', async () => {
    const report = await mend()
    expect(report).toMatchObject({ lostIndexes: [], packsNamed: [], quarantined: [], remaining: 0 })
    await expectNothingToDo()
    // Another machine stored a pack and went away.
    const [pack] = packsOf('data')
    repo.storage.objects.set(packKey(packId('ab'.repeat(16))), repo.storage.objects.get(packKey(pack!))!)
    await expectNothingToDo()
  })

  test('cannot be repaired by a key that is no admin’s', async () => {
    const { repository } = repo
    const reader = Object.create(repository, { keys: { value: { ...repository.keys, role: 'reader' } } })
    const ports = { progress: () => undefined, signal }
    await expect(repair(reader, { data: false, dryRun: false }, ports)).rejects.toMatchObject({
      code: 'KEY_WRONG',
    })
  })
})

describe('lost index objects', () => {
  for (const [what, lose] of [
    ['missing', (key: string) => repo.storage.objects.delete(key)],
    ['damaged', (key: string) => repo.damage(key, 100)],
  ] as const) {
    for (const forgetting of [false, true]) {
      test(`that are ${what} are made again ${forgetting ? 'without' : 'with'} a manifest that knows them`, async () => {
        const lost = [...repo.repository.log.state.indexes.keys()]
        for (const id of lost) lose(indexKey(id))
        await repo.reopen({ forgetting })
        const before = snapshotOfStorage()
        const dry = await mend({ dryRun: true })
        expect(dry.lostIndexes.map(({ id }) => id).sort()).toEqual([...lost].sort())
        expect(dry.packsNamed).toHaveLength(4)
        expect(dry.verified.affectedTotal).toBe(0)
        expect(expectOnlyAdded(before)).toEqual([])
        const report = await mend()
        expect(report).toMatchObject({ indexesWritten: 1, quarantined: [], remaining: 0 })
        expect(report.packsNamed).toHaveLength(4)
        const added = expectOnlyAdded(before)
        expect(added.map((key) => key.split('/')[0]).sort()).toEqual(['index', 'log'])
        await expectNothingToDo()
        await repo.reopen({ forgetting: true })
        expect(await check()).toMatchObject({ damages: [], affectedTotal: 0, snapshots: 2, packsChecked: 4 })
        expect(repo.repository.manifest.packs.list('live').every(({ trusted }) => trusted)).toBe(true)
        const { summary } = await repo.backup()
        expect(summary.bytesStored).toBe(0)
      })
    }
  }

  test('that named delta segments are made again, bases first or last', async () => {
    const { packs } = await addDeltaSnapshot(repo.repository)
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    const report = await mend()
    expect(report.packsNamed).toEqual(expect.arrayContaining(Object.values(packs).map(({ id }) => id)))
    await repo.reopen({ forgetting: true })
    expect(await check()).toMatchObject({ damages: [], affectedTotal: 0, snapshots: 3 })
  })

  test('that another repair makes again meanwhile stop this one, and running it again finds nothing to do', async () => {
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    const put = repo.storage.put.bind(repo.storage)
    repo.storage.put = async (key, parts) => {
      repo.storage.put = put
      expect(key).toMatch(/^index\//)
      await put(key, parts)
      const cacheDirectory = join(repo.directory, 'other')
      const borrowed = Object.create(repo.storage, {
        [Symbol.asyncDispose]: { value: async () => undefined },
      })
      await using other = await openRepository({ ...repo.ports, storage: borrowed, cacheDirectory }, SECRET)
      const report = await repair(
        other,
        { data: false, dryRun: false },
        { progress: () => undefined, signal },
      )
      expect(report.packsNamed).toHaveLength(4)
    }
    await expect(mend()).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      hint: expect.stringContaining('again'),
    })
    await expectNothingToDo()
    expect(repo.repository.manifest.packs.list('pending')).toEqual([])
    await repo.reopen({ forgetting: true })
    expect(await check()).toMatchObject({ damages: [], affectedTotal: 0, snapshots: 2 })
  })

  test('an interrupted repair leaves nothing that the next one minds', async () => {
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    const { storage } = repo
    const create = storage.create.bind(storage)
    const full = new SnapError('REPOSITORY_FULL', 'no space')
    storage.create = () => Promise.reject(full)
    await expect(mend()).rejects.toBe(full)
    expect(repo.repository.manifest.packs.list('pending')).toEqual([])
    storage.create = create
    expect((await mend()).packsNamed).toHaveLength(4)
    expect(await check()).toMatchObject({ damages: [], affectedTotal: 0 })
  })

  test('with a damaged pack: the pack is set aside, and what is whole in it can be read', async () => {
    const [pack] = packsOf('data')
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    repo.damage(packKey(pack!), 2_500_000)
    await repo.reopen({ forgetting: true })
    const report = await mend()
    expect(report.packsNamed).toHaveLength(3)
    expect(report.quarantined.map((damaged) => damaged.pack)).toEqual([pack])
    expect(new Set(report.verified.affected.map(({ path }) => path))).toEqual(
      new Set([repo.source('a', 'two')]),
    )
    await expectNothingToDo()
    await repo.backup()
    await repo.reopen({ forgetting: true })
    expect(await check()).toMatchObject({ damages: [], affectedTotal: 0 })
  })
})

describe('a COMMIT entry that is damaged', () => {
  test('loses its index objects: packs that later snapshots need are named again', async () => {
    const number = repo.snapshot(first).number
    repo.damage(logKey(number), 200)
    await repo.reopen({ forgetting: true })
    expect((await check()).affectedTotal).toBeGreaterThan(0)
    const report = await mend()
    expect(report.packsNamed).toHaveLength(2)
    expect(report.verified.affectedTotal).toBe(0)
    expect(report.remaining).toBeGreaterThan(0) // the entry stays damaged
    await expectNothingToDo()
    await repo.reopen({ forgetting: true })
    const found = await check()
    expect(found).toMatchObject({ affectedTotal: 0, snapshots: 1 })
    expect(found.damages.every(({ object }) => object.startsWith('log/'))).toBe(true)
    expect([...repo.repository.log.state.snapshots.keys()]).toEqual([second])
  })
})

describe('damaged and missing packs', () => {
  test('are set aside once; the next backup stores what they held, and the snapshots are named as healed', async () => {
    const [, pack] = packsOf('data')
    const undo = repo.damage(packKey(pack!), 5_000)
    const before = snapshotOfStorage()
    const dry = await mend({ dryRun: true })
    expect(dry.quarantined.map((damaged) => damaged.pack)).toEqual([pack])
    expect(expectOnlyAdded(before)).toEqual([])
    const report = await mendAndNote()
    expect(report.quarantined.map((damaged) => damaged.pack)).toEqual([pack])
    expect(report.verified.affected).toEqual([{ snapshot: second, path: repo.source('a', 'three') }])
    expect(repo.repository.log.state.quarantined).toEqual(new Set([pack]))
    await expectNothingToDo()
    // Nothing has changed yet, so nothing is healed; nor does a restart change that.
    await repo.reopen({ forgetting: true })
    expect(await check()).toMatchObject({ healed: [], affectedSnapshots: [second] })
    const { summary } = await repo.backup()
    expect(summary.bytesStored).toBeGreaterThan(0)
    for (const data of [false, true]) {
      const after = await check(data)
      expect(after).toMatchObject({ damages: [], affectedTotal: 0 })
      expect(after.healed).toMatchObject([{ snapshot: second, operation: 'repair' }])
      expect(after.quarantined).toEqual([{ pack, found: 'damaged' }])
    }
    const mended = await mendAndNote()
    expect(mended.verified.healed).toMatchObject([{ snapshot: second }])
    expect((await mend()).verified.healed).toEqual([]) // said once
    undo()
    expect((await check()).quarantined).toEqual([{ pack, found: 'whole' }])
  })

  test('a pack that is missing is set aside without reading any data', async () => {
    const [pack] = packsOf('data')
    repo.storage.objects.delete(packKey(pack!))
    const report = await mend({ data: false })
    expect(report.quarantined.map((damaged) => damaged.pack)).toEqual([pack])
    expect(new Set(report.verified.affectedSnapshots)).toEqual(new Set([first, second]))
    await repo.backup()
    expect(await check()).toMatchObject({
      damages: [],
      affectedTotal: 0,
      quarantined: [{ pack, found: 'missing' }],
    })
  })

  test('a structural check never takes for healed what only reading found', async () => {
    const [, pack] = packsOf('data')
    repo.damage(packKey(pack!), 5_000)
    const outcome = (report: VerifyReport) => ({
      result: 'damaged' as const,
      data: true,
      affected: report.affectedSnapshots,
    })
    const ports = { notNoted: () => expect.unreachable() }
    await noted(repo.repository, { operation: 'verify', doer: DOER }, ports, () => check(), outcome)
    expect(await check(false)).toMatchObject({ affectedTotal: 0, healed: [] })
    expect(await check(true)).toMatchObject({ affectedSnapshots: [second], healed: [] })
  })

  test('what is whole in a pack that was set aside can be restored', async () => {
    const [pack] = packsOf('data')
    repo.damage(packKey(pack!), 2_500_000)
    await mend()
    const { affected } = await check(false)
    expect(new Set(affected.map(({ path }) => path))).toEqual(new Set([repo.source('a', 'two')]))
    await repo.reopen({ forgetting: true })
    const target = join(repo.directory, 'target')
    const report = await repo.restore(second, target, repo.source())
    expect(report.failures.map(({ path }) => path)).toEqual([repo.source('a', 'two')])
    for (const name of ['one', 'three']) {
      expect(
        Buffer.compare(readFileSync(join(target, 'a', name)), readFileSync(repo.source('a', name))),
      ).toBe(0)
    }
  })
})

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SnapError } from '../../../../src/model/errors.ts'
import { chunkIdsIn, type PackId, packId, type SnapshotId } from '../../../../src/model/ids.ts'
import { indexKey, logKey, packKey } from '../../../../src/object/object-keys.ts'
import { noted } from '../../../../src/ops/audit/note.ts'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { type RepairReport, repair } from '../../../../src/ops/repair/repair.ts'
import type { VerifyReport } from '../../../../src/ops/verify/report.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import type { Repository } from '../../../../src/repository/repository.ts'
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

  test('that named delta segments over bases in the same pack are made again', async () => {
    const text = chance.text(200_000)
    for (let day = 0; day < 9; day += 1) {
      text.set(chance.text(20), chance.int(text.length - 20))
      writeFileSync(repo.source('a', 'text'), text)
      await repo.backup()
    }
    const all = { unusedShareMax: 0, repackBytesMax: Number.POSITIVE_INFINITY, undoMs: 0, strayMs: 0 }
    // So many small packs are merged.
    await prune(repo.repository, { ...all, dryRun: false }, { progress: () => undefined, signal })
    const { packs, chunks } = repo.repository.manifest
    const isOverItself = (no: number): boolean =>
      packs
        .deltasOf(no)
        .flatMap((number) => chunkIdsIn(packs.segmentOf(no, number)?.bases ?? new Uint8Array(0)))
        .some((id) => chunks.locate(id)?.pack === no)
    expect(packs.withDeltas().some(isOverItself)).toBe(true)
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    expect(await mend()).toMatchObject({ quarantined: [], remaining: 0 })
    await repo.reopen({ forgetting: true })
    expect(await check()).toMatchObject({ damages: [], affectedTotal: 0, snapshots: 11 })
  })

  test('over bases in a pack that was set aside are made again, and set aside with it', async () => {
    const { packs } = await addDeltaSnapshot(repo.repository)
    await repo.repository.log.append(() => ({ kind: 'quarantine', packs: [packs.base.id] }))
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    const report = await mend()
    const quarantined = report.quarantined.map(({ pack }) => pack)
    expect(new Set(quarantined)).toEqual(new Set([packs.delta.id, packs.deeper.id]))
    expect(report).toMatchObject({ remaining: 0, verified: { affectedTotal: 0, damages: [] } })
    await expectNothingToDo()
  })

  /** Another client goes to work when an index object has been made again. */
  function beside(work: (other: Repository) => Promise<unknown>, times = 1): void {
    const put = repo.storage.put.bind(repo.storage)
    let left = times
    repo.storage.put = async (key, parts) => {
      await put(key, parts)
      if (!key.startsWith('index/') || left === 0) return
      left -= 1
      const { put: hooked } = repo.storage
      repo.storage.put = put
      await using other = await repo.another()
      await work(other.repository)
      repo.storage.put = hooked
    }
  }

  test('that another repair makes again meanwhile are left to it', async () => {
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    beside(async (other) => {
      const ports = { progress: () => undefined, signal }
      expect((await repair(other, { data: false, dryRun: false }, ports)).packsNamed).toHaveLength(4)
    })
    expect(await mend()).toMatchObject({ packsNamed: [], indexesWritten: 0, quarantined: [] })
    expect(repo.keys('index/')).toHaveLength(1)
    await expectNothingToDo()
    expect(repo.repository.manifest.packs.list('pending')).toEqual([])
    await repo.reopen({ forgetting: true })
    expect(await check()).toMatchObject({ damages: [], affectedTotal: 0, snapshots: 2 })
  })

  test('are not made again where others collect each time, and what was made is not left', async () => {
    for (const id of repo.repository.log.state.indexes.keys()) repo.storage.objects.delete(indexKey(id))
    await repo.reopen({ forgetting: true })
    const payload = { kind: 'gc' as const, packs: [], indexes: [], newIndexes: [], snapshots: [] }
    beside((other) => other.log.append(() => payload), 5)
    await expect(mend()).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('5 times'),
    })
    expect(repo.keys('index/')).toEqual([])
    expect(repo.repository.manifest.packs.list('pending')).toEqual([])
    expect((await mend()).packsNamed).toHaveLength(4)
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

describe('beside a prune', () => {
  const request = { unusedShareMax: 0.05, repackBytesMax: Number.POSITIVE_INFINITY, undoMs: 0, dryRun: false }
  const DAY_MS = 86_400_000

  for (const dryRun of [false, true]) {
    test(`whose removals have begun, nothing is ${dryRun ? 'taken for lost' : 'named over bases that it has condemned'}`, async () => {
      await using other = await repo.another()
      await using pruner = await repo.another()
      const edited = readFileSync(repo.source('a', 'two')).map((byte, at) =>
        at % 40_000 < 4 ? byte ^ 1 : byte,
      )
      writeFileSync(repo.source('a', 'two'), edited)
      const { create, read, remove } = repo.storage
      repo.storage.create = () => Promise.reject(new Error('killed'))
      await expect(other.backup()).rejects.toThrow('killed')
      repo.storage.create = create
      expect(other.repository.manifest.packs.withDeltas().length).toBeGreaterThan(0)
      const largest = repo.repository.manifest.packs.list().reduce((a, b) => (a.bytes > b.bytes ? a : b))
      // The base's pack is the last that goes.
      repo.storage.remove = async (key) => (key === packKey(largest.id) ? undefined : remove(key))
      repo.storage.read = async (key, range) => {
        if (key.startsWith('index/')) {
          repo.storage.read = read
          await pruner.repository.log.append(() => ({ kind: 'forget', snapshots: [first, second] }))
          await prune(
            pruner.repository,
            { ...request, strayMs: DAY_MS },
            { progress: () => undefined, signal },
          )
        }
        return read(key, range)
      }
      const report = await mend({ dryRun })
      expect(report).toMatchObject({ lostIndexes: [], packsNamed: [], quarantined: [], remaining: 0 })
      const { state } = repo.repository.log
      expect([...state.quarantined, ...state.indexes.keys(), ...state.problems]).toEqual([])
      expect(state.condemnedPacks).toContain(largest.id)
    })
  }

  for (const damaged of [true, false]) {
    test(`that takes its index object for a stray, that is not named, with ${damaged ? 'a' : 'no'} damaged pack`, async () => {
      const [pack] = packsOf('data')
      await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [second] }))
      repo.damage(logKey(repo.snapshot(first).number), 200)
      if (damaged) repo.damage(packKey(pack!), 2_500_000)
      await repo.reopen({ forgetting: true })
      const { create } = repo.storage
      repo.storage.create = async (key, bytes) => {
        repo.storage.create = create
        await using pruner = await repo.another()
        const ports = { progress: () => undefined, signal }
        await prune(pruner.repository, { ...request, strayMs: 0, acceptDamagedLog: true }, ports)
        return create(key, bytes)
      }
      const { length } = repo.repository.log.state.problems
      expect(await mend()).toMatchObject({ packsNamed: [], indexesWritten: 0, quarantined: [] })
      expect(repo.repository.log.state.problems).toHaveLength(length)
      expect(repo.keys('index/')).toEqual([])
    })
  }
})

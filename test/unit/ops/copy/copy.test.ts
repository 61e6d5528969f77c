import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import type { ObjectKey } from '../../../../src/model/storage.ts'
import { forgetByIds, forgetByPolicy } from '../../../../src/ops/forget/forget.ts'
import { changeTags } from '../../../../src/ops/tag.ts'
import { copyIds } from '../../../../src/snapshot/copy-id.ts'
import { Chance } from '../../../support/builders.ts'
import { addRole } from '../../../support/committed.ts'
import { copyAll, damagesOf, detailsOf, plainTree, planOf, pruneAll } from '../../../support/copying.ts'
import { TestRepository } from '../../../support/repository.ts'
import { writeTree } from '../../../support/tree.ts'

const MIB = 1_048_576
const DAY_MS = 86_400_000
const chance = new Chance(2711)
let source: TestRepository
let destination: TestRepository

beforeEach(async () => {
  source = await TestRepository.create()
  destination = await TestRepository.create()
  mkdirSync(source.source(), { recursive: true })
})
afterEach(async () => {
  await source[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
})

const idsOf = (id: SnapshotId) => copyIds(destination.repository.keys.idKey, source.repository.id, id)
const statesOf = async () => (await planOf(source, destination)).map(({ state }) => state)

/** A copy says what its original says, down to the bytes of files. */
async function expectSame(id: SnapshotId, copy = idsOf(id).whole): Promise<void> {
  expect(await plainTree(destination.repository, copy)).toEqual(await plainTree(source.repository, id))
}

describe('a copy', () => {
  it('has every entry of its original, and nothing is left to be copied', async () => {
    writeTree(source.source(), {
      'a/text': 'text '.repeat(20_000),
      'a/empty': '',
      'a/random': chance.bytes(300_000),
      'b/c/d': 'deep',
      large: chance.bytes(21 * MIB),
    })
    linkSync(source.source('a', 'text'), source.source('b', 'same text'))
    symlinkSync('nowhere', source.source('link'))
    chmodSync(source.source('a', 'text'), 0o4711)
    utimesSync(source.source('a', 'empty'), 1, 2)
    truncateSync(source.source('a', 'empty'), 30 * MIB)
    writeFileSync(source.source('small hole'), 'x')
    truncateSync(source.source('small hole'), MIB)
    const { snapshot } = await source.backup()
    const report = await copyAll(source, destination)
    expect(report).toMatchObject({ failed: [], errors: [], summary: { damaged: 0 } })
    await expectSame(snapshot)
    expect(await damagesOf(destination)).toEqual([])
    expect(await statesOf()).toEqual(['there'])
    expect((await copyAll(source, destination)).copied).toEqual([])
  })

  it('says of itself what its original says, and where it comes from', async () => {
    writeTree(source.source(), { file: 'x' })
    const { snapshot } = await source.backup()
    await changeTags(source.repository, [snapshot], { set: ['kept'] })
    await copyAll(source, destination)
    const { tags: _tags, ...details } = detailsOf(source, snapshot)
    expect(detailsOf(destination, idsOf(snapshot).whole)).toEqual({
      ...details,
      tags: ['kept'],
      copied_from: { repository: source.repository.id, snapshot },
    })
    const copy = destination.snapshot(idsOf(snapshot).whole)
    expect(copy.timeMs).toBe(source.snapshot(snapshot).timeMs)
    expect((await destination.backup(source.source())).parent).toBe(copy.id)
  })

  it('reads of the next snapshot what has changed, and nothing of one in which nothing has', async () => {
    for (let file = 0; file < 50; file++)
      writeTree(source.source(), {
        [`many/${file}`]: chance.bytes(30_000),
        [`other/${file % 7}/${file}`]: `${file}`,
      })
    await source.backup()
    await copyAll(source, destination)
    const second = await source.backup()
    const nothing = await copyAll(source, destination)
    expect(nothing.summary).toMatchObject({ filesRead: 0, bytesRead: 0, directoriesTakenOver: 1 })
    writeFileSync(source.source('many', '7'), chance.bytes(1000))
    writeFileSync(source.source('many', '9'), chance.bytes(30_000))
    renameSync(source.source('other', '3', '3'), source.source('other', '3', 'renamed'))
    chmodSync(source.source('many', '8'), 0o600)
    const third = await source.backup()
    const some = await copyAll(source, destination)
    expect(some.summary).toMatchObject({ filesRead: 3, bytesRead: 31_001 })
    await expectSame(second.snapshot)
    await expectSame(third.snapshot)
    expect(await damagesOf(destination)).toEqual([])
  })

  it('stores what was edited as the difference to what it was', async () => {
    const text = Buffer.from(chance.bytes(400_000)).toString('hex')
    writeTree(source.source(), { small: text, large: text.repeat(12) })
    await source.backup()
    await copyAll(source, destination)
    const edited = `${text.slice(0, 300_000)}edited${text.slice(300_000)}`
    writeTree(source.source(), { small: edited, large: text.repeat(11) + edited })
    const { snapshot } = await source.backup()
    const { summary } = await copyAll(source, destination)
    expect(summary.bytesStored).toBeLessThan(40_000)
    expect(destination.repository.manifest.packs.withDeltas().length).toBeGreaterThan(0)
    await expectSame(snapshot)
  })

  it('has the chunks that a backup of the same files would have', async () => {
    writeTree(source.source(), {
      text: 'text '.repeat(20_000),
      random: chance.bytes(500_000),
      large: chance.bytes(12 * MIB),
      few: 'x',
    })
    await source.backup()
    await copyAll(source, destination)
    const { summary } = await destination.backupWith({ walk: { full: true } }, source.source())
    // Blocks of 8 MiB have cuts of their own.
    expect(summary).toMatchObject({ filesUnmodified: 3, bytesRead: summary.bytesTotal })
    expect(summary.bytesAdded).toBeLessThan(3 * MIB)
  })

  it('stores again what the destination has lost', async () => {
    writeTree(source.source(), { 'a/file': chance.bytes(80_000), other: 'x' })
    await source.backup()
    await copyAll(source, destination)
    for (const key of destination.keys('packs/'))
      if (destination.bytesOf(key).length > 60_000) await destination.storage.remove(key as ObjectKey)
    const { snapshot } = await source.backup()
    const { summary } = await copyAll(source, destination)
    expect(summary).toMatchObject({ filesRead: 2, filesTakenOver: 0 })
    await expectSame(snapshot)
  })

  it('of a snapshot that has no base there is stored once all the same', async () => {
    writeTree(source.source(), { file: chance.bytes(300_000) })
    const { snapshot } = await source.backup()
    await copyAll(source, destination)
    await source.backup()
    await pruneAll(source, snapshot)
    const { summary } = await copyAll(source, destination)
    expect(summary).toMatchObject({ filesRead: 1, bytesRead: 300_000, bytesAdded: 0 })
  })

  it('is refused into the repository itself', async () => {
    await source.backup()
    await expect(planOf(source, source)).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('what was copied once', () => {
  let snapshot: SnapshotId

  beforeEach(async () => {
    writeTree(source.source(), { file: chance.bytes(50_000) })
    snapshot = (await source.backup()).snapshot
    await copyAll(source, destination)
  })

  it('is not copied again when it was forgotten there, nor when it was pruned, unless it is named', async () => {
    const { whole } = idsOf(snapshot)
    await forgetByIds(destination.repository, [whole], { dryRun: false, evenLast: true })
    expect(await statesOf()).toEqual(['forgotten'])
    await pruneAll(destination)
    expect(await statesOf()).toEqual(['pruned'])
    expect((await copyAll(source, destination)).copied).toEqual([])
    expect((await copyAll(source, destination, { states: ['pruned'] })).copied).toHaveLength(1)
    await expectSame(snapshot)
    expect(await statesOf()).toEqual(['there'])
    expect(destination.repository.log.state.problems).toEqual([])
  })

  it('is not copied back to where it came from, unless it is lost there', async () => {
    expect((await planOf(destination, source)).map(({ state }) => state)).toEqual(['origin'])
    await pruneAll(source, snapshot)
    expect((await copyAll(destination, source)).copied).toHaveLength(1)
    const [back] = source.repository.manifest.snapshots.list()
    expect(await plainTree(source.repository, back!.id)).toEqual(
      await plainTree(destination.repository, idsOf(snapshot).whole),
    )
  })

  describe('is a series there that a policy rules', () => {
    const times = ({ repository }: TestRepository): number[] =>
      repository.manifest.snapshots.list().map(({ timeMs }) => timeMs)

    async function oneMoreDay(): Promise<void> {
      source.now += DAY_MS
      writeTree(source.source(), { file: `${source.now}` })
      await source.backup()
      destination.now = source.now
    }

    async function keepAWeek(): Promise<void> {
      const policy = { counts: { daily: 7 }, timeZone: 'UTC' }
      const request = { policy, groupBy: ['series'], concerns: () => true } as const
      for (const { repository } of [source, destination])
        await forgetByPolicy(repository, request, { dryRun: false })
    }

    it('as the original one, where each is copied in its night', async () => {
      for (let day = 0; day < 12; day++) {
        await oneMoreDay()
        await copyAll(source, destination)
        await keepAWeek()
      }
      expect(times(source)).toHaveLength(7)
      expect(times(destination)).toEqual(times(source))
      expect((await copyAll(source, destination)).copied).toEqual([])
    })

    it('where many are copied at once, of which all stay that stay in the original one', async () => {
      for (let day = 0; day < 12; day++) await oneMoreDay()
      await copyAll(source, destination)
      await keepAWeek()
      expect(times(destination)).toEqual(expect.arrayContaining(times(source)))
      expect(times(destination).length).toBeLessThan(10)
    })
  })

  it('is no base where another writer has committed it', async () => {
    await using writer = await destination.another()
    await writer.reopen({ forgetting: true, secret: await addRole(destination, 'writer') })
    writeTree(source.source(), { file: 'what was there', more: 'x' })
    const { snapshot: second } = await source.backup()
    mkdirSync(source.source('..', 'forged'), { recursive: true })
    writeTree(source.source('..', 'forged'), { file: 'forged' })
    const forged = await writer.backup(source.source('..', 'forged'))
    const { id: _id, ...forgery } = writer.snapshot(forged.snapshot)
    const { whole } = idsOf(second)
    await writer.repository.log.append((state) => ({
      kind: 'commit',
      snapshot: whole,
      series: forgery.series,
      headRead: state.next - 1,
      timeMs: forgery.timeMs,
      root: forgery.root,
      indexes: forgery.indexes,
      details: forgery.details,
    }))
    const { snapshot: third } = await source.backup()
    await destination.repository.log.follow()
    expect(await statesOf()).toEqual(['there', 'there', 'missing'])
    await copyAll(source, destination)
    await expectSame(third)
  })
})

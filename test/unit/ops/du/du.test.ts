import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { type DuReport, diskUse } from '../../../../src/ops/du/du.ts'
import { bytesFreed } from '../../../../src/ops/du/freed.ts'
import { EVERYBODY, Owners } from '../../../../src/ops/du/owners.ts'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'
import { seededBytes } from '../../../support/tree.ts'

const signal = new AbortController().signal
let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('one', 'deep'), { recursive: true })
  mkdirSync(repo.source('two'))
})
afterEach(() => repo[Symbol.asyncDispose]())

const write = (seed: number, bytes: number, ...names: string[]): void =>
  writeFileSync(repo.source(...names), seededBytes(bytes, seed))
const use = (request: Partial<Parameters<typeof diskUse>[1]> = {}): Promise<DuReport> =>
  diskUse(repo.repository, { snapshots: [], ...request }, signal)
const freed = (...ids: SnapshotId[]) => bytesFreed(repo.repository, [new Set(ids)], signal)
const near = (bytes: number) => ({
  asymmetricMatch: (found: unknown) => typeof found === 'number' && found >= bytes && found < bytes + 3_000,
  toString: () => `about ${bytes}`,
})

/** Bytes that segments take in all packs, when those snapshots are gone. */
async function bytesAfter(ids: readonly SnapshotId[]): Promise<number> {
  await repo.repository.log.append(() => ({ kind: 'forget', snapshots: ids }))
  const request = { repackBytesMax: Number.POSITIVE_INFINITY, undoMs: 0, strayMs: 0, dryRun: false }
  await prune(repo.repository, { ...request, unusedShareMax: 0 }, { progress: () => undefined, signal })
  return segmentBytes()
}

function segmentBytes(): number {
  const { packs } = repo.repository.manifest
  return packs
    .list()
    .flatMap(({ no }) => packs.tableOf(no))
    .reduce((sum, { sealed }) => sum + sealed, 0)
}

describe('disk use', () => {
  it('looks again where another client prunes what it looks at', async () => {
    write(1, 50_000, 'one', 'first')
    const { snapshot: first } = await repo.backup()
    write(2, 50_000, 'one', 'first')
    const { snapshot: second } = await repo.backup()
    await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [first] }))
    await repo.reopen({ forgetting: true })
    const { read } = repo.storage
    let pruned = false
    repo.storage.read = async (key, range) => {
      if (key.startsWith('packs/') && !pruned) {
        pruned = true
        await using other = await repo.another()
        const request = { unusedShareMax: 0, repackBytesMax: 1e9, undoMs: 0, strayMs: 0, dryRun: false }
        await prune(other.repository, request, { progress: () => undefined, signal })
      }
      return read.call(repo.storage, key, range)
    }
    const report = await use()
    repo.storage.read = read
    expect(pruned).toBe(true)
    expect(report.snapshots.map(({ id }) => id)).toEqual([second])
    expect(report.bytesForgotten).toBe(0)
  })

  it('says what each snapshot and each series alone keep, and what they share', async () => {
    write(1, 100_000, 'one', 'shared')
    write(2, 50_000, 'two', 'first')
    const { snapshot: first } = await repo.backup()
    rmSync(repo.source('two', 'first'))
    write(3, 70_000, 'two', 'second')
    const { snapshot: second } = await repo.backup()
    const { snapshot: other } = await repo.backup(repo.source('two'))
    const report = await use({ snapshots: [first] })
    expect(report.snapshots).toMatchObject([
      { id: first, bytesAlone: near(50_000), bytesNeeded: near(150_000) },
      { id: second, bytesNeeded: undefined },
      { id: other },
    ])
    expect(report.snapshots[1]?.bytesAlone).toBeLessThan(3_000)
    expect(report.series.map(({ snapshots, bytesAlone }) => [snapshots, bytesAlone])).toEqual([
      [2, near(150_000)],
      [1, expect.any(Number)],
    ])
    expect(report.bytesShared).toEqual(near(70_000))
    expect(report.bytesNeeded).toBe(segmentBytes())
    expect(report.bytesNeeded + report.bytesUnused).toBe(report.bytesStored)
    expect(report.bytesForgotten).toBe(0)
  })

  it('is what a prune frees, to the byte where nothing is written anew', async () => {
    write(1, 100_000, 'one', 'shared')
    write(2, 50_000, 'two', 'file')
    const { snapshot: first } = await repo.backup()
    write(3, 50_000, 'two', 'file')
    const { snapshot: second } = await repo.backup()
    write(4, 50_000, 'two', 'file')
    await repo.backup()
    const alone = (await use()).snapshots.find(({ id }) => id === second)?.bytesAlone
    expect(await freed(second)).toEqual({ total: alone, each: [alone] })
    expect((await freed(first, second))?.total).toBeGreaterThan(alone! + 50_000)
    const before = segmentBytes()
    expect(before - (await bytesAfter([second]))).toBe(alone)
  })

  it('counts what only forgotten snapshots need by itself', async () => {
    write(1, 40_000, 'one', 'file')
    const { snapshot } = await repo.backup()
    write(2, 40_000, 'one', 'file')
    await repo.backup()
    const alone = await freed(snapshot)
    await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot] }))
    const report = await use()
    expect(report.snapshots).toHaveLength(1)
    expect(report.bytesForgotten).toBe(alone?.total)
    expect(await freed(snapshot)).toEqual(alone)
    expect(await freed()).toEqual({ total: 0, each: [0] })
  })

  it('tells sets that are freed together from each', async () => {
    write(1, 40_000, 'one', 'file')
    const { snapshot: a } = await repo.backup()
    const { snapshot: b } = await repo.backup(repo.source('one'))
    write(2, 40_000, 'one', 'file')
    await repo.backup()
    const both = await bytesFreed(repo.repository, [new Set([a]), new Set([b])], signal)
    expect(both?.total).toEqual(near(40_000))
    for (const bytes of both!.each) expect(bytes).toBeLessThan(3_000)
  })

  it('divides a snapshot by its directories', async () => {
    write(1, 40_000, 'one', 'file')
    write(2, 20_000, 'one', 'deep', 'file')
    write(3, 30_000, 'two', 'file')
    write(2, 20_000, 'two', 'same')
    await repo.backup(repo.source('two'))
    const { snapshot } = await repo.backup()
    const directory = { snapshot, path: repo.source(), depth: 2 }
    const { directories } = await use({ directory })
    expect(directories.map(({ path, files, size }) => [path, files, size])).toEqual([
      [repo.source(), 4, 110_000],
      [repo.source('one'), 2, 60_000],
      [repo.source('one', 'deep'), 1, 20_000],
      [repo.source('two'), 2, 50_000],
    ])
    const [whole, one, deep, two] = directories.map(({ bytesAlone }) => bytesAlone)
    expect(whole).toEqual(near(40_000))
    expect(one).toEqual(near(40_000))
    expect(deep).toBeLessThan(3_000)
    expect(two).toBeLessThan(3_000)
    expect((await use({ directory: { snapshot, path: '/', depth: 0 } })).directories).toMatchObject([
      { path: '/', files: 4, size: 110_000, bytesAlone: (await use()).snapshots[1]!.bytesAlone },
    ])
    const nowhere = { snapshot, path: repo.source('three'), depth: 1 }
    await expect(use({ directory: nowhere })).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  })

  it('counts the bases of delta segments with what needs them', async () => {
    const { snapshot } = await addDeltaSnapshot(repo.repository)
    const { snapshots, bytesNeeded } = await use()
    expect(bytesNeeded).toBe(segmentBytes())
    expect(snapshots).toMatchObject([{ id: snapshot, bytesAlone: segmentBytes(), chunksAlone: 4 }])
  })

  it('does not guess where a directory is missing', async () => {
    write(1, 40_000, 'one', 'file')
    const { snapshot } = await repo.backup()
    write(2, 40_000, 'one', 'file')
    await repo.backup()
    for (const key of repo.keys('packs/')) repo.storage.objects.delete(key)
    await repo.reopen({ forgetting: true })
    expect(await freed(snapshot)).toBeUndefined()
    await expect(use()).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })
})

describe('owners', () => {
  it('join at the nearest one above both, in any order', () => {
    const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(parents, fc.nat(), fc.nat(), fc.nat(), (raw, a, b, c) => {
        const owners = new Owners()
        const above = new Map<number, number>()
        for (const parent of raw) {
          const to = parent % owners.count
          above.set(owners.add(to), to)
        }
        const [x, y, z] = [a, b, c].map((number) => number % owners.count) as [number, number, number]
        const path = (owner: number): number[] =>
          owner === EVERYBODY ? [owner] : [owner, ...path(above.get(owner)!)]
        const common = path(x).find((owner) => path(y).includes(owner))
        expect(owners.join(x, y)).toBe(common)
        expect(owners.join(y, x)).toBe(common)
        expect(owners.join(owners.join(x, y), z)).toBe(owners.join(x, owners.join(y, z)))
      }),
    )
  })
})

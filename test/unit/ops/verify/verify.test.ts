import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey, slotKey } from '../../../../src/object/object-keys.ts'
import { addKey, changeKey } from '../../../../src/ops/keys.ts'
import { AFFECTED_LISTED_MAX, type VerifyReport } from '../../../../src/ops/verify/report.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { Chance } from '../../../support/builders.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { SECRET, TestRepository } from '../../../support/repository.ts'

let repo: TestRepository
let first: SnapshotId
let second: SnapshotId

beforeEach(async () => {
  repo = await TestRepository.create()
  const chance = new Chance(4)
  mkdirSync(repo.source('shared', 'deep'), { recursive: true })
  mkdirSync(repo.source('changing'))
  mkdirSync(repo.source('empty'))
  writeFileSync(repo.source('shared', 'deep', 'big'), chance.bytes(300_000))
  writeFileSync(repo.source('shared', 'small'), 'small')
  writeFileSync(repo.source('changing', 'file'), chance.bytes(20_000))
  first = (await repo.backup()).snapshot
  writeFileSync(repo.source('changing', 'file'), chance.bytes(20_000))
  second = (await repo.backup()).snapshot
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const quick = (): Promise<VerifyReport> => run(false)
const whole = (): Promise<VerifyReport> => run(true)

async function run(data: boolean): Promise<VerifyReport> {
  await using pool = repo.pool()
  const signal = new AbortController().signal
  return verify(repo.repository, { data, secret: SECRET }, { pool, progress: () => undefined, signal })
}

const objectsOf = (report: VerifyReport): string[] => [...new Set(report.damages.map(({ object }) => object))]

/** Keys of the packs of a kind, in the order in which they were stored. */
function packs(kind: 'data' | 'tree'): string[] {
  return repo.repository.manifest.packs
    .list('live')
    .filter((pack) => pack.kind === kind)
    .map(({ id }) => packKey(id))
}

function pathsOf(report: VerifyReport, snapshot: SnapshotId): string[] {
  const inside = repo.source()
  return report.affected
    .filter((path) => path.snapshot === snapshot)
    .map(({ path }) => path.replace(inside, ''))
}

describe('a sound repository', () => {
  test('has no damage where its key is changed behind the listing, nor where another is removed', async () => {
    const slot = (seed: number) => ({
      secret: { kind: 'key file', secret: new Uint8Array(32).fill(seed) } as const,
      name: 'another',
    })
    const third = await addKey(repo.repository, slot(3))
    await repo.reopen()
    const { list } = repo.storage
    let listings = 0
    repo.storage.list = async function* (prefix) {
      yield* list.call(repo.storage, prefix)
      if (prefix !== 'slots/' || listings++ > 0) return
      await changeKey(repo.repository, slot(2))
      await repo.storage.remove(slotKey(third))
    }
    const report = await quick()
    repo.storage.list = list
    expect(listings).toBeGreaterThan(1)
    expect(report).toMatchObject({ damages: [], affectedTotal: 0 })
  })

  test('has lost what opened it where that slot is gone and none took its place', async () => {
    await addKey(repo.repository, {
      secret: { kind: 'key file', secret: new Uint8Array(32).fill(3) },
      name: 'another',
    })
    await repo.reopen()
    await repo.storage.remove(slotKey(repo.repository.slot))
    const { damages } = await quick()
    expect(damages).toMatchObject([{ object: slotKey(repo.repository.slot) }])
  })

  test('has no damage where another process on the manifest backs up behind the listing', async () => {
    await using other = await repo.another({ sharesManifest: true })
    const { list } = repo.storage
    let listings = 0
    repo.storage.list = async function* (prefix) {
      yield* list.call(repo.storage, prefix)
      if (prefix !== '' || listings++ > 0) return
      writeFileSync(repo.source('changing', 'file'), new Chance(5).bytes(20_000))
      await other.backup()
    }
    const report = await quick()
    repo.storage.list = list
    expect(listings).toBe(1)
    expect(report).toMatchObject({ damages: [], affectedTotal: 0, snapshots: 2 })
  })

  test('has no damage, by structure and by data, and packs are marked as verified', async () => {
    const structure = await quick()
    expect(structure).toMatchObject({
      damages: [],
      affected: [],
      affectedTotal: 0,
      snapshots: 2,
      unreferenced: 0,
    })
    expect(structure).toMatchObject({ packsChecked: 4, bytesChecked: 0, chunksChecked: 0 })
    const before = new Map([...repo.storage.objects].map(([key, { bytes }]) => [key, bytes.slice()]))
    const data = await whole()
    expect(data).toMatchObject({ damages: [], affected: [], packsChecked: 4 })
    const { manifest } = repo.repository
    const listed = manifest.packs.list('live')
    expect(data.bytesChecked).toBe(listed.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(data.chunksChecked).toBe(
      listed
        .flatMap(({ no }) => manifest.packs.tableOf(no))
        .reduce((sum, row) => sum + row.chunkLengths.length, 0),
    )
    expect(listed.map(({ verifiedMs }) => verifiedMs)).toEqual(Array(4).fill(repo.now))
    expect(new Map([...repo.storage.objects].map(([key, { bytes }]) => [key, bytes]))).toEqual(before)
  })

  test('walks a directory that snapshots share once', async () => {
    // root to source twice (names above it included), changing twice; shared, deep and empty once
    const above = repo.source().split('/').length - 1
    expect((await quick()).trees).toBe(2 * (above + 1) + 2 + 3)
  })

  test('counts objects that nothing refers to', async () => {
    const stray = '5'.repeat(32)
    for (const key of [`packs/55/${stray}`, `index/${stray}`, `lists/${stray}`]) {
      await repo.storage.put(key, [new Uint8Array(10)])
    }
    expect(await quick()).toMatchObject({ unreferenced: 3, unreferencedBytes: 30, damages: [] })
  })

  test('may hold delta segments', async () => {
    await addDeltaSnapshot(repo.repository)
    expect(await quick()).toMatchObject({ damages: [], affected: [] })
    expect(await whole()).toMatchObject({ damages: [], affected: [], snapshots: 3 })
  })
})

describe('one flipped byte', () => {
  const cases: readonly (readonly [what: string, key: () => string, at: number])[] = [
    ['the magic of config', () => 'config', 2],
    ['the version of config', () => 'config', 8],
    ['the body of config', () => 'config', 80],
    ['the slot in use: its salt', () => repo.keys('slots/')[0]!, 62],
    ['the slot in use: its commitment', () => repo.keys('slots/')[0]!, 90],
    ['the slot in use: its body', () => repo.keys('slots/')[0]!, 300],
    ['a data pack: object header', () => packs('data')[0]!, 9],
    ['a data pack: version', () => packs('data')[0]!, 8],
    ['a data pack: its id', () => packs('data')[0]!, 40],
    ['a data pack: its sealed secret', () => packs('data')[0]!, 60],
    ['a data pack: its commitment', () => packs('data')[0]!, 140],
    ['a data pack: a segment', () => packs('data')[0]!, 5_000],
    ['a data pack: footer or padding', () => packs('data')[0]!, -60],
    ['a data pack: trailer', () => packs('data')[0]!, -10],
    ['a tree pack: its secret', () => packs('tree')[0]!, 60],
    ['a tree pack: a segment', () => packs('tree')[0]!, 300],
    ['a tree pack: trailer', () => packs('tree')[0]!, -1],
    ['an index object: header', () => repo.keys('index/')[0]!, 20],
    ['an index object: body', () => repo.keys('index/')[0]!, 100],
    ['the first log entry', () => 'log/0000000000000000', 200],
    ['an old log entry', () => 'log/0000000000000001', 100],
    ['the version of an old log entry', () => 'log/0000000000000001', 8],
    ['the newest log entry', () => 'log/0000000000000002', -5],
  ]
  test.each(cases)('in %s is found and the object named', async (_what, key, at) => {
    const name = key()
    const undo = repo.damage(name, at)
    const report = await whole()
    expect(objectsOf(report)).toContain(name)
    undo()
    await repo.reopen()
    expect((await whole()).damages).toEqual([])
  })

  test('in a list object is found and the list named', async () => {
    const { log } = repo.repository
    const packIds = Array.from({ length: 3000 }, (_, index) => index.toString(16).padStart(32, '0') as never)
    await log.append(() => ({ kind: 'attest', packs: packIds }))
    const [list] = repo.keys('lists/')
    expect(list).toBeDefined()
    expect(await whole()).toMatchObject({ damages: [], unreferenced: 0 })
    repo.damage(list!, 1000)
    expect(objectsOf(await quick())).toEqual(['log/0000000000000003', list])
  })

  test('anywhere in any object that this key opens is found', async () => {
    const chance = new Chance(7)
    for (const key of repo.keys()) {
      for (let round = 0; round < 3; round++) {
        const at = chance.int(repo.bytesOf(key).length)
        const undo = repo.damage(key, at)
        expect(objectsOf(await whole()), `${key} at ${at}`).toContain(key)
        undo()
      }
    }
  })

  test('in a segment names the segment, and the files that need it in each snapshot', async () => {
    const [oldData] = packs('data')
    repo.damage(oldData!, 5_000)
    const report = await whole()
    expect(report.damages).toMatchObject([{ object: oldData, segment: expect.any(Number) }])
    const paths = pathsOf(report, first)
    expect(paths.length).toBeGreaterThan(0)
    expect(pathsOf(report, second)).toEqual(paths.filter((path) => path !== '/changing/file'))
    expect(report.affectedTotal).toBe(report.affected.length)
  })

  test('in a tree pack names the directories', async () => {
    const [, newer] = packs('tree')
    repo.damage(newer!, 200)
    const report = await whole()
    expect(pathsOf(report, first)).toEqual([])
    expect(report.affected).toEqual([{ snapshot: second, path: '/' }])
  })

  test('in a footer affects no file', async () => {
    repo.damage(packs('data')[0]!, -60)
    const report = await whole()
    expect(report.damages).toMatchObject([{ segment: undefined }])
    expect(report.affected).toEqual([])
  })

  test('in the entry of a snapshot takes the whole snapshot', async () => {
    repo.damage('log/0000000000000001', 100)
    const report = await quick()
    expect(report.affected).toEqual([{ snapshot: first, path: '/' }])
    // the entry after it named another hash
    expect(objectsOf(report)).toEqual(['log/0000000000000001', 'log/0000000000000002'])
  })

  test('in a base is damage of every delta segment above it', async () => {
    const { packs: deltas, snapshot } = await addDeltaSnapshot(repo.repository)
    repo.damage(packKey(deltas.delta.id), 300)
    const report = await whole()
    expect(objectsOf(report).sort()).toEqual([packKey(deltas.delta.id), packKey(deltas.deeper.id)].sort())
    expect(report.affected.filter((path) => path.snapshot === snapshot).map(({ path }) => path)).toEqual([
      '/deeper',
      '/delta',
    ])
    expect(report.affectedTotal).toBe(2)
  })
})

describe('what is missing', () => {
  test('a data pack: named with every file, without reading data', async () => {
    const [oldData] = packs('data')
    await repo.storage.remove(oldData!)
    const report = await quick()
    expect(report.damages).toMatchObject([
      { object: oldData, reason: expect.stringContaining('does not exist') },
    ])
    expect(pathsOf(report, first)).toEqual(['/changing/file', '/shared/deep/big', '/shared/small'])
    expect(pathsOf(report, second)).toEqual(['/shared/deep/big', '/shared/small'])
  })

  test('a tree pack: its directories are lost although the manifest has them', async () => {
    const [older] = packs('tree')
    await repo.storage.remove(older!)
    const report = await quick()
    expect(report.damages).toMatchObject([{ object: older }])
    expect(pathsOf(report, second)).toEqual(['/empty', '/shared'])
  })

  test('the end of a pack', async () => {
    const [oldData] = packs('data')
    await repo.storage.put(oldData!, [repo.bytesOf(oldData!).slice(0, -1)])
    expect(objectsOf(await quick())).toEqual([oldData])
  })

  test('a base: the delta segments above it cannot be read', async () => {
    const { packs: deltas, snapshot } = await addDeltaSnapshot(repo.repository)
    await repo.storage.remove(packKey(deltas.base.id))
    const report = await quick()
    expect(objectsOf(report)).toEqual([packKey(deltas.base.id)])
    expect(report.affected).toEqual(
      ['base', 'deeper', 'delta'].map((name) => ({ snapshot, path: `/${name}` })),
    )
  })

  test('an index object, for a client that had not taken it in', async () => {
    const [index] = repo.keys('index/')
    await repo.storage.remove(index!)
    await repo.reopen({ forgetting: true })
    const report = await quick()
    expect(objectsOf(report)).toContain(index)
    expect(report.affectedTotal).toBeGreaterThan(0)
  })

  test('an index object that this client knows', async () => {
    const [index] = repo.keys('index/')
    await repo.storage.remove(index!)
    expect(objectsOf(await quick())).toEqual([index])
  })

  test('an old log entry', async () => {
    await repo.storage.remove('log/0000000000000000')
    expect(objectsOf(await quick())).toContain('log/0000000000000000')
  })
})

test('a chunk that lies elsewhere too is not affected', async () => {
  const { repository } = repo
  const one = await addDeltaSnapshot(repository, { seed: 3 })
  const other = await addDeltaSnapshot(repository, { seed: 3 })
  repo.damage(packKey(other.packs.base.id), 300)
  const report = await whole()
  expect(objectsOf(report)).toEqual([packKey(other.packs.base.id)])
  expect(report.affected).toEqual([])
  repo.damage(packKey(one.packs.base.id), 300)
  expect((await whole()).affected.map(({ path }) => path)).toContain('/base')
})

test('the list of affected paths is bounded, their number is not', async () => {
  rmSync(repo.source(), { recursive: true })
  mkdirSync(repo.source())
  const count = AFFECTED_LISTED_MAX + 50
  for (let index = 0; index < count; index++)
    writeFileSync(repo.source(`f${index}`), 'the same bytes in each')
  await repo.backup()
  const data = packs('data').at(-1)!
  await repo.storage.remove(data)
  const report = await quick()
  expect(report.affected.length).toBe(AFFECTED_LISTED_MAX)
  expect(report.affectedTotal).toBe(count)
})

test('a run that is ended says so', async () => {
  await using pool = repo.pool()
  const ended = AbortSignal.abort(new Error('ended'))
  await expect(
    verify(repo.repository, { data: true }, { pool, progress: () => undefined, signal: ended }),
  ).rejects.toThrow('ended')
  expect(readFileSync(repo.source('shared', 'small'), 'utf8')).toBe('small')
})

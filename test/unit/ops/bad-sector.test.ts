/** One object lies on a bad sector: reading it fails, always, and everything else is there. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import type { ByteRange, Storage } from '../../../src/model/storage.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { forgetByIds } from '../../../src/ops/forget/forget.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { repair } from '../../../src/ops/repair/repair.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { objectError } from '../../../src/storage/system-error.ts'
import { Chance } from '../../support/builders.ts'
import { TestRepository } from '../../support/repository.ts'
import { systemError } from '../../support/storage/disk-model.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }

/** Key of the object on the bad sector. */
let bad: string
beforeEach(() => {
  bad = ''
})

/** As a local directory says it. */
const through = (storage: Storage): Storage => ({
  ...storage,
  list: (prefix: string) => storage.list(prefix),
  read: async (key: string, range?: ByteRange) => {
    if (key === bad) throw objectError(systemError('EIO', 'read', key), key)
    return storage.read(key, range)
  },
})

const dataPacks = (repo: TestRepository) =>
  repo.repository.manifest.packs.list().filter(({ kind }) => kind === 'data')

/** Two files in one pack; `key` is the pack's. */
async function withOnePack(): Promise<{ repo: TestRepository; key: string; chance: Chance }> {
  const repo = await TestRepository.create({ through })
  const chance = new Chance(3)
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('one'), chance.bytes(100_000))
  writeFileSync(repo.source('two'), chance.bytes(100_000))
  await repo.backup()
  const [pack] = dataPacks(repo)
  return { repo, key: packKey(pack!.id), chance }
}

it('verify --data says what is lost, repair sets it aside, and the next backup brings it back', async () => {
  const { repo, key } = await withOnePack()
  await using _ = repo
  bad = key
  await repo.reopen()
  const report = await verify(repo.repository, { data: true }, { ...QUIET, pool: repo.pool() })
  expect(report.damages.map(({ object }) => object)).toContain(key)
  expect(report.affected.map(({ path }) => path).sort()).toEqual([repo.source('one'), repo.source('two')])
  await repair(repo.repository, { data: true, dryRun: false }, { ...QUIET, pool: repo.pool() })
  const { snapshot } = await repo.backup()
  const target = mkdtempSync(join(repo.directory, 'back-'))
  expect((await repo.restore(snapshot, target, repo.source())).failures).toEqual([])
  expect(readFileSync(join(target, 'one')).equals(readFileSync(repo.source('one')))).toBe(true)
})

it('a restore takes what lies in another pack too from there', async () => {
  const { repo, key } = await withOnePack()
  await using _ = repo
  // Another machine, which has set the pack aside for itself, stores the same once more.
  await using twin = await repo.another({ through })
  for (const { no } of dataPacks(twin)) twin.repository.manifest.packs.setState(no, 'quarantined')
  const { snapshot } = await twin.backup()
  await repo.repository.log.follow()
  expect(dataPacks(repo)).toHaveLength(2)
  bad = key
  await repo.reopen({ forgetting: true })
  const target = mkdtempSync(join(repo.directory, 'back-'))
  expect((await repo.restore(snapshot, target, repo.source())).failures).toEqual([])
  expect(readFileSync(join(target, 'one')).equals(readFileSync(repo.source('one')))).toBe(true)
})

it('a prune leaves the pack as it is and goes on, as with a damaged one', async () => {
  const { repo, key } = await withOnePack()
  await using _ = repo
  const first = [...repo.repository.log.state.snapshots.keys()]
  rmSync(repo.source('two'))
  await repo.backup()
  await forgetByIds(repo.repository, first, { dryRun: false, evenLast: true })
  bad = key
  await repo.reopen()
  const request = {
    unusedShareMax: 0.05,
    repackBytesMax: Number.POSITIVE_INFINITY,
    undoMs: 0,
    strayMs: 0,
    dryRun: false,
  }
  const report = await prune(repo.repository, request, QUIET)
  expect(report.damaged.map(({ pack }) => packKey(pack))).toEqual([key])
  expect(repo.keys('packs/')).toContain(key)
})

it('a new machine opens a repository of which an index object cannot be read, and repairs it', async () => {
  const { repo, chance } = await withOnePack()
  await using _ = repo
  writeFileSync(repo.source('three'), chance.bytes(10_000))
  const { snapshot } = await repo.backup()
  const [index] = repo.keys('index/')
  bad = index!
  await using fresh = await repo.another({ through })
  expect(fresh.repository.log.indexProblems.map(({ id }) => `index/${id}`)).toEqual([bad])
  await repair(fresh.repository, { data: true, dryRun: false }, { ...QUIET, pool: fresh.pool() })
  await using next = await repo.another({ through })
  expect(next.repository.log.indexProblems).toEqual([])
  const target = mkdtempSync(join(repo.directory, 'back-'))
  expect((await next.restore(snapshot, target, repo.source())).failures).toEqual([])
})

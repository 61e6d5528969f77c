import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createTargetFiles } from '../../../../src/filesystem/target-files.ts'
import { chunkIdsIn, type SnapshotId } from '../../../../src/model/ids.ts'
import type { ByteRange, Storage } from '../../../../src/model/storage.ts'
import { restore } from '../../../../src/ops/restore/restore.ts'
import { RestoreWriter } from '../../../../src/workers/restore-writer.ts'
import { createInThreadPool } from '../../../../src/workers/task-pool.ts'
import { Chance } from '../../../support/builders.ts'
import { TestRepository } from '../../../support/repository.ts'

const HALF = 800_000
const PRECIOUS = 'the only copy of what was written today'

type Damaged = { readonly repo: TestRepository; readonly snapshot: SnapshotId }

/** A file lies in several delta segments of one pack; the bases of some are gone, those of others are there. */
async function withLostBases(): Promise<Damaged> {
  // Where chunks are cut is random: until all of the last version lies in delta segments of one pack.
  for (let seed = 1; ; seed++) {
    const repo = await TestRepository.create({ random: new Chance(seed) })
    const chance = new Chance(5)
    mkdirSync(repo.source(), { recursive: true })
    const path = repo.source('file')
    const [first, second] = [chance.bytes(HALF), chance.bytes(HALF)]
    const { manifest } = repo.repository
    const dataPacks = () => manifest.packs.list().filter(({ kind }) => kind === 'data')
    const since = (before: ReturnType<typeof dataPacks>) =>
      dataPacks().filter(({ no }) => !before.some((row) => row.no === no))
    writeFileSync(path, first)
    await repo.backup()
    const ofFirst = dataPacks()
    writeFileSync(path, Buffer.concat([first, second]))
    await repo.backup()
    const ofSecond = since(ofFirst)
    const edited = Buffer.concat([first, second])
    for (let at = 500; at < edited.length; at += 1_000) edited[at]! ^= 1
    writeFileSync(path, edited)
    const { snapshot } = await repo.backup()
    const last = since([...ofFirst, ...ofSecond])
    const segments = last.flatMap(({ no }) => manifest.packs.tableOf(no))
    const gone = new Set(ofSecond.map(({ no }) => no))
    const loses = segments.map(({ bases }) =>
      chunkIdsIn(bases).some((id) => gone.has(manifest.chunks.locate(id)?.pack ?? -1)),
    )
    const isMixed = loses.includes(true) && loses.includes(false)
    if (last.length === 1 && segments.length <= 4 && isMixed && segments.every(({ depth }) => depth === 1)) {
      for (const { id } of ofSecond) repo.storage.objects.delete(`packs/${id.slice(0, 2)}/${id}`)
      await repo.reopen()
      return { repo, snapshot }
    }
    await repo[Symbol.asyncDispose]()
  }
}

it('a file of which a part cannot be had does not come under its name', async () => {
  const { repo, snapshot } = await withLostBases()
  await using _ = repo
  const target = mkdtempSync(join(repo.directory, 'back-'))
  const { failures, filesRestored } = await repo.restore(snapshot, target, repo.source())
  expect(failures.map(({ path }) => path)).toEqual([repo.source('file')])
  expect(filesRestored).toBe(0)
  expect(readdirSync(target)).toEqual([])
})

it('what stood in the place of a file of which a part cannot be had stays', async () => {
  const { repo, snapshot } = await withLostBases()
  await using _ = repo
  const target = mkdtempSync(join(repo.directory, 'back-'))
  writeFileSync(join(target, 'file'), PRECIOUS)
  const { failures } = await repo.restore(snapshot, target, repo.source())
  expect(failures).toHaveLength(1)
  expect(readdirSync(target)).toEqual(['file'])
  expect(readFileSync(join(target, 'file'), 'utf8')).toBe(PRECIOUS)
})

/** Its packs answer with `failure` where their header is read, from when it says so. */
async function withBrokenReads(
  failure: () => Error,
): Promise<Damaged & { readonly broken: { on: boolean } }> {
  const broken = { on: false }
  const through = (storage: Storage): Storage => ({
    ...storage,
    list: (prefix: string) => storage.list(prefix),
    read: async (key: string, range?: ByteRange) => {
      if (broken.on && key.startsWith('packs/') && range?.offset === 0) throw failure()
      return storage.read(key, range)
    },
  })
  const repo = await TestRepository.create({ through })
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('small'), new Chance(1).bytes(10_000))
  writeFileSync(repo.source('large'), new Chance(2).bytes(6_000_000))
  const { snapshot } = await repo.backup()
  await repo.reopen()
  return { repo, snapshot, broken }
}

it('an error that nobody expected ends a restore: what was not written is not called restored', async () => {
  const { repo, snapshot, broken } = await withBrokenReads(() => new RangeError('no memory'))
  await using _ = repo
  const target = mkdtempSync(join(repo.directory, 'back-'))
  writeFileSync(join(target, 'large'), PRECIOUS)
  broken.on = true
  await expect(repo.restore(snapshot, target, repo.source())).rejects.toThrow('no memory')
  expect(readFileSync(join(target, 'large'), 'utf8')).toBe(PRECIOUS)
  expect(readdirSync(target)).toEqual(['large'])
})

it.each([
  ['a new file', false],
  ['a file that replaces another', true],
])('an interrupted restore leaves no half of %s', async (_, isThere) => {
  const repo = await TestRepository.create()
  await using _repo = repo
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('large'), new Chance(2).bytes(9_000_000))
  const { snapshot } = await repo.backup()
  const target = mkdtempSync(join(repo.directory, 'back-'))
  if (isThere) writeFileSync(join(target, 'large'), PRECIOUS)
  const files = createTargetFiles()
  using root = files.openRoot(target)
  using writer = new RestoreWriter(files, root, repo.repository.keys.idKey)
  const controller = new AbortController()
  let tasks = 0
  const pool = createInThreadPool<Parameters<RestoreWriter['run']>[0], ReturnType<RestoreWriter['run']>>(
    (task) => {
      tasks += 1
      if (tasks === 2) controller.abort(new Error('interrupted'))
      return writer.run(task)
    },
  )
  const request = {
    root: repo.snapshot(snapshot).root,
    select: [],
    strip: repo.source(),
    target,
    overwrite: 'always' as const,
    deleteExtra: false,
    sources: [repo.source()],
    keep: new Set<string>(),
    dryRun: false,
    keepOwner: false,
  }
  const ports = { target: files, pool, progress: () => undefined, signal: controller.signal }
  await expect(restore(repo.repository, request, ports)).rejects.toThrow('interrupted')
  expect(tasks).toBeGreaterThanOrEqual(2)
  expect(readdirSync(target)).toEqual(isThere ? ['large'] : [])
  if (isThere) expect(readFileSync(join(target, 'large'), 'utf8')).toBe(PRECIOUS)
  expect(existsSync(repo.source('large'))).toBe(true)
})

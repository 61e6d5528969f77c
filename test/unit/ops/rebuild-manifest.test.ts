import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProgressEvent } from '../../../src/model/progress.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { type RebuildReport, rebuildManifest } from '../../../src/ops/rebuild-manifest.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { manifestPathOf } from '../../../src/repository/open-repository.ts'
import { decodeContent } from '../../../src/snapshot/content.ts'
import { decodeTree, treeId } from '../../../src/snapshot/tree.ts'
import { Chance } from '../../support/builders.ts'
import { addDeltaSnapshot } from '../../support/delta-repository.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

const STRICT = { acceptRollback: false }

let repo: TestRepository
let path: string

beforeEach(async () => {
  repo = await TestRepository.create()
  path = manifestPathOf(repo.ports.cacheDirectory, repo.repository.id)
  mkdirSync(repo.source('a', 'b'), { recursive: true })
  writeFileSync(repo.source('a', 'b', 'one'), new Chance(1).bytes(50_000))
  await repo.backup()
  writeFileSync(repo.source('two'), new Chance(2).bytes(50_000))
  await repo.backup()
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

async function rebuild(events: ProgressEvent[] = []): Promise<RebuildReport> {
  await repo.close()
  const signal = new AbortController().signal
  return rebuildManifest(repo.ports, SECRET, STRICT, { progress: (event) => events.push(event), signal })
}

/** What the tables say, without numbers that depend on the order of insertion. */
function contents(): unknown {
  const { manifest, keys, log } = repo.repository
  const roots = [...log.state.snapshots.values()].map(({ root }) => treeId(keys.idKey, decodeContent(root)))
  const kept = (id: Uint8Array): unknown => {
    const bytes = manifest.trees.byId(id)?.bytes
    if (bytes == null) throw new Error('a tree is missing')
    const below = decodeTree(bytes).entries.filter(({ type }) => type === 'dir')
    return [bytes, ...below.map(({ content }) => kept(treeId(keys.idKey, content!)))]
  }
  return {
    snapshots: manifest.snapshots.list().map(({ rootTree, ...row }) => row),
    packs: manifest.packs.list().map(({ id, kind, bytes, state, trusted, no }) => ({
      ...{ id, kind, bytes, state, trusted },
      table: manifest.packs.tableOf(no),
    })),
    trees: roots.map(kept),
    head: manifest.meta.head(),
  }
}

test('the new manifest says what the old one said', async () => {
  const before = contents()
  const report = await rebuild()
  const above = repo.source().split('/').length - 1
  expect(report).toMatchObject({
    snapshots: 2,
    logEntries: 3,
    indexes: 2,
    packs: 4,
    treesLeftOut: 0,
    indexProblems: 0,
  })
  expect(report.trees).toBe(2 * (above + 1) + 2)
  await repo.reopen()
  expect(contents()).toEqual(before)
  expect(readdirSync(dirname(path)).filter((name) => name.startsWith('rebuild'))).toEqual([])
})

test.each([
  ['missing', () => rmSync(dirname(path), { recursive: true })],
  ['empty', () => writeFileSync(path, '')],
  ['garbage', () => writeFileSync(path, new Chance(3).bytes(100_000))],
  [
    'garbage with a stale log beside it',
    () => {
      writeFileSync(path, new Chance(3).bytes(100_000))
      writeFileSync(`${path}-wal`, new Chance(4).bytes(50_000))
    },
  ],
])('a manifest that is %s is made anew, and everything goes on', async (_what, spoil) => {
  await repo.close()
  spoil()
  expect(await rebuild()).toMatchObject({ snapshots: 2, treesLeftOut: 0 })
  await repo.reopen()
  await using pool = repo.pool()
  const ports = { pool, progress: () => undefined, signal: new AbortController().signal }
  expect(await verify(repo.repository, { data: true, secret: SECRET }, ports)).toMatchObject({ damages: [] })
  const { summary } = await repo.backup()
  expect(summary).toMatchObject({ filesUnmodified: 2, bytesRead: 0 })
})

test('what killed rebuilds left goes when it is a day old by the clock, and no earlier', async () => {
  const left = join(dirname(path), 'rebuild-killed')
  mkdirSync(left)
  utimesSync(left, repo.now / 1_000, repo.now / 1_000)
  repo.now += 86_399_000
  await rebuild()
  expect(existsSync(left)).toBe(true)
  repo.now += 2_000
  await rebuild()
  expect(existsSync(left)).toBe(false)
})

test('delta segments and trees made elsewhere are taken in', async () => {
  await addDeltaSnapshot(repo.repository)
  expect(await rebuild()).toMatchObject({ snapshots: 3, treesLeftOut: 0 })
})

test('a log that does not extend what the old manifest has seen is refused, and the old one kept', async () => {
  await repo.close()
  const before = readFileSync(path)
  repo.storage.objects.delete('log/0000000000000002')
  await expect(rebuild()).rejects.toMatchObject({ code: 'REPOSITORY_ROLLED_BACK' })
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(readdirSync(dirname(path))).toEqual(['manifest.db'])
})

test('a wrong key changes nothing', async () => {
  await repo.close()
  const before = readFileSync(path)
  const signal = new AbortController().signal
  const wrong = { kind: 'key file', secret: new Uint8Array(32) } as const
  await expect(
    rebuildManifest(repo.ports, wrong, STRICT, { progress: () => undefined, signal }),
  ).rejects.toMatchObject({ code: 'KEY_WRONG' })
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a manifest that is in use is left alone', async () => {
  const signal = new AbortController().signal
  expect(existsSync(`${path}-wal`)).toBe(true)
  await expect(
    rebuildManifest(repo.ports, SECRET, STRICT, { progress: () => undefined, signal }),
  ).rejects.toMatchObject({
    code: 'MANIFEST_FAILED',
  })
  expect((await repo.backup()).summary).toMatchObject({ filesUnmodified: 2, filesAgain: 0 })
})

test('directories that cannot be read are left out with those above them, and named', async () => {
  const [first] = repo.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'tree')
  repo.damage(packKey(first!.id), 300)
  const events: ProgressEvent[] = []
  const report = await rebuild(events)
  expect(report.treesLeftOut).toBeGreaterThan(0)
  expect(events.some(({ kind }) => kind === 'warning')).toBe(true)
  await repo.reopen()
  expect(repo.repository.manifest.snapshots.list()).toHaveLength(2)
})

test('where there is no repository, that is said', async () => {
  await repo.close()
  repo.storage.objects.clear()
  await expect(rebuild()).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' })
})

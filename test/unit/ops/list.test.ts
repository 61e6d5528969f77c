import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProgressEvent } from '../../../src/model/progress.ts'
import type { ListedEntry } from '../../../src/ops/list.ts'
import { list, resolveSnapshotPath } from '../../../src/ops/list.ts'
import { decodeContent } from '../../../src/snapshot/content.ts'
import { addDeltaSnapshot } from '../../support/delta-repository.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository
let root: Uint8Array

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('a', 'b', 'c'), { recursive: true })
  mkdirSync(repo.source('empty'))
  writeFileSync(repo.source('a', 'b', 'file'), 'content')
  writeFileSync(repo.source('a', 'b', 'c', 'deep'), '')
  writeFileSync(repo.source('z\n\u{1f600}'), 'x')
  symlinkSync('a/b', repo.source('link'))
  linkSync(repo.source('a', 'b', 'file'), repo.source('second'))
  root = repo.snapshot((await repo.backup()).snapshot).root
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

async function listed(
  path: string,
  recursive: boolean,
  events: ProgressEvent[] = [],
): Promise<ListedEntry[]> {
  const found: ListedEntry[] = []
  const ports = {
    progress: (event: ProgressEvent) => events.push(event),
    signal: new AbortController().signal,
  }
  for await (const entry of list(repo.repository, { root, path, recursive }, ports)) found.push(entry)
  return found
}

async function paths(path: string, recursive: boolean): Promise<string[]> {
  return (await listed(path, recursive)).map((entry) => entry.path.replace(repo.source(), '@'))
}

test('a directory is listed by its entries, in byte order', async () => {
  expect(await paths(repo.source(), false)).toEqual([
    '@/a',
    '@/empty',
    '@/link',
    '@/second',
    '@/z\n\u{1f600}',
  ])
  expect(await paths(`${repo.source('a')}/`, false)).toEqual(['@/a/b'])
  expect(await paths(repo.source('empty'), true)).toEqual([])
})

test('recursively, each directory comes before what is in it', async () => {
  expect(await paths(repo.source(), true)).toEqual([
    '@/a',
    '@/a/b',
    '@/a/b/c',
    '@/a/b/c/deep',
    '@/a/b/file',
    '@/empty',
    '@/link',
    '@/second',
    '@/z\n\u{1f600}',
  ])
  expect((await paths('/', true)).length).toBe(9 + repo.source().split('/').length - 1)
})

test('what is no directory is listed itself, with names of its owner', async () => {
  const [link, ...rest] = await listed(repo.source('link'), true)
  expect(rest).toEqual([])
  expect(link).toMatchObject({
    path: repo.source('link'),
    user: 'root',
    group: 'root',
    entry: { type: 'symlink', target: 'a/b' },
  })
})

test('the root has no entry of its own', async () => {
  expect(await resolveSnapshotPath(repo.repository, decodeContent(root), '/')).toMatchObject({
    names: [],
    at: undefined,
  })
})

test.each([
  ['an absent name', ['nothing']],
  ['a name below a file', ['second', 'x']],
  ['a name below a link', ['link', 'file']],
])('%s is no path of the snapshot', async (_what, names) => {
  await expect(listed(repo.source(...names), false)).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
})

test('a damaged directory does not keep others from being listed', async () => {
  const { packs, snapshot } = await addDeltaSnapshot(repo.repository)
  expect(packs.base.kind).toBe('data')
  root = repo.snapshot(snapshot).root
  expect((await listed('/', true)).map(({ path }) => path)).toEqual(['/base', '/deeper', '/delta'])

  await repo.reopen({ forgetting: true })
  writeFileSync(repo.source('a', 'b', 'c', 'new'), '')
  const second = (await repo.backup()).snapshot
  root = repo.snapshot(second).root
  await repo.reopen({ forgetting: true })
  // `empty` lies in the first tree pack alone
  const { manifest } = repo.repository
  const [first] = manifest.packs.list('live').filter(({ kind }) => kind === 'tree')
  repo.damage(`packs/${first!.id.slice(0, 2)}/${first!.id}`, 300)
  const events: ProgressEvent[] = []
  await expect(listed(repo.source(), true, events)).rejects.toMatchObject({ code: 'INCOMPLETE' })
  expect(events).toMatchObject([{ kind: 'warning', path: repo.source('empty') }])
})

test('a damaged directory that was asked for is an error', async () => {
  await repo.reopen({ forgetting: true })
  const [pack] = repo.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'tree')
  repo.damage(`packs/${pack!.id.slice(0, 2)}/${pack!.id}`, 300)
  await expect(listed('/', true)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
})

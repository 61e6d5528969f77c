import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProgressEvent } from '../../../../src/model/progress.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { type FindRequest, find, type SearchedSnapshot } from '../../../../src/ops/find/find.ts'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('docs', 'old'), { recursive: true })
  write('docs/notes.txt', 'one', 1_000)
  write('docs/old/Notes.txt', 'old', 2_000)
  symlinkSync('notes.txt', repo.source('docs', 'link.txt'))
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

function write(name: string, text: string, mtime: number): void {
  writeFileSync(repo.source(name), text)
  utimesSync(repo.source(name), mtime, mtime)
}

/** All snapshots, oldest first. */
const snapshots = (host?: (index: number) => string): SearchedSnapshot[] =>
  repo.repository.manifest.snapshots.list().map((row, index) => ({
    ...{ id: row.id, series: row.series, number: row.number, time: row.timeMs, paths: row.paths },
    ...{ hostname: host?.(index) ?? 'host', label: undefined, tags: [], root: row.root },
  }))

/** Path below the source (and host): sizes and snapshots of each version. */
async function search(
  patterns: readonly string[],
  more: Partial<FindRequest<SearchedSnapshot>> = {},
  events: ProgressEvent[] = [],
) {
  const request = { ignoreCase: false, type: undefined, notBefore: undefined, notAfter: undefined }
  const found = await find(
    repo.repository,
    { patterns, ...request, newestOnly: false, snapshots: snapshots(), ...more },
    { progress: (event) => events.push(event), signal: new AbortController().signal },
  )
  const files = found.files.map(({ path, hostname, versions }) => [
    path.replace(repo.source(), hostname === 'host' ? '' : hostname),
    versions.map(({ size, snapshots: held }) => `${size}:${held.members()}`).join(' '),
  ])
  return { ...found, files: Object.fromEntries(files) }
}

test('the versions of a file, each with the snapshots that hold it', async () => {
  await repo.backup()
  await repo.backup()
  write('docs/notes.txt', 'three', 3_000)
  await repo.backup()
  write('docs/notes.txt', 'one', 1_000)
  await repo.backup()
  const { files } = await search(['notes.txt'])
  expect(files).toEqual({ '/docs/notes.txt': '3:0,1,3 5:2' })
  expect((await search(['notes.txt'], { newestOnly: true })).files).toEqual({ '/docs/notes.txt': '3:0,1,3' })
})

test('a change that leaves size and time as they were is another version', async () => {
  await repo.backup()
  write('docs/notes.txt', 'two', 1_000)
  await repo.backup()
  expect((await search(['notes.txt'])).files).toEqual({ '/docs/notes.txt': '3:0 3:1' })
})

test('patterns of names and of paths, case, type and time', async () => {
  await repo.backup()
  const names = async (patterns: string[], more: Partial<FindRequest<SearchedSnapshot>> = {}) =>
    Object.keys((await search(patterns, more)).files)
  const all = ['/docs/link.txt', '/docs/notes.txt', '/docs/old/Notes.txt']
  expect(await names(['*.txt'])).toEqual(all)
  expect(await names(['NOTES.*'])).toEqual([])
  expect(await names(['NOTES.*'], { ignoreCase: true })).toEqual(all.slice(1))
  expect(await names(['[Nx]otes.txt', 'link*'])).toEqual([all[0], all[2]])
  expect(await names([`${repo.source()}/docs/*.txt`])).toEqual(all.slice(0, 2))
  expect(await names(['**/old/*'])).toEqual(all.slice(2))
  expect(await names(['docs/*.txt'])).toEqual([])
  expect(await names(['*'], { type: 'symlink' })).toEqual(all.slice(0, 1))
  expect(await names(['o*'], { type: 'dir' })).toEqual(['/docs/old'])
  expect(await names(['*.txt'], { type: 'file', notBefore: 2_000_000 })).toEqual(all.slice(2))
  expect(await names(['*.txt'], { type: 'file', notAfter: 1_999_999 })).toEqual(all.slice(1, 2))
  expect(await names(['*.txt'], { notBefore: 1_000_000, notAfter: 1_000_000 })).toEqual(all.slice(1, 2))
})

test('only the snapshots that are asked for are searched', async () => {
  await repo.backup()
  write('docs/notes.txt', 'three', 3_000)
  await repo.backup()
  const [first] = snapshots()
  expect((await search(['notes.txt'], { snapshots: [first!] })).files).toEqual({ '/docs/notes.txt': '3:0' })
  expect((await search(['notes.txt'], { snapshots: [] })).files).toEqual({})
})

test('one directory at two paths in two snapshots is found at both', async () => {
  await repo.backup()
  renameSync(repo.source('docs'), repo.source('papers'))
  await repo.backup()
  expect((await search(['notes.txt'])).files).toEqual({
    '/docs/notes.txt': '3:0',
    '/papers/notes.txt': '3:1',
  })
})

test('files of two hosts at one path stay apart', async () => {
  await repo.backup()
  await repo.backup()
  const two = snapshots((index) => (index === 0 ? 'web1' : 'web2'))
  const { files } = await search(['notes.txt'], { snapshots: two })
  expect(files).toEqual({ 'web1/docs/notes.txt': '3:0', 'web2/docs/notes.txt': '3:1' })
})

test('a machine that made none of the snapshots finds the same', async () => {
  await repo.backup()
  const before = await search(['*'])
  await repo.reopen({ forgetting: true })
  expect((await search(['*'])).files).toEqual(before.files)
})

test('a damaged directory is named, and the rest is searched', async () => {
  await repo.backup()
  write('docs/new.txt', 'three', 3_000)
  await repo.backup()
  const packs = repo.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'tree')
  repo.damage(packKey(packs.at(-1)!.id), 300)
  await repo.reopen({ forgetting: true })
  const events: ProgressEvent[] = []
  const { files, leftOut } = await search(['notes.txt'], {}, events)
  expect(files).toEqual({ '/docs/notes.txt': '3:0' })
  expect(leftOut).toBeGreaterThan(0)
  expect(events.find(({ kind }) => kind === 'warning')).toMatchObject({ path: '/' })
})

test('a snapshot whose root cannot be read is named, and others are searched', async () => {
  await repo.backup()
  const broken = snapshots().map((snapshot) => ({ ...snapshot, root: Uint8Array.of(9, 9) }))
  const { files, leftOut } = await search(['notes.txt'], { snapshots: [...snapshots(), ...broken] })
  expect(Object.keys(files)).toEqual(['/docs/notes.txt'])
  expect(leftOut).toBe(1)
})

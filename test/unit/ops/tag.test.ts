import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { forgetByIds } from '../../../src/ops/forget/forget.ts'
import { changedTags, changeTags, type TagChange } from '../../../src/ops/tag.ts'
import { commitSnapshot } from '../../support/committed.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository
let first: SnapshotId
let second: SnapshotId

beforeEach(async () => {
  repo = await TestRepository.create()
  first = await commitSnapshot(repo, { tags: ['a', 'b'] })
  second = await commitSnapshot(repo)
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const tags = () => repo.repository.manifest.snapshots.list().map((row) => row.tags)
const change = (ids: SnapshotId[], to: TagChange) => changeTags(repo.repository, ids, to)

test('tags are added, removed and replaced, of several at once', async () => {
  await change([first, second], { add: ['c'], remove: ['a'] })
  expect(tags()).toEqual([['b', 'c'], ['c']])
  await change([first], { set: ['x', 'y', 'x'] })
  expect(tags()).toEqual([['x', 'y'], ['c']])
  await change([first], { set: [] })
  expect(tags()).toEqual([[], ['c']])
})

test('a change goes by the tags that are there now, with a new manifest too', async () => {
  await change([first], { set: ['x'] })
  await repo.reopen({ forgetting: true })
  expect(tags()).toEqual([['x'], []])
  expect(await change([first], { add: ['y'], remove: ['a'] })).toEqual([{ id: first, tags: ['x', 'y'] }])
})

test('where nothing changes nothing is written', async () => {
  const entries = repo.keys('log/').length
  expect(await change([first], { add: ['a'], remove: ['c'] })).toEqual([])
  expect(await change([first], { set: ['b', 'a'] })).toEqual([])
  expect(await change([], { set: ['z'] })).toEqual([])
  expect(repo.keys('log/')).toHaveLength(entries)
  expect(await change([first, second], { add: ['a'], remove: [] })).toEqual([{ id: second, tags: ['a'] }])
})

test('a tag that nobody could name is refused', async () => {
  await expect(change([first], { set: ['a,b'] })).rejects.toMatchObject({ code: 'USAGE' })
  await expect(change([first], { add: [''], remove: [] })).rejects.toMatchObject({ code: 'USAGE' })
})

test('a forgotten one is not tagged', async () => {
  await forgetByIds(repo.repository, [first], { dryRun: false, evenLast: false })
  await expect(change([second, first], { set: ['z'] })).rejects.toMatchObject({ code: 'USAGE' })
  expect(tags()).toEqual([[]])
})

describe('changed tags', () => {
  it('are each there once, in the order in which they came, and what is removed is gone', () => {
    expect(changedTags(['b', 'a'], { add: ['c', 'a'], remove: [] })).toEqual(['b', 'a', 'c'])
    expect(changedTags(['a'], { add: ['b'], remove: ['b', 'a'] })).toEqual([])
  })
})

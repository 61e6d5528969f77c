import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { forgetByIds } from '../../../src/ops/forget/forget.ts'
import { setHeld } from '../../../src/ops/hold.ts'
import { commitSnapshot } from '../../support/committed.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository
let older: SnapshotId
let newer: SnapshotId

beforeEach(async () => {
  repo = await TestRepository.create()
  older = await commitSnapshot(repo)
  newer = await commitSnapshot(repo)
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const held = (): SnapshotId[] =>
  repo.repository.manifest.snapshots
    .list()
    .filter((row) => row.held)
    .map(({ id }) => id)
const hold = async (ids: SnapshotId[], to = true) =>
  (await setHeld(repo.repository, ids, to)).map(({ id }) => id)

test('what is held is not forgotten until it is let go', async () => {
  expect(await hold([older])).toEqual([older])
  expect(held()).toEqual([older])
  const forget = () => forgetByIds(repo.repository, [older], { dryRun: false, evenLast: false })
  await expect(forget()).rejects.toMatchObject({ code: 'SNAPSHOT_KEPT' })
  expect(await hold([older], false)).toEqual([older])
  await forget()
  expect(repo.snapshot(older).forgotten).toBeDefined()
})

test('only what changes is written, and it is there with a new manifest', async () => {
  await hold([older])
  const entries = repo.keys('log/').length
  expect(await hold([older])).toEqual([])
  expect(await hold([newer], false)).toEqual([])
  expect(repo.keys('log/')).toHaveLength(entries)
  expect(await hold([newer, older])).toEqual([newer])
  await repo.reopen({ forgetting: true })
  expect(held().sort()).toEqual([older, newer].sort())
})

test('a forgotten one is neither held nor let go, and the way out is named', async () => {
  await forgetByIds(repo.repository, [older], { dryRun: false, evenLast: false })
  for (const to of [true, false]) {
    await expect(hold([newer, older], to)).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining(`snap forget --undo ${older.slice(0, 8)}`),
    })
  }
  expect(held()).toEqual([])
})

test('one that is not there is an error', async () => {
  const nobody = '0'.repeat(32) as SnapshotId
  await expect(hold([older, nobody])).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  expect(held()).toEqual([])
})

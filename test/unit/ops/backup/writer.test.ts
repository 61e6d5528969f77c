/** Backups with a key that adds snapshots and cannot read them: what it cannot check is stored again. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SlotSecret } from '../../../../src/keys/slot.ts'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { addRole, overtaken } from '../../../support/committed.ts'
import { TestRepository } from '../../../support/repository.ts'
import { seededBytes } from '../../../support/tree.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const ALL_AT_ONCE = {
  unusedShareMax: 0.05,
  repackBytesMax: Number.POSITIVE_INFINITY,
  undoMs: 0,
  strayMs: 86_400_000,
  dryRun: false,
}
/** So long that its list of chunks is stored as chunks. */
const LARGE = Buffer.from(seededBytes(500_000, 7)).toString('hex')

let repo: TestRepository
let secret: SlotSecret

beforeEach(async () => {
  repo = await TestRepository.create()
  for (const name of ['directory', 'other']) mkdirSync(repo.source(name), { recursive: true })
  writeFileSync(repo.source('directory', 'large'), LARGE)
  writeFileSync(repo.source('other', 'file'), seededBytes(60_000, 4))
  secret = await addRole(repo, 'writer')
  await repo.reopen({ forgetting: true, secret })
  await repo.backup(repo.source('directory'))
  writeFileSync(repo.source('directory', 'small'), 'small')
})
afterEach(() => repo[Symbol.asyncDispose]())

/** An admin reads it back. */
async function expectWhole(snapshot: SnapshotId): Promise<void> {
  await using admin = await repo.another()
  const target = join(repo.directory, 'back')
  mkdirSync(target)
  expect((await admin.restore(snapshot, target, repo.source('directory'))).failures).toEqual([])
  expect(readFileSync(join(target, 'large'), 'utf8')).toBe(LARGE)
}

it('goes on from the parent snapshot where a prune came meanwhile', async () => {
  await using admin = await repo.another()
  const { snapshot: gone } = await admin.backup(repo.source('other'))
  await repo.repository.log.follow()
  const { create } = repo.storage
  const collecting = overtaken(repo.storage, async () => {
    repo.storage.create = create
    await admin.repository.log.append(() => ({ kind: 'forget', snapshots: [gone] }))
    await prune(admin.repository, ALL_AT_ONCE, QUIET)
  })
  repo.storage.create = collecting.create
  const { snapshot, summary } = await repo.backup(repo.source('directory'))
  expect(repo.storage.create).toBe(create)
  expect(summary).toMatchObject({ filesNew: 1, filesUnmodified: 1 })
  await expectWhole(snapshot)
})

it('reads again what may lie in a pack that was set aside', async () => {
  await using admin = await repo.another()
  const pack = repo.repository.manifest.packs.list('live').find(({ kind }) => kind === 'data')
  await admin.repository.log.append(() => ({
    kind: 'quarantine',
    packs: pack === undefined ? [] : [pack.id],
  }))
  await repo.repository.log.follow()
  const { snapshot, summary } = await repo.backup(repo.source('directory'))
  expect(summary).toMatchObject({ filesNew: 1, filesAgain: 1 })
  const again = await repo.backup(repo.source('directory'))
  expect(again.summary).toMatchObject({ filesAgain: 1, bytesStored: 0 })
  await expectWhole(snapshot)
})

it('reads everything again where the manifest is gone, and stores nothing twice', async () => {
  await repo.reopen({ forgetting: true, secret })
  const { snapshot, summary } = await repo.backup(repo.source('directory'))
  expect(summary).toMatchObject({ filesNew: 2, dataChunks: 1 })
  await expectWhole(snapshot)
})

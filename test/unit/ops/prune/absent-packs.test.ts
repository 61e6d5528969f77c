/** A prune while a pack that snapshots need is away. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { packKey } from '../../../../src/object/object-keys.ts'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { repair } from '../../../../src/ops/repair/repair.ts'
import { addDeltaSnapshot, type DeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const ALL = {
  unusedShareMax: 0,
  repackBytesMax: Number.POSITIVE_INFINITY,
  undoMs: 0,
  strayMs: 0,
  dryRun: false,
}

let repo: TestRepository
let made: DeltaSnapshot
let bringBack: () => void

beforeEach(async () => {
  repo = await TestRepository.create()
  made = await addDeltaSnapshot(repo.repository, { names: ['delta'] })
  const key = packKey(made.packs.delta.id)
  const object = repo.storage.objects.get(key)!
  repo.storage.objects.delete(key)
  bringBack = () => void repo.storage.objects.set(key, object)
})
afterEach(() => repo[Symbol.asyncDispose]())

async function expectRestored(): Promise<void> {
  await using fresh = await repo.another()
  const target = mkdtempSync(join(repo.directory, 'back-'))
  expect((await fresh.restore(made.snapshot, target)).failures).toEqual([])
  expect(Buffer.compare(readFileSync(join(target, 'delta')), made.files.delta)).toBe(0)
}

it('keeps what the pack needs once an entry has set it aside, so that it is whole when it comes back', async () => {
  await repair(repo.repository, { data: false, dryRun: false }, { ...QUIET, pool: repo.pool() })
  await prune(repo.repository, ALL, QUIET)
  bringBack()
  await expectRestored()
})

it('removes nothing where this client alone has set it aside', async () => {
  mkdirSync(repo.source('other'), { recursive: true })
  writeFileSync(repo.source('other', 'file'), 'content')
  await repo.backup(repo.source('other'))
  expect(repo.repository.manifest.packs.byId(made.packs.delta.id)?.state).toBe('quarantined')
  await expect(prune(repo.repository, ALL, QUIET)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  bringBack()
  await expectRestored()
})

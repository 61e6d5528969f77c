import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnapError } from '../../../src/model/errors.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { isGone, whileThere } from '../../../src/ops/overtaken.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { readSnapshot } from '../../support/collector/read-snapshot.ts'
import { TestRepository } from '../../support/repository.ts'
import { seededBytes } from '../../support/tree.ts'

const PORTS = { progress: () => undefined, signal: new AbortController().signal }
const REQUEST = { unusedShareMax: 0, repackBytesMax: 1e9, undoMs: 0, strayMs: 0, dryRun: false }
let repo: TestRepository
let first: SnapshotId

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), seededBytes(50_000, 1))
  first = (await repo.backup()).snapshot
  writeFileSync(repo.source('file'), seededBytes(50_000, 2))
  await repo.backup()
  // What the reader has in memory of its own backups would hide what is gone.
  await repo.reopen()
})
afterEach(() => repo[Symbol.asyncDispose]())

const read = (): Promise<string> =>
  whileThere(repo.repository, first, () => readSnapshot(repo.repository, repo.snapshot(first).root))

describe('reading a snapshot', () => {
  it('says that it was pruned meanwhile, and not that something is damaged', async () => {
    const root = repo.snapshot(first).root
    await using other = await repo.another()
    await other.repository.log.append(() => ({ kind: 'forget', snapshots: [first] }))
    await prune(other.repository, REQUEST, PORTS)
    expect(await isGone(repo.repository, first)).toBe(true)
    const reading = whileThere(repo.repository, first, () => readSnapshot(repo.repository, root))
    await expect(reading).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    // As a listing ends that has met directories which are no more.
    const listing = whileThere(repo.repository, first, () =>
      Promise.reject(new SnapError('INCOMPLETE', 'directories could not be listed', { hint: '' })),
    )
    await expect(listing).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  })

  it('says what is damaged of one that is there', async () => {
    for (const { id } of repo.repository.manifest.packs.list()) repo.storage.objects.delete(packKey(id))
    expect(await isGone(repo.repository, first)).toBe(false)
    await expect(read()).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })
})

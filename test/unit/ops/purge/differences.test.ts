/** A purge of what others are stored as differences to. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { purge } from '../../../../src/ops/purge/purge.ts'
import { repair } from '../../../../src/ops/repair/repair.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { addDeltaSnapshot, type DeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'
import { seededBytes } from '../../../support/tree.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const DAY_MS = 86_400_000

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})
afterEach(() => repo[Symbol.asyncDispose]())

async function purged(path: string) {
  const paths = [{ text: path, isGlob: false }]
  const spared = { undoMs: 14 * DAY_MS, strayMs: 7 * DAY_MS, acceptDamagedLog: false }
  return await purge(repo.repository, { paths, concerns: () => true, ...spared }, QUIET)
}

/** By a client that has seen nothing before. */
async function expectWhole(snapshot: SnapshotId): Promise<void> {
  await using fresh = await repo.another()
  const report = await verify(fresh.repository, { data: true }, { ...QUIET, pool: fresh.pool() })
  expect(report.damages).toEqual([])
  expect(report.affectedTotal).toBe(0)
  const { failures } = await fresh.restore(snapshot, mkdtempSync(join(repo.directory, 'back-')))
  expect(failures).toEqual([])
}

it.each(['this machine', 'another machine'])(
  'leaves nothing that %s could rely on over what was purged, though an interrupted backup awaits it',
  async (by) => {
    const directory = repo.source('directory')
    const first = seededBytes(400_000, 1)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'image'), first)
    writeFileSync(join(directory, 'keep'), 'keep')
    await repo.backup(directory)
    const edited = first.map((byte, at) => (at % 40_000 < 4 ? byte ^ 1 : byte))
    writeFileSync(join(directory, 'image'), edited)
    const { create } = repo.storage
    repo.storage.create = () => Promise.reject(new Error('interrupted'))
    await expect(repo.backup(directory)).rejects.toThrow('interrupted')
    repo.storage.create = create
    await purged(join(directory, 'image'))
    await using other = await repo.another()
    const { snapshot } = await (by === 'this machine' ? repo : other).backup(directory)
    await expectWhole(snapshot)
  },
)

describe('of a base of what lies in a pack with damage', () => {
  let made: DeltaSnapshot
  const key = () => packKey(made.packs.deeper.id)

  beforeEach(async () => {
    // The pack of `/deeper` begins with another segment.
    made = await addDeltaSnapshot(repo.repository, { beside: seededBytes(5_000, 77) })
  })

  async function restoredDeeper(): Promise<Uint8Array> {
    const target = mkdtempSync(join(repo.directory, 'back-'))
    await using fresh = await repo.another()
    for (const [id, { forgotten }] of fresh.repository.log.state.snapshots)
      if (forgotten === undefined) await fresh.restore(id, target)
    return readFileSync(join(target, 'deeper'))
  }

  const repaired = async () =>
    await repair(repo.repository, { data: true, dryRun: false }, { ...QUIET, pool: repo.pool() })

  it('is refused until the pack is set aside, and then writes out what is intact', async () => {
    repo.damage(key(), 200)
    await expect(purged('/delta')).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
    expect(Buffer.compare(await restoredDeeper(), made.files.deeper)).toBe(0)
    await repaired()
    const { proof } = await purged('/delta')
    expect(proof.left).toBe(0)
    expect(Buffer.compare(await restoredDeeper(), made.files.deeper)).toBe(0)
  })

  it('is refused while the pack is away', async () => {
    const object = repo.storage.objects.get(key())!
    repo.storage.objects.delete(key())
    await repaired()
    await expect(purged('/delta')).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    repo.storage.objects.set(key(), object)
    expect(Buffer.compare(await restoredDeeper(), made.files.deeper)).toBe(0)
  })
})

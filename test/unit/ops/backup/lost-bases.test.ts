import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSourceFiles } from '../../../../src/filesystem/source-files.ts'
import { SnapError } from '../../../../src/model/errors.ts'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { type PruneRequest, prune } from '../../../../src/ops/prune/prune.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { setUndecodableAside } from '../../../../src/repository/undecodable.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'
import { seededBytes } from '../../../support/tree.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const ALL_AT_ONCE: PruneRequest = {
  unusedShareMax: 0.05,
  repackBytesMax: Number.POSITIVE_INFINITY,
  undoMs: 0,
  strayMs: 86_400_000,
  dryRun: false,
}

let repo: TestRepository
const first = seededBytes(400_000, 1)
const edited = first.map((byte, at) => (at % 40_000 < 4 ? byte ^ 1 : byte))

beforeEach(async () => {
  repo = await TestRepository.create()
  for (const name of ['directory', 'other']) mkdirSync(repo.source(name), { recursive: true })
  writeFileSync(repo.source('other', 'x'), 'x')
})
afterEach(() => repo[Symbol.asyncDispose]())

const write = (bytes: Uint8Array): void => writeFileSync(repo.source('directory', 'image'), bytes)

async function forgetAndPrune(client: TestRepository, snapshot: SnapshotId): Promise<void> {
  await client.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot] }))
  await prune(client.repository, ALL_AT_ONCE, QUIET)
}

/** The edit of the image is in packs that no entry names, as differences to what only `snapshot` needs. */
async function killedOverBases(): Promise<SnapshotId> {
  write(first)
  const { snapshot } = await repo.backup(repo.source('directory'))
  write(edited)
  const { create } = repo.storage
  repo.storage.create = () => Promise.reject(new Error('killed'))
  await expect(repo.backup(repo.source('directory'))).rejects.toThrow('killed')
  repo.storage.create = create
  expect(pendingDeltas()).toBeGreaterThan(0)
  return snapshot
}

const pendingDeltas = (): number => {
  const { packs } = repo.repository.manifest
  return packs.pending().reduce((sum, { no }) => sum + packs.deltasOf(no).length, 0)
}

/** For a client that has never seen the repository: nothing is damaged, needed by a snapshot or not, and the image is `edited`. */
async function expectWhole(snapshot: SnapshotId): Promise<void> {
  await using fresh = await repo.another()
  expect(setUndecodableAside(fresh.repository.manifest)).toBe(0)
  const { damages, affectedTotal } = await verify(
    fresh.repository,
    { data: true },
    { ...QUIET, pool: fresh.pool() },
  )
  expect({ damages, affectedTotal }).toEqual({ damages: [], affectedTotal: 0 })
  await expectRestored(snapshot)
}

/** For such a client again, but something else may be damaged. */
async function expectRestored(snapshot: SnapshotId): Promise<void> {
  await using fresh = await repo.another()
  const target = join(repo.directory, 'back')
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target)
  expect((await fresh.restore(snapshot, target, repo.source('directory'))).failures).toEqual([])
  expect(Buffer.compare(readFileSync(join(target, 'image')), edited)).toBe(0)
}

describe('differences that a killed backup has stored, whose bases another client has pruned', () => {
  it('are stored again by the next backup', async () => {
    const snapshot = await killedOverBases()
    await using other = await repo.another()
    await other.backup(repo.source('other'))
    await forgetAndPrune(other, snapshot)
    const after = await repo.backup(repo.source('directory'))
    expect(after.summary.bytesStored).toBeGreaterThan(edited.length)
    await expectWhole(after.snapshot)
  })

  it('are not named by a backup of something else, so that nobody relies on them', async () => {
    const snapshot = await killedOverBases()
    await using other = await repo.another()
    await other.backup(repo.source('other'))
    await forgetAndPrune(other, snapshot)
    await repo.backup(repo.source('other'))
    await using third = await repo.another()
    await expectWhole((await third.backup(repo.source('directory'))).snapshot)
  })

  it('are forgotten as soon as the log says so', async () => {
    const snapshot = await killedOverBases()
    await using other = await repo.another()
    await forgetAndPrune(other, snapshot)
    await repo.repository.log.follow()
    expect(pendingDeltas()).toBe(0)
  })

  it('are looked for by a backup and by a prune also where the manifest took the log in before', async () => {
    for (const act of [
      () => repo.backup(repo.source('other')),
      () => prune(repo.repository, ALL_AT_ONCE, QUIET),
    ]) {
      const { packs } = await addDeltaSnapshot(repo.repository)
      const { manifest } = repo.repository
      for (const name of ['delta', 'deeper'] as const)
        manifest.packs.setState(manifest.packs.byId(packs[name].id)?.no ?? 0, 'pending')
      manifest.packs.remove(manifest.packs.byId(packs.base.id)?.no ?? 0)
      await act().catch(() => undefined)
      expect(pendingDeltas()).toBe(0)
    }
  })
})

describe('a difference of which another client prunes the bases while it is stored', () => {
  it('is not named, though the snapshot finds its chunks elsewhere', async () => {
    write(first)
    const { snapshot } = await repo.backup(repo.source('directory'))
    write(edited)
    const { create } = repo.storage
    let overtaken = false
    repo.storage.create = async (key, bytes) => {
      if (!overtaken && key.startsWith('log/')) {
        overtaken = true
        await using other = await repo.another()
        // In full, since it has no former version of it.
        mkdirSync(repo.source('copy'))
        writeFileSync(repo.source('copy', 'image'), edited)
        await other.backup(repo.source('copy'))
        await forgetAndPrune(other, snapshot)
      }
      return create.call(repo.storage, key, bytes)
    }
    const { snapshot: after } = await repo.backup(repo.source('directory'))
    expect(overtaken).toBe(true)
    await expectWhole(after)
  })
})

describe('a pack that a backup relied on and that another process on its manifest takes away', () => {
  /** Backs up the directory, does `before` when nothing in it has been looked up, and `act` when everything has. */
  async function meanwhile(act: () => void, before: () => void = () => undefined): Promise<SnapshotId> {
    const source = createSourceFiles()
    let left = 1
    const closing = {
      ...source,
      open: (path: string) => {
        if (left === 1) before()
        return source.open(path)
      },
      close: (fd: number) => {
        source.close(fd)
        if (--left === 0) act()
      },
    }
    return (await repo.backupWith({ source: closing }, repo.source('directory'))).snapshot
  }

  it('is stored again, where no entry named it', async () => {
    const snapshot = await killedOverBases()
    expect(snapshot).toBeDefined()
    const { packs } = repo.repository.manifest
    const after = await meanwhile(() => {
      for (const { no } of packs.pending()) packs.remove(no)
    })
    await expectWhole(after)
  })

  it('is stored again, where it was found lost', async () => {
    write(edited)
    await repo.backup(repo.source('directory'))
    mkdirSync(repo.source('directory', 'new'))
    writeFileSync(repo.source('directory', 'new', 'file'), 'new')
    const { packs } = repo.repository.manifest
    const after = await meanwhile(() => {
      for (const { no, id } of packs.list('live')) {
        repo.storage.objects.delete(packKey(id))
        packs.setState(no, 'quarantined')
      }
    })
    await expectRestored(after)
  })

  it('is stored again, where an entry named it only after the backup had begun', async () => {
    writeFileSync(repo.source('other', 'image'), edited)
    await repo.backup(repo.source('other'))
    write(edited)
    const { packs } = repo.repository.manifest
    const others = packs.list('live').filter(({ kind }) => kind === 'data')
    const added = others.map((row) => ({ ...row, segments: packs.tableOf(row.no), run: undefined }))
    for (const { no } of others) packs.remove(no)
    const after = await meanwhile(
      () => {
        expect(packs.pending()).toEqual([])
        for (const { id } of added) {
          repo.storage.objects.delete(packKey(id))
          packs.setState(packs.byId(id)?.no ?? 0, 'quarantined')
        }
      },
      () => {
        for (const pack of added) packs.add(pack)
      },
    )
    await expectRestored(after)
  })

  it('is stored again, where the backup itself had stored it', async () => {
    write(edited)
    const { packs } = repo.repository.manifest
    const { put } = repo.storage
    repo.storage.put = async (key, parts) => {
      if (key.startsWith('index/')) {
        repo.storage.put = put
        for (const { no, id, kind } of packs.pending()) {
          if (kind !== 'data') continue
          repo.storage.objects.delete(packKey(id))
          packs.remove(no)
        }
      }
      return put.call(repo.storage, key, parts)
    }
    await expectRestored((await repo.backup(repo.source('directory'))).snapshot)
  })
})

describe('a killed backup, of which another names the packs while a prune on a full disk chooses what goes', () => {
  it('keeps its bases', async () => {
    writeFileSync(repo.source('other', 'y'), seededBytes(60_000, 3))
    const { snapshot: copied } = await repo.backup(repo.source('other'))
    rmSync(repo.source('other', 'y'))
    await repo.backup(repo.source('other'))
    const snapshot = await killedOverBases()
    await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot, copied] }))
    const { put, create, releaseReserve } = repo.storage
    const full = () => Promise.reject(new SnapError('REPOSITORY_FULL', 'no room'))
    // Something is to be copied, for which there is no room.
    repo.storage.put = full
    let overtaken = false
    let after: SnapshotId | undefined
    repo.storage.releaseReserve = async () => {
      await releaseReserve.call(repo.storage)
      repo.storage.create = async (key, bytes) => {
        if (!overtaken && key.startsWith('log/')) {
          overtaken = true
          Object.assign(repo.storage, { put, create, releaseReserve })
          await using other = await repo.another({ sharesManifest: true })
          after = (await other.backup(repo.source('directory'))).snapshot
        }
        return create.call(repo.storage, key, bytes)
      }
    }
    await prune(repo.repository, { ...ALL_AT_ONCE, unusedShareMax: 0 }, QUIET)
    expect(after).toBeDefined()
    await expectWhole(after as SnapshotId)
  })
})

describe('a pack that the log names and that lies over bases in no pack', () => {
  it('is damaged, by its structure alone', async () => {
    const { packs } = await addDeltaSnapshot(repo.repository)
    const { manifest } = repo.repository
    manifest.packs.remove(manifest.packs.byId(packs.base.id)?.no ?? 0)
    const { damages, affectedTotal } = await verify(repo.repository, { data: false }, QUIET)
    expect(damages).toContainEqual({
      object: `packs/${packs.delta.id.slice(0, 2)}/${packs.delta.id}`,
      segment: 0,
      reason: expect.stringMatching(/^its base, chunk [0-9a-f]{64}, is in no pack/),
    })
    expect(affectedTotal).toBe(3)
  })
})

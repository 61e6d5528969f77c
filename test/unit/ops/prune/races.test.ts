import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { type PruneRequest, prune } from '../../../../src/ops/prune/prune.ts'
import type { PruneReport } from '../../../../src/ops/prune/report.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { Chance } from '../../../support/builders.ts'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository
let other: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  other = await repo.another()
  mkdirSync(repo.source('directory'), { recursive: true })
})
afterEach(async () => {
  await other[Symbol.asyncDispose]()
  await repo[Symbol.asyncDispose]()
})

const NOBODY_ASKS = { progress: () => undefined, signal: new AbortController().signal }
const REQUEST: PruneRequest = {
  unusedShareMax: 1,
  repackBytesMax: Number.POSITIVE_INFINITY,
  undoMs: 0,
  strayMs: 86_400_000,
  acceptDamagedLog: false,
  dryRun: false,
}

const pruneBy = (client: TestRepository, change: Partial<PruneRequest> = {}): Promise<PruneReport> =>
  prune(client.repository, { ...REQUEST, ...change }, NOBODY_ASKS)

function write(name: string, seed: number): void {
  writeFileSync(repo.source('directory', name), new Chance(seed).bytes(300_000))
}

async function forget(...snapshots: SnapshotId[]): Promise<void> {
  await other.repository.log.append(() => ({ kind: 'forget', snapshots }))
}

/** Before the next log entry is created, by whomever, `act` runs once; it gets the creation itself. */
function beforeNextEntry(act: (create: () => Promise<boolean>) => Promise<unknown>): () => boolean {
  const { create } = repo.storage
  let acted = false
  repo.storage.create = async (key, bytes) => {
    if (acted || !key.startsWith('log/')) return await create.call(repo.storage, key, bytes)
    acted = true
    let created: boolean | undefined
    await act(async () => {
      created ??= await create.call(repo.storage, key, bytes)
      return created
    })
    return created ?? (await create.call(repo.storage, key, bytes))
  }
  return () => acted
}

/** Nothing is damaged for a client that has never seen the repository. */
async function expectWhole(): Promise<void> {
  await using fresh = await repo.another()
  const report = await verify(fresh.repository, { data: true }, { ...NOBODY_ASKS, pool: fresh.pool() })
  expect(report).toMatchObject({ damages: [], affectedTotal: 0 })
}

describe('of two who prune at once', () => {
  it('the one that comes second decides anew which copy of a chunk stays', async () => {
    write('file', 1)
    // Two packs hold the same chunks, and each client knows its own first.
    const saved = beforeNextEntry(() => other.backup())
    await repo.backup()
    expect(saved()).toBe(true)
    await other.repository.log.follow()
    const pruned = beforeNextEntry(() => pruneBy(other))
    await pruneBy(repo)
    expect(pruned()).toBe(true)
    await expectWhole()
  })
})

describe('a prune', () => {
  it('spares what a snapshot needs that came while it read of another', async () => {
    write('wanted', 1)
    const { snapshot: first } = await other.backup()
    rmSync(repo.source('directory', 'wanted'))
    write('second', 2)
    const { snapshot: second } = await other.backup()
    rmSync(repo.source('directory', 'second'))
    write('last', 3)
    await other.backup()
    await forget(first, second)
    await repo.reopen({ forgetting: true })
    const { read } = repo.storage
    let hasSeenBoth = false
    beforeNextEntry(async () => {
      await other.repository.log.append(() => ({ kind: 'unforget', snapshots: [second] }))
      repo.storage.read = async (key, range) => {
        if (!key.startsWith('packs/') || hasSeenBoth) return read.call(repo.storage, key, range)
        hasSeenBoth = true
        await other.repository.log.append(() => ({ kind: 'unforget', snapshots: [first] }))
        // As a reader does that misses something.
        await repo.repository.log.follow()
        return read.call(repo.storage, key, range)
      }
    })
    await pruneBy(repo)
    repo.storage.read = read
    expect(hasSeenBoth).toBe(true)
    await expectWhole()
  })

  it('spares the packs of a backup that took as long as a stray may lie, and commits meanwhile', async () => {
    write('file', 1)
    await repo.repository.log.follow()
    let committed = false
    beforeNextEntry(async (commit) => {
      const { create } = repo.storage
      repo.storage.create = async (key, bytes) => {
        if (key.startsWith('log/') && !committed) {
          committed = true
          await commit()
        }
        return create.call(repo.storage, key, bytes)
      }
      await pruneBy(repo, { strayMs: 0 })
    })
    await other.backup()
    expect(committed).toBe(true)
    await expectWhole()
  })

  it('removes nothing where a pack is gone that a snapshot needs', async () => {
    write('wanted', 1)
    const { snapshot } = await repo.backup()
    const packs = repo.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'data')
    rmSync(repo.source('directory', 'wanted'))
    write('other', 2)
    const { snapshot: second } = await repo.backup()
    await forget(second)
    expect(packs).toHaveLength(1)
    for (const { id } of packs) repo.storage.objects.delete(packKey(id))
    const before = repo.keys()
    await expect(pruneBy(repo)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    expect(repo.keys()).toEqual(before)
    expect(repo.repository.log.state.snapshots.has(snapshot)).toBe(true)
  })
})

describe('a backup', () => {
  it('does not rely on what another run of this machine stored and never named', async () => {
    await using beside = await repo.another({ sharesManifest: true })
    write('file', 1)
    const { snapshot } = await other.backup()
    rmSync(repo.source('directory', 'file'))
    await other.backup()
    await forget(snapshot)
    write('file', 1)
    await repo.repository.log.follow()
    const { create } = repo.storage
    const went = beforeNextEntry(async () => {
      await pruneBy(other)
      // It is killed when its packs are stored.
      repo.storage.create = () => Promise.reject(new Error('killed'))
      await beside.repository.log.follow()
      await expect(beside.backup()).rejects.toThrow('killed')
      repo.storage.create = create
    })
    await repo.backup()
    expect(went()).toBe(true)
    await expectWhole()
  })
})

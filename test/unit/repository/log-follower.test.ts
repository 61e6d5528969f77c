import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnapError } from '../../../src/model/errors.ts'
import { packId } from '../../../src/model/ids.ts'
import { logKey } from '../../../src/object/object-keys.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { TestRepository } from '../../support/repository.ts'
import { seededBytes } from '../../support/tree.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const NOW = {
  unusedShareMax: 0,
  repackBytesMax: Number.POSITIVE_INFINITY,
  undoMs: 0,
  strayMs: 0,
  dryRun: false,
}

let repo: TestRepository
let other: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), seededBytes(50_000, 1))
  await repo.backup()
  other = await repo.another()
})
afterEach(async () => {
  await other[Symbol.asyncDispose]()
  await repo[Symbol.asyncDispose]()
})

const data = () => repo.repository.manifest.packs.list('live').find(({ kind }) => kind === 'data')

/** Another client condemns the pack of the file, and saves another one. */
async function collectByOther(): Promise<void> {
  const packs = [data()!.id]
  const gc = { kind: 'gc' as const, packs, indexes: [], newIndexes: [], snapshots: [] }
  await other.repository.log.append(() => gc)
  writeFileSync(repo.source('another'), seededBytes(50_000, 2))
  await other.backup()
}

const FAULTS: Record<string, () => () => void> = {
  'the network': () => {
    const { read } = repo.storage
    repo.storage.read = (key, range) =>
      key.startsWith('index/') ? Promise.reject(new SnapError('STORAGE_FAILED', 'away')) : read(key, range)
    return () => void Object.assign(repo.storage, { read })
  },
  'the manifest': () => {
    const { manifest } = repo.repository
    const transaction = manifest.transaction.bind(manifest)
    const failing = () => {
      throw new SnapError('MANIFEST_FAILED', 'busy')
    }
    Object.assign(manifest, { transaction: failing })
    return () => void Object.assign(manifest, { transaction })
  },
}

/** Nothing that the log says is missing in the manifest. */
function expectInStep(): void {
  const { log, manifest } = repo.repository
  const numbers = manifest.log.entries().map(({ number }) => number)
  expect(numbers).toEqual(Array.from({ length: log.state.next }, (_, number) => number))
  expect(manifest.meta.head()?.number).toBe(log.state.next - 1)
  for (const { id } of manifest.packs.list()) expect(log.state.condemnedPacks).not.toContain(id)
}

for (const [what, fail] of Object.entries(FAULTS)) {
  describe(`when ${what} fails while the log is followed`, () => {
    beforeEach(async () => {
      await collectByOther()
      const mend = fail()
      await expect(repo.repository.log.follow()).rejects.toBeInstanceOf(SnapError)
      mend()
    })

    it('the next to follow takes in what the manifest lacks', async () => {
      const { log } = repo.repository
      expect(log.collections).toBe(0)
      const kinds = (await log.follow()).map(({ applied }) => applied?.payload.kind)
      expect(kinds).toEqual(['gc', 'commit'])
      expect(log.collections).toBe(1)
      expectInStep()
      expect(await log.follow()).toEqual([])
    })

    it('an entry is drafted over what the manifest has when it has all of it', async () => {
      const { log } = repo.repository
      const seen: number[] = []
      await log.append((_, lost) => {
        seen.push(log.collections, lost.length)
        expectInStep()
        return { kind: 'quarantine', packs: [packId('ab'.repeat(16))] }
      })
      expect(seen).toEqual([1, 0])
      expectInStep()
    })
  })
}

it('an entry of its own that the manifest could not take in is taken in by the next to follow', async () => {
  const mend = FAULTS['the manifest']!()
  const gc = { kind: 'gc' as const, packs: [data()!.id], indexes: [], newIndexes: [], snapshots: [] }
  await expect(repo.repository.log.append(() => gc)).rejects.toMatchObject({ code: 'MANIFEST_FAILED' })
  mend()
  await repo.repository.log.follow()
  expect(repo.repository.log.collections).toBe(1)
  expectInStep()
})

it('no entry is recorded above one that the manifest lacks', async () => {
  const { log, manifest } = repo.repository
  const head = manifest.meta.head.bind(manifest.meta)
  const before = head()
  Object.assign(manifest.meta, { head: () => ({ number: 0, hash: new Uint8Array(32) }) })
  await collectByOther()
  await expect(log.follow()).rejects.toMatchObject({ code: 'MANIFEST_FAILED' })
  Object.assign(manifest.meta, { head })
  expect(head()).toEqual(before)
  await log.follow()
  expectInStep()
})

it('misses no index object that was pruned right after it had seen the end of the log', async () => {
  const [snapshot] = repo.repository.log.state.snapshots.keys()
  writeFileSync(repo.source('file'), 'second')
  await repo.backup()
  await using same = await repo.another({ sharesManifest: true })
  const { log } = repo.repository
  await log.follow()
  const { stat } = repo.storage
  repo.storage.stat = async (key) => {
    const answer = await stat.call(repo.storage, key)
    if (key !== logKey(log.state.next) || answer !== undefined) return answer
    repo.storage.stat = stat
    await other.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot!] }))
    await prune(other.repository, NOW, QUIET)
    await same.repository.log.follow()
    return undefined
  }
  await log.follow()
  expect(repo.storage.stat).toBe(stat)
  expect(log.indexProblems).toEqual([])
  expect(log.state.next).toBe(other.repository.log.state.next)
})

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hash } from '../../../../src/crypto/blake3.ts'
import { type EntryFields, sealEntry, signEntry } from '../../../../src/log/entry.ts'
import { encodePayload } from '../../../../src/log/payloads.ts'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import type { Storage } from '../../../../src/model/storage.ts'
import { logKey, packKey } from '../../../../src/object/object-keys.ts'
import { audit } from '../../../../src/ops/audit/audit.ts'
import { rebuildManifest } from '../../../../src/ops/rebuild-manifest.ts'
import { repair } from '../../../../src/ops/repair/repair.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { openRepository } from '../../../../src/repository/open-repository.ts'
import { SECRET, TestRepository } from '../../../support/repository.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const ROLLED_BACK = { code: 'REPOSITORY_ROLLED_BACK' }

let repo: TestRepository
let snapshots: SnapshotId[]
/** The storage after one, two ... backups. */
let copies: Map<string, Uint8Array>[]

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source(), { recursive: true })
  snapshots = []
  copies = []
  for (const name of ['a', 'b', 'c']) {
    writeFileSync(repo.source(name), name.repeat(5_000))
    snapshots.push((await repo.backup()).snapshot)
    copies.push(new Map([...repo.storage.objects].map(([key, { bytes }]) => [key, bytes.slice()])))
  }
  await repo.close()
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

function putBack(copy: Map<string, Uint8Array>, prefix = ''): void {
  for (const key of repo.keys(prefix)) repo.storage.objects.delete(key)
  for (const [key, bytes] of copy) {
    if (key.startsWith(prefix)) repo.storage.objects.set(key, { bytes: bytes.slice(), storedAt: repo.now })
  }
}

function accept(acceptRollback: boolean) {
  return rebuildManifest(repo.ports, SECRET, { acceptRollback }, QUIET)
}

/** Every command opens the repository first, and is refused; the way out leaves a repository that works. */
async function expectRefusedUntilAccepted(seen: number, message: RegExp, left: number): Promise<void> {
  await expect(repo.reopen()).rejects.toMatchObject({
    ...ROLLED_BACK,
    message: expect.stringMatching(message),
  })
  await expect(repo.reopen()).rejects.toThrow(`log entry ${seen}, which this machine has seen`)
  await expect(accept(false)).rejects.toMatchObject({
    ...ROLLED_BACK,
    hint: expect.stringContaining('--accept-rollback'),
  })
  expect((await accept(true)).snapshots).toBe(left)
  await repo.reopen()
  expect((await verify(repo.repository, { data: false }, QUIET)).damages).toEqual([])
  await repo.backup()
  expect((await verify(repo.repository, { data: false }, QUIET)).snapshots).toBe(left + 1)
}

test('a tail of the log that was removed is named: what was seen, and where the log ends', async () => {
  repo.storage.objects.delete(logKey(3))
  repo.storage.objects.delete(logKey(2))
  await expectRefusedUntilAccepted(3, /is no longer there: the log ends with entry 1$/, 1)
})

test('a tail that was taken from an old copy and continued is named', async () => {
  // Another machine, which has seen the old copy alone, goes on from it.
  putBack(copies[1]!, 'log/')
  const cacheDirectory = `${repo.directory}/other`
  {
    const shared = Object.create(repo.storage, { [Symbol.asyncDispose]: { value: async () => undefined } })
    await using other = await openRepository(
      { ...repo.ports, storage: shared as Storage, cacheDirectory },
      SECRET,
    )
    const [first] = snapshots
    await other.log.append(() => ({ kind: 'hold', snapshots: [first!] }))
    await other.log.append(() => ({ kind: 'unhold', snapshots: [first!] }))
  }
  rmSync(cacheDirectory, { recursive: true })
  await expectRefusedUntilAccepted(3, /is another now: the log ends with entry 4$/, 2)
})

test('a whole repository that was put back to an older copy is named', async () => {
  putBack(copies[0]!)
  await expectRefusedUntilAccepted(3, /is no longer there: the log ends with entry 1$/, 1)
})

test('a log without any entry is named', async () => {
  putBack(new Map(), 'log/')
  await expect(repo.reopen()).rejects.toMatchObject(ROLLED_BACK)
  await expect(repo.reopen()).rejects.toThrow(/is no longer there: the log is empty$/)
})

test('a middle entry that was replaced by a key that may is named by audit and verify', async () => {
  const repository = await repo.reopen()
  const { id, keys, random } = repository
  const fields: EntryFields = {
    kind: 'hold',
    number: 2,
    previous: hash(repo.bytesOf(logKey(1))),
    timeMs: repo.now,
    payload: { inline: encodePayload({ kind: 'hold', snapshots: [snapshots[0]!] }) },
  }
  const bytes = sealEntry(
    signEntry(fields, id, keys.signingSeed),
    2,
    { repositoryId: id, logKey: keys.logKey },
    random,
  )
  repo.storage.objects.set(logKey(2), { bytes, storedAt: repo.now })
  await repo.reopen()
  const report = await audit(repo.repository, {}, { entry: () => undefined, signal: QUIET.signal })
  expect(report.broken).toEqual([
    { from: 2, to: 2, reason: 'this machine has seen another one here' },
    { from: 3, to: 3, reason: 'does not fit: chain-broken' },
  ])
  const { damages, affectedSnapshots } = await verify(repo.repository, { data: false }, QUIET)
  expect(damages.map(({ object }) => object)).toEqual(expect.arrayContaining([logKey(2), logKey(3)]))
  expect(affectedSnapshots).toEqual([snapshots[1]])
  // Who has seen nothing finds the chain broken.
  await repo.reopen({ forgetting: true })
  const fresh = await audit(repo.repository, {}, { entry: () => undefined, signal: QUIET.signal })
  expect(fresh.broken.map(({ from }) => from)).toEqual([3])
})

test('a pack that was removed is named by verify, by repair and by the next backup', async () => {
  await repo.reopen()
  const [pack] = repo.repository.manifest.packs.list('live')
  const key = packKey(pack!.id)
  repo.storage.objects.delete(key)
  const found = await verify(repo.repository, { data: false }, QUIET)
  expect(found.damages.map(({ object }) => object)).toContain(key)
  const dry = await repair(repo.repository, { data: false, dryRun: true }, QUIET)
  expect(dry.quarantined.map((damaged) => damaged.pack)).toEqual([pack!.id])
  const { summary } = await repo.backup()
  expect(summary.bytesStored).toBeGreaterThan(0)
  expect((await verify(repo.repository, { data: false }, QUIET)).affectedTotal).toBe(0)
})

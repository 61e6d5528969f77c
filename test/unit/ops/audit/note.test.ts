import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toHex } from '../../../../src/base/bytes.ts'
import { signaturePublicKey } from '../../../../src/crypto/signature.ts'
import { SnapError } from '../../../../src/model/errors.ts'
import { logKey } from '../../../../src/object/object-keys.ts'
import { audit } from '../../../../src/ops/audit/audit.ts'
import { addNote, NOTED_SNAPSHOTS_MAX, noted, type Outcome } from '../../../../src/ops/audit/note.ts'
import { openRepository } from '../../../../src/repository/open-repository.ts'
import { readOnly } from '../../../../src/storage/read-only.ts'
import { SECRET, TestRepository } from '../../../support/repository.ts'

const DOER = { hostname: 'web1', username: 'me', program: { name: 'snap', version: '1.2.3' } }

let repo: TestRepository
const reasons: string[] = []
const ports = { notNoted: (reason: string): void => void reasons.push(reason) }

beforeEach(async () => {
  reasons.length = 0
  repo = await TestRepository.create()
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('a'), 'a')
  await repo.backup()
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

/** The notes in the log, opened. */
async function notes(): Promise<object[]> {
  const opened: object[] = []
  await audit(
    repo.repository,
    {},
    {
      entry: ({ said }) => {
        if (said?.action.kind === 'note' && said.action.note !== undefined) opened.push(said.action.note)
      },
      signal: new AbortController().signal,
    },
  )
  return opened
}

const outcome: Outcome = { result: 'ok', counts: { files: 240 }, bytes: 7 }
const operate = async (): Promise<number> => {
  repo.now += 1_500
  return 42
}

test('says what was done, where, by whom, how long it took and how it ended', async () => {
  const intent = { operation: 'restore', doer: DOER, snapshots: ['ab'], target: '/back' }
  expect(await noted(repo.repository, intent, ports, operate, () => outcome)).toBe(42)
  expect(await notes()).toEqual([
    {
      operation: 'restore',
      result: 'ok',
      snapshots: ['ab'],
      target: '/back',
      counts: { files: 240 },
      bytes: 7,
      duration_ms: 1_500,
      host: 'web1',
      user: 'me',
      program: 'snap 1.2.3',
    },
  ])
  expect(reasons).toEqual([])
})

test('an operation that fails or is interrupted is noted so, and its error goes on', async () => {
  const intent = { operation: 'restore', doer: DOER }
  const full = new SnapError('TARGET_FULL', 'full')
  const ended = new SnapError('INTERRUPTED', 'ended')
  for (const error of [full, ended, new TypeError('a mistake')]) {
    const failing = noted(
      repo.repository,
      intent,
      ports,
      () => Promise.reject(error),
      () => outcome,
    )
    await expect(failing).rejects.toBe(error)
  }
  expect(await notes()).toMatchObject([
    { result: 'failed', error: 'TARGET_FULL' },
    { result: 'interrupted', error: 'INTERRUPTED' },
    { result: 'failed' },
  ])
})

test('a repository that cannot be written fails nothing', async () => {
  await repo.close()
  const before = repo.keys()
  await using repository = await openRepository({ ...repo.ports, storage: readOnly(repo.storage) }, SECRET)
  expect(await noted(repository, { operation: 'verify', doer: DOER }, ports, operate, () => outcome)).toBe(42)
  expect(reasons).toEqual([expect.stringContaining('for reading only')])
  expect(repo.keys()).toEqual(before)
})

test('a key that was revoked writes nothing', async () => {
  const { repository } = repo
  const publicKey = signaturePublicKey(repository.keys.signingSeed)
  await repository.log.append(() => ({ kind: 'keys', keys: [{ publicKey, role: 'revoked', name: 'old' }] }))
  expect(repository.log.state.keys.get(toHex(publicKey))?.role).toBe('revoked')
  const before = repo.keys()
  expect(await addNote(repository, {})).toMatch(/may not write/)
  expect(repo.keys()).toEqual(before)
})

test('nothing is noted behind an entry that is damaged: brought back, it would not fit the note', async () => {
  const undo = repo.damage(logKey(1), 300)
  await repo.reopen({ forgetting: true })
  const before = repo.keys()
  expect(await addNote(repo.repository, {})).toBe('the last entry of the log, 1, is damaged')
  expect(repo.keys()).toEqual(before)
  undo()
  await repo.reopen({ forgetting: true })
  expect(await addNote(repo.repository, { operation: 'verify' })).toBeUndefined()
  expect(await notes()).toEqual([{ operation: 'verify' }])
})

test('names a bounded number of snapshots and counts the others', async () => {
  const affected = Array.from({ length: NOTED_SNAPSHOTS_MAX + 5 }, (_, index) =>
    String(index).padStart(32, '0'),
  )
  const found = (): Outcome => ({ result: 'damaged', affected })
  await noted(repo.repository, { operation: 'verify', doer: DOER }, ports, operate, found)
  const [note] = await notes()
  expect(note).toMatchObject({ affected_total: NOTED_SNAPSHOTS_MAX + 5 })
  expect(note).toHaveProperty('affected_snapshots.length', NOTED_SNAPSHOTS_MAX)
})

test('is one object more in the repository, of less than a kilobyte', async () => {
  const before = new Set(repo.keys())
  const intent = { operation: 'restore', doer: DOER, snapshots: ['ab'.repeat(16)], target: '/back' }
  await noted(repo.repository, intent, ports, operate, () => outcome)
  const added = repo.keys().filter((key) => !before.has(key))
  expect(added).toHaveLength(1)
  expect(repo.bytesOf(added[0]!).length).toBeLessThan(1_024)
})

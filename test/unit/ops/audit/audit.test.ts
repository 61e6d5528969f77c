import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../../../src/base/bytes.ts'
import { hash } from '../../../../src/crypto/blake3.ts'
import { systemRandom } from '../../../../src/crypto/random.ts'
import { signaturePublicKey } from '../../../../src/crypto/signature.ts'
import { sealNote, sealTags } from '../../../../src/log/details.ts'
import { type EntryFields, sealEntry, signEntry } from '../../../../src/log/entry.ts'
import { encodePayload, type LogPayload } from '../../../../src/log/payloads.ts'
import { packId, type SnapshotId } from '../../../../src/model/ids.ts'
import { logKey } from '../../../../src/object/object-keys.ts'
import {
  type AuditedEntry,
  type AuditReport,
  type AuditRequest,
  audit,
} from '../../../../src/ops/audit/audit.ts'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository
let first: SnapshotId
let second: SnapshotId

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('a'), 'a')
  first = (await repo.backup()).snapshot
  second = (await repo.backup()).snapshot
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

type Trail = { readonly entries: AuditedEntry[]; readonly report: AuditReport }

async function trail(request: AuditRequest = {}): Promise<Trail> {
  const entries: AuditedEntry[] = []
  const ports = { entry: (entry: AuditedEntry) => entries.push(entry), signal: new AbortController().signal }
  const report = await audit(repo.repository, request, ports)
  return { entries, report }
}

const numbersOf = ({ entries }: Trail): number[] => entries.map(({ number }) => number)

/** What the first admin's key, or another, would have written as entry `number`. */
function entryOf(
  number: number,
  payload: LogPayload,
  seed: Uint8Array = repo.repository.keys.signingSeed,
): Uint8Array {
  const { id: repositoryId, keys, random } = repo.repository
  const fields: EntryFields = {
    kind: payload.kind,
    number,
    previous: hash(repo.bytesOf(logKey(number - 1))),
    timeMs: repo.now,
    payload: { inline: encodePayload(payload) },
  }
  const secrets = { repositoryId, logKey: keys.logKey }
  return sealEntry(signEntry(fields, repositoryId, seed), number, secrets, random)
}

function put(number: number, bytes: Uint8Array): void {
  repo.storage.objects.set(logKey(number), { bytes: new Uint8Array(bytes), storedAt: repo.now })
}

describe('the trail', () => {
  test('says who did what, in the order of the log', async () => {
    const { repository } = repo
    const box = await repository.box()
    const { contentPublic, signingSeed } = repository.keys
    const pack = packId('ab'.repeat(16))
    const payloads: LogPayload[] = [
      { kind: 'hold', snapshots: [first] },
      { kind: 'unhold', snapshots: [first] },
      { kind: 'tag', tags: [{ snapshot: first, sealed: sealTags(box, contentPublic, ['kept']) }] },
      { kind: 'forget', snapshots: [first] },
      { kind: 'quarantine', packs: [pack] },
      { kind: 'attest', packs: [pack] },
      { kind: 'note', sealed: sealNote(box, contentPublic, { operation: 'restore', result: 'ok' }) },
      { kind: 'gc', packs: [pack], indexes: [], newIndexes: [], snapshots: [first] },
    ]
    for (const payload of payloads) await repository.log.append(() => payload)
    const { entries, report } = await trail()
    expect(report).toEqual({ entries: 11, shown: 11, brokenTotal: 0, broken: [] })
    expect(entries.map(({ said }) => said?.action)).toMatchObject([
      { kind: 'keys', keys: [{ role: 'admin', name: 'first admin' }] },
      { kind: 'commit', snapshot: first, details: { hostname: 'host', paths: [repo.source()] } },
      { kind: 'commit', snapshot: second },
      { kind: 'hold', snapshots: [first] },
      { kind: 'unhold', snapshots: [first] },
      { kind: 'tag', tags: [{ snapshot: first, tags: ['kept'] }] },
      { kind: 'forget', snapshots: [first] },
      { kind: 'quarantine', packs: [pack] },
      { kind: 'attest', packs: [pack] },
      { kind: 'note', note: { operation: 'restore', result: 'ok' } },
      { kind: 'gc', packs: 1, indexes: 0, newIndexes: 0, snapshots: [first] },
    ])
    const author = { key: toHex(signaturePublicKey(signingSeed)), role: 'admin' }
    expect(entries[0]?.said?.author).toEqual({ ...author, name: '' })
    for (const { said, counts } of entries.slice(1)) {
      expect(said?.author).toEqual({ ...author, name: 'first admin' })
      expect(counts).toBe(true)
    }
  })

  test('marks where a clock ran back, and can be cut by time and by number', async () => {
    const then = repo.now
    repo.now -= 3_600_000
    await repo.repository.log.append(() => ({ kind: 'hold', snapshots: [first] }))
    repo.now = then + 10
    await repo.repository.log.append(() => ({ kind: 'unhold', snapshots: [first] }))
    const all = await trail()
    expect(all.entries.map(({ clockRanBack }) => clockRanBack)).toEqual([false, false, false, true, false])
    expect(numbersOf(await trail({ sinceMs: then }))).toEqual([2, 4])
    expect(numbersOf(await trail({ limit: 2 }))).toEqual([3, 4])
    expect(numbersOf(await trail({ limit: 1, sinceMs: then }))).toEqual([4])
    const cut = await trail({ limit: 3 })
    expect(numbersOf(cut)).toEqual([2, 3, 4])
    expect(cut.report).toMatchObject({ entries: 5, shown: 3 })
  })

  test('without a key that reads content, leaves sealed details out and finds nothing broken', async () => {
    const { keys } = repo.repository
    const sealed = Object.create(repo.repository, { keys: { value: { ...keys, contentSecret: undefined } } })
    const entries: AuditedEntry[] = []
    const ports = {
      entry: (entry: AuditedEntry) => entries.push(entry),
      signal: new AbortController().signal,
    }
    expect((await audit(sealed, {}, ports)).brokenTotal).toBe(0)
    expect(entries[1]?.said?.action).toMatchObject({ kind: 'commit', snapshot: first, details: undefined })
  })
})

describe('what is broken', () => {
  test('an entry that is damaged is named, and the one that follows it', async () => {
    repo.damage(logKey(1), 300)
    const { entries, report } = await trail()
    expect(entries[1]).toMatchObject({
      said: undefined,
      counts: false,
      problems: ['unopened'],
      replaced: true,
    })
    expect(entries[2]).toMatchObject({ counts: true, problems: ['chain-broken'], replaced: false })
    expect(report).toMatchObject({ entries: 3, brokenTotal: 2 })
    expect(report.broken.map(({ from }) => from)).toEqual([1, 2])
  })

  test('an entry that somebody may not write says who tried what', async () => {
    const seed = systemRandom.bytes(32)
    put(3, entryOf(3, { kind: 'forget', snapshots: [second] }, seed))
    await repo.reopen()
    const { entries } = await trail()
    expect(entries[3]).toMatchObject({ counts: false, problems: ['unauthorized'] })
    expect(entries[3]?.said).toMatchObject({
      author: { key: toHex(signaturePublicKey(seed)), role: undefined },
      action: { kind: 'forget', snapshots: [second] },
    })
  })

  test('details that do not open are named', async () => {
    await repo.repository.log.append(() => ({ kind: 'note', sealed: new Uint8Array(80) }))
    const { entries, report } = await trail()
    expect(entries[3]).toMatchObject({ counts: true, detailsDamaged: true })
    expect(report.brokenTotal).toBe(1)
  })

  test('a middle entry that is missing is named by who has seen it, and by who has not', async () => {
    repo.storage.objects.delete(logKey(1))
    for (const replaced of [true, false]) {
      await repo.reopen({ forgetting: !replaced })
      const { entries, report } = await trail()
      expect(entries[1]).toMatchObject({ counts: false, problems: ['unreadable'], replaced })
      expect(report.broken[0]).toMatchObject({ from: 1, to: 1 })
    }
  })

  test('entries behind a gap that no reader crosses are named', async () => {
    put(1_500, repo.bytesOf(logKey(2)))
    const { report } = await trail()
    expect(report.brokenTotal).toBe(0) // too far away to be believed
    for (let number = 3; number <= 600; number++) put(number + 1_000, repo.bytesOf(logKey(2)))
    const { report: gap } = await trail()
    expect(gap.broken).toMatchObject([{ from: 3, to: 1_600 }])
  })
})

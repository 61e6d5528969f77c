/** Any log, however contradictory, is folded to the same bytes by the program and by the independent reader. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import { signaturePublicKey } from '../../../src/crypto/signature.ts'
import { encodeState } from '../../../src/log/checkpoint.ts'
import { type LogKind, sealEntry, signEntry } from '../../../src/log/entry.ts'
import { applyEntry } from '../../../src/log/fold.ts'
import { emptyState, type LogState, type ProblemReason } from '../../../src/log/log-state.ts'
import { encodePayload, KEY_ROLES, type LogPayload } from '../../../src/log/payloads.ts'
import { indexId, packId, seriesId, snapshotId } from '../../../src/model/ids.ts'
import { Chance } from '../../support/builders.ts'
import { encodeCheckpoint } from '../../support/independent-reader/checkpoint.ts'
import { readRepository } from '../../support/independent-reader/read-repository.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

const ENTRIES = 120
const KINDS: readonly LogKind[] = [
  ...(['commit', 'commit', 'commit', 'forget', 'forget', 'unforget', 'gc'] as const),
  ...(['quarantine', 'attest', 'keys', 'note', 'checkpoint', 'hold', 'unhold', 'tag'] as const),
]

/** From a pool so small that ids meet again. */
function anyPayload(
  kind: LogKind,
  chance: Chance,
  state: LogState,
  authors: readonly Uint8Array[],
): LogPayload {
  const id = (pool: number): string => chance.int(pool).toString(16).padStart(32, '0')
  const several = <T>(most: number, one: () => T): T[] => Array.from({ length: chance.int(most) }, one)
  const reference = () => ({
    id: indexId(id(40)),
    hash: new Uint8Array(32).fill(chance.int(12) === 0 ? 1 : 2),
  })
  switch (kind) {
    case 'commit':
      return {
        kind,
        snapshot: snapshotId(id(60)),
        series: seriesId(id(9)),
        headRead: chance.int(8) === 0 ? chance.between(-2, state.next + 1) : state.next - 1,
        timeMs: chance.between(-9, 9),
        root: Uint8Array.of(chance.int(5), 2, 7, 7),
        indexes: several(3, reference),
        details: chance.bytes(chance.int(9)),
      }
    case 'forget':
      return { kind, snapshots: several(4, () => snapshotId(id(60))) }
    case 'hold':
    case 'unhold':
    case 'unforget':
      return { kind, snapshots: several(3, () => snapshotId(id(20))) }
    case 'gc':
      return {
        kind,
        packs: several(3, () => packId(id(20))),
        indexes: several(2, () => indexId(id(40))),
        newIndexes: several(2, reference),
        snapshots: several(2, () => snapshotId(id(60))),
      }
    case 'tag':
      return { kind, tags: several(3, () => ({ snapshot: snapshotId(id(60)), sealed: chance.bytes(9) })) }
    case 'quarantine':
    case 'attest':
      return { kind, packs: several(4, () => packId(id(20))) }
    case 'keys': {
      // The first keeps its role most of the time, or the log would soon be nobody's.
      const grant = () => ({
        publicKey: signaturePublicKey(authors[chance.between(1, authors.length - 1)]!),
        role: KEY_ROLES[chance.int(4)]!,
        name: 'n\u00e4me'.slice(chance.int(4)),
      })
      return { kind, keys: several(3, grant) }
    }
    case 'note':
      return { kind, sealed: chance.bytes(60) }
    default:
      return { kind: 'checkpoint', state: chance.int(4) === 0 ? chance.bytes(50) : encodeState(state) }
  }
}

it.each([1, 2, 3, 4, 5, 6])('gives equal folds and equal problems, seed %i', async (seed) => {
  await using test = await TestRepository.create()
  const { id: repositoryId, keys } = test.repository
  const directory = mkdtempSync(join(tmpdir(), 'snap-fold-'))
  try {
    for (const key of test.keys()) {
      mkdirSync(join(directory, dirname(key)), { recursive: true })
      writeFileSync(join(directory, key), test.bytesOf(key))
    }
    const chance = new Chance(seed)
    const secrets = { repositoryId, logKey: keys.logKey }
    const authors = [keys.signingSeed, chance.bytes(32), chance.bytes(32), chance.bytes(32)]
    const state = emptyState(test.repository.config.firstAdmin)
    applyEntry(state, { number: 0, bytes: test.bytesOf('log/0000000000000000') }, secrets)
    for (let number = 1; number <= ENTRIES; number++) {
      const kind = KINDS[chance.int(KINDS.length)]!
      const signingSeed = authors[Math.max(0, chance.int(7) - 3)]!
      const inline = encodePayload(anyPayload(kind, chance, state, authors))
      const previous = chance.int(15) === 0 ? chance.bytes(32) : state.lastHash
      const payload = chance.int(20) === 0 ? inline.subarray(1) : inline
      const fields = { kind, number, previous, timeMs: chance.between(-99, 99), payload: { inline: payload } }
      const body = signEntry(fields, repositoryId, signingSeed)
      if (chance.int(25) === 0) body[body.length - 1]! ^= 1
      if (chance.int(40) === 0) body[0] = 13
      const sealed = sealEntry(body, number, secrets, chance)
      if (chance.int(25) === 0) sealed[chance.between(32, sealed.length - 1)]! ^= 1
      const isGone = number < ENTRIES && chance.int(25) === 0
      applyEntry(state, { number, bytes: isGone ? undefined : sealed }, secrets)
      if (!isGone) writeFileSync(join(directory, 'log', String(number).padStart(16, '0')), sealed)
      seen.push(...state.problems.filter((problem) => problem.number === number).map(({ reason }) => reason))
    }
    if (SECRET.kind !== 'key file') throw new Error('the test repository has another kind of slot')
    const keyFileText = `snapkeep key 1\nrepository ${repositoryId}\nsecret ${toHex(SECRET.secret)}\n`
    const { fold } = await readRepository(directory, { keyFileText })
    expect(fold.problems).toEqual(state.problems)
    const before = Buffer.from(state.lastHash)
    expect(encodeCheckpoint(fold, state.next, before).equals(encodeState(state))).toBe(true)
    expect(state.snapshots.size).toBeGreaterThan(3)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

const seen: ProblemReason[] = []

it('has met every reason that does not need a list', () => {
  expect(new Set(seen)).toEqual(
    new Set([
      ...(['unreadable', 'unopened', 'undecodable', 'unsigned'] as const),
      ...(['unauthorized', 'contradiction', 'chain-broken'] as const),
    ]),
  )
})

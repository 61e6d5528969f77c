/** A repository's log written by hand: authors of every role, and entries sealed one after the other. */
import { toHex } from '../../../src/base/bytes.ts'
import { hash } from '../../../src/crypto/blake3.ts'
import { loadBox } from '../../../src/crypto/box.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { signaturePublicKey } from '../../../src/crypto/signature.ts'
import { sealEntry, signEntry } from '../../../src/log/entry.ts'
import { emptyState, NO_HASH } from '../../../src/log/log-state.ts'
import {
  type CommitPayload,
  encodePayload,
  type KeyRole,
  type LogPayload,
} from '../../../src/log/payloads.ts'
import type { RawEntry } from '../../../src/log/read-entry.ts'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import { indexId, packId, repositoryId, seriesId, snapshotId } from '../../../src/model/ids.ts'

export const box = await loadBox()
export const REPOSITORY = repositoryId('00112233445566778899aabbccddeeff')
export const SECRETS = { repositoryId: REPOSITORY, logKey: new Uint8Array(32).fill(0x10) }
export const CONTENT = box.generateKeys(systemRandom)

const authorOf = (fill: number) => {
  const seed = new Uint8Array(32).fill(fill)
  const publicKey = signaturePublicKey(seed)
  return { seed, publicKey, hex: toHex(publicKey) }
}
export type Author = ReturnType<typeof authorOf>
export const admin = authorOf(1)
export const writer = authorOf(2)
export const reader = authorOf(3)
export const stranger = authorOf(4)
export const AUTHORS = [admin, writer, reader, stranger]

export const freshState = () => emptyState(admin.publicKey)

const id = (number: number) => number.toString(16).padStart(32, '0')
export const pack = (number: number) => packId(id(number))
export const snapshot = (number: number) => snapshotId(id(number))
export const series = (number: number) => seriesId(id(number))
export const index = (number: number, content = number) => ({
  id: indexId(id(number)),
  hash: new Uint8Array(32).fill(content),
})

export const ROOT = Uint8Array.of(0, 33, 1, ...new Uint8Array(32).fill(9))

export const grant = (author: Author, role: KeyRole, name: string = role) => ({
  publicKey: author.publicKey,
  role,
  name,
})
export const KEYS: LogPayload = {
  kind: 'keys',
  keys: [grant(admin, 'admin'), grant(writer, 'writer'), grant(reader, 'reader')],
}

export const commit = (number: number, change: Partial<CommitPayload> = {}): CommitPayload => ({
  kind: 'commit',
  snapshot: snapshot(number),
  series: series(7),
  headRead: -1,
  timeMs: 1_700_000_000_000 + number,
  root: ROOT,
  indexes: [index(number)],
  details: Uint8Array.of(1, 2, 3),
  ...change,
})

/** Entry `number` behind an object with hash `previous`. */
export function rawEntry(
  number: number,
  previous: Uint8Array,
  author: Author,
  payload: LogPayload,
): RawEntry {
  const fields = {
    kind: payload.kind,
    number,
    previous,
    timeMs: 1_800_000_000_000 + number,
    payload: { inline: encodePayload(payload) },
  }
  const body = signEntry(fields, REPOSITORY, author.seed)
  return { number, bytes: sealEntry(body, number, SECRETS, systemRandom) }
}

/** A log in which each entry follows the one before. */
export function chain(...entries: readonly (readonly [Author, LogPayload])[]): RawEntry[] {
  let previous = NO_HASH
  return entries.map(([author, payload], number) => {
    const raw = rawEntry(number, previous, author, payload)
    previous = hash(raw.bytes!)
    return raw
  })
}

export function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

/**
 * From the raw bytes of a log object to what it says, or to the reason why it says nothing. It knows nothing of the
 * entries before.
 */
import { hash } from '../crypto/blake3.ts'
import { constantTimeEqual } from '../crypto/random.ts'
import type { Random } from '../model/clock.ts'
import { unlessDamaged } from '../model/errors.ts'
import { LOG_LIST_BYTES_MAX } from '../model/limits.ts'
import { listKey, logKey } from '../object/object-keys.ts'
import { openNamed, sealNamed } from '../object/sealed-object.ts'
import {
  decodeEntry,
  isSigned,
  type ListReference,
  type LogEntry,
  type LogSecrets,
  openEntry,
} from './entry.ts'
import type { ProblemReason } from './log-state.ts'
import { decodePayload, type LogPayload } from './payloads.ts'

/** What the storage holds. */
export type RawEntry = {
  readonly number: number
  /** `undefined`: absent, or longer than any entry. */
  readonly bytes: Uint8Array | undefined
  /** The list object that the entry names; `undefined` where it names none, or where that is absent or too long. */
  readonly list?: Uint8Array | undefined
}

export type ReadEntry = { readonly entry: LogEntry; readonly payload: LogPayload }

/**
 * Never throws for what is damaged or hostile; `REPOSITORY_TOO_NEW` alone is thrown, since what a newer program wrote
 * must not be taken for nothing.
 */
export function readEntry(raw: RawEntry, secrets: LogSecrets): ReadEntry | ProblemReason {
  const { number, bytes } = raw
  if (bytes === undefined) return 'unreadable'
  const body = unlessDamaged(() => openEntry(bytes, number, secrets))
  if (body === undefined) return 'unopened'
  const entry = unlessDamaged(() => decodeEntry(body, number))
  if (entry === undefined) return 'undecodable'
  if (!isSigned(entry, body, secrets.repositoryId)) return 'unsigned'
  const payloadBytes =
    'inline' in entry.payload ? entry.payload.inline : openList(raw.list, entry.payload.list, secrets)
  if (payloadBytes === undefined) return 'list-unreadable'
  const payload = unlessDamaged(() => decodePayload(entry.kind, payloadBytes, logKey(number)))
  return payload === undefined ? 'undecodable' : { entry, payload }
}

/** The list that an entry names, without a look at who signed it: for a reader that fetches it. */
export function listNamedBy(
  bytes: Uint8Array,
  number: number,
  secrets: LogSecrets,
): ListReference | undefined {
  const entry = unlessDamaged(() => decodeEntry(openEntry(bytes, number, secrets), number))
  return entry !== undefined && 'list' in entry.payload ? entry.payload.list : undefined
}

/** The whole list object around a payload. */
export function sealList(
  payload: Uint8Array,
  id: ListReference['id'],
  secrets: LogSecrets,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const { repositoryId, logKey: secret } = secrets
  return sealNamed({ repositoryId, type: 'list', key: listKey(id), secret, body: payload, random })
}

function openList(
  bytes: Uint8Array | undefined,
  { id, hash: expected }: ListReference,
  secrets: LogSecrets,
): Uint8Array | undefined {
  if (bytes === undefined || !constantTimeEqual(hash(bytes), expected)) return undefined
  const place = { repositoryId: secrets.repositoryId, type: 'list', key: listKey(id) } as const
  return unlessDamaged(() =>
    openNamed({ ...place, secret: secrets.logKey, bytes, bodyBytesMax: LOG_LIST_BYTES_MAX }),
  )
}

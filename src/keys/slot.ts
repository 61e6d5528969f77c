/**
 * A slot: a sealed copy of one holder's keys under a password or a key file (format, section 2). It does not know
 * where slots are stored, nor who may use which role.
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 32 | object header |
 * | 32 | 16 | slot id |
 * | 48 | 1 | key derivation: 1 Argon2id, 2 key file |
 * | 49 | 3 | reserved |
 * | 52 | 4 | Argon2id passes, 0 for a key file |
 * | 56 | 4 | Argon2id memory in KiB, 0 for a key file |
 * | 60 | 16 | salt |
 * | 76 | 32 | commitment |
 * | 108 | | sealed body; context = bytes 32 to 108 |
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter, encodeText, fromHex, toHex } from '../base/bytes.ts'
import { deriveKey, keyedHash } from '../crypto/blake3.ts'
import {
  derivePasswordKey,
  PASSWORD_COST_DEFAULT,
  PASSWORD_MEMORY_BYTES_MAX,
  PASSWORD_MEMORY_BYTES_MIN,
  PASSWORD_PASSES_MAX,
  PASSWORD_PASSES_MIN,
  PASSWORD_SALT_BYTES,
  type PasswordCost,
} from '../crypto/password.ts'
import { constantTimeEqual } from '../crypto/random.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import { ID_BYTES, type RepositoryId, type SlotId, slotId } from '../model/ids.ts'
import { OBJECT_HEADER_BYTES, readObjectHeader, writeObjectHeader } from '../object/header.ts'
import { slotKey } from '../object/object-keys.ts'
import { openNamed, sealedBytesMax, sealNamed } from '../object/sealed-object.ts'
import { KEY_FILE_SECRET_BYTES } from './key-file.ts'
import { decodeSlotBody, encodeSlotBody, type SlotContents } from './slot-body.ts'

const DERIVATION_PASSWORD = 1
const DERIVATION_KEY_FILE = 2
const RESERVED_BYTES = 3
const COMMITMENT_AT = 76
const BODY_AT = 108
const CONTEXT_BYTES: number = BODY_AT - OBJECT_HEADER_BYTES
const SLOT_BODY_BYTES_MAX = 65_536
/** Of the whole object. */
export const SLOT_OBJECT_BYTES_MAX: number = sealedBytesMax(SLOT_BODY_BYTES_MAX, CONTEXT_BYTES)
/** All roles' slots have one size. */
const SLOT_FRAME_BYTES_MIN = 512
const KIB = 1_024
const SLOT_CONTEXT = 'snapkeep v1 slot'
const COMMITMENT_LABEL = encodeText('commitment')

/** What a person holds: a password (UTF-8 bytes) or the 32 bytes of a key file. */
export type SlotSecret =
  | { readonly kind: 'password'; readonly password: Uint8Array }
  | { readonly kind: 'key file'; readonly secret: Uint8Array }

/** The clear part, readable without any key. */
export type SlotHead = { readonly id: SlotId; readonly salt: Uint8Array } & (
  | { readonly kind: 'password'; readonly cost: PasswordCost }
  | { readonly kind: 'key file' }
)

export type NewSlot = {
  readonly repositoryId: RepositoryId
  readonly secret: SlotSecret
  /** Of a password; the default where absent. */
  readonly cost?: PasswordCost | undefined
  readonly contents: SlotContents
  readonly random: Random
}

export type StoredSlot = { readonly id: SlotId; readonly bytes: Uint8Array<ArrayBuffer> }

/** A slot with a fresh id, ready to store under `slotKey(id)`. `LIMIT_EXCEEDED` for a cost outside the format's limits. */
export async function createSlot(slot: NewSlot): Promise<StoredSlot> {
  const { repositoryId, secret, random } = slot
  const id = slotId(toHex(random.bytes(ID_BYTES)))
  const salt = random.bytes(PASSWORD_SALT_BYTES)
  const head: SlotHead =
    secret.kind === 'password'
      ? { id, salt, kind: 'password', cost: slot.cost ?? PASSWORD_COST_DEFAULT }
      : { id, salt, kind: 'key file' }
  const clear = encodeHead(head, repositoryId)
  const key = await deriveSlotKey(head, repositoryId, secret)
  const context = new ByteWriter(CONTEXT_BYTES)
    .raw(clear.subarray(OBJECT_HEADER_BYTES))
    .raw(commitment(key, clear))
    .done()
  const bytes = sealNamed({
    repositoryId,
    type: 'slot',
    key: slotKey(id),
    secret: key,
    context,
    body: encodeSlotBody(slot.contents),
    random,
    minimum: SLOT_FRAME_BYTES_MIN,
  })
  return { id, bytes }
}

/**
 * `KEY_WRONG` where the slot was made with another secret, `LIMIT_EXCEEDED` where it asks for more work than the
 * format allows (before any of it is done), `OBJECT_DAMAGED` where it has been changed.
 */
export async function openSlot(
  bytes: Uint8Array,
  repositoryId: RepositoryId,
  id: SlotId,
  secret: SlotSecret,
): Promise<SlotContents> {
  const head = readSlotHead(bytes, repositoryId, id)
  if (head.kind !== secret.kind) throw keyWrong(head)
  const key = await deriveSlotKey(head, repositoryId, secret)
  if (!constantTimeEqual(commitment(key, bytes), bytes.subarray(COMMITMENT_AT, BODY_AT))) throw keyWrong(head)
  const place = { repositoryId, type: 'slot', key: slotKey(id) } as const
  const body = openNamed({
    ...place,
    secret: key,
    contextBytes: CONTEXT_BYTES,
    bytes,
    bodyBytesMax: SLOT_BODY_BYTES_MAX,
  })
  return decodeSlotBody(body, place.key)
}

/** Decodes the clear part of the slot stored under `id`, its limits checked. */
export function readSlotHead(bytes: Uint8Array, repositoryId: RepositoryId, id: SlotId): SlotHead {
  const name = slotKey(id)
  readObjectHeader(bytes, { type: 'slot', repository: repositoryId, name })
  if (bytes.length < BODY_AT) throw new SnapError('OBJECT_DAMAGED', `${name} is cut short`)
  const reader = new ByteReader(bytes, name, OBJECT_HEADER_BYTES)
  const own = toHex(reader.raw(ID_BYTES))
  if (own !== id) reader.fail(`holds another slot, ${own}`)
  const derivation = reader.u8()
  reader.zeros(RESERVED_BYTES)
  const cost = { passes: reader.u32(), memoryBytes: reader.u32() * KIB }
  const salt = reader.raw(PASSWORD_SALT_BYTES)
  if (derivation === DERIVATION_PASSWORD) {
    checkCost(cost, name)
    return { id, salt, kind: 'password', cost }
  }
  if (derivation !== DERIVATION_KEY_FILE) reader.fail(`unknown key derivation ${derivation}`)
  if (cost.passes !== 0 || cost.memoryBytes !== 0) reader.fail('a key file has no cost')
  return { id, salt, kind: 'key file' }
}

/** Bytes 0 to 76. */
function encodeHead(head: SlotHead, repository: RepositoryId): Uint8Array {
  const password = head.kind === 'password'
  if (password) checkCost(head.cost, slotKey(head.id))
  return new ByteWriter(COMMITMENT_AT)
    .raw(writeObjectHeader({ type: 'slot', repository }))
    .raw(fromHex(head.id))
    .u8(password ? DERIVATION_PASSWORD : DERIVATION_KEY_FILE)
    .zeros(RESERVED_BYTES)
    .u32(password ? head.cost.passes : 0)
    .u32(password ? head.cost.memoryBytes / KIB : 0)
    .raw(head.salt)
    .done()
}

function checkCost({ passes, memoryBytes }: PasswordCost, name: string): void {
  const allowed =
    Number.isInteger(passes) &&
    passes >= PASSWORD_PASSES_MIN &&
    passes <= PASSWORD_PASSES_MAX &&
    Number.isInteger(memoryBytes / KIB) &&
    memoryBytes >= PASSWORD_MEMORY_BYTES_MIN &&
    memoryBytes <= PASSWORD_MEMORY_BYTES_MAX
  if (allowed) return
  throw new SnapError(
    'LIMIT_EXCEEDED',
    `${name} asks for ${passes} passes over ${memoryBytes} bytes of memory`,
  )
}

async function deriveSlotKey(
  head: SlotHead,
  repository: RepositoryId,
  given: SlotSecret,
): Promise<Uint8Array> {
  const secret = await slotSecretBytes(head, given)
  return deriveKey(SLOT_CONTEXT, secret, head.salt, fromHex(repository))
}

function slotSecretBytes(head: SlotHead, given: SlotSecret): Promise<Uint8Array> | Uint8Array {
  if (given.kind === 'password') {
    assert(head.kind === 'password', 'a password opens a password slot')
    return derivePasswordKey(given.password, head.salt, head.cost)
  }
  assert(given.secret.length === KEY_FILE_SECRET_BYTES, 'the secret of a key file has 32 bytes')
  return given.secret
}

/** Binds everything in clear to one key, so that no slot opens to different things under two secrets. */
function commitment(slotKeyBytes: Uint8Array, slot: Uint8Array): Uint8Array {
  return keyedHash(slotKeyBytes, COMMITMENT_LABEL, slot.subarray(0, COMMITMENT_AT))
}

function keyWrong(head: SlotHead): SnapError {
  return new SnapError('KEY_WRONG', `slot ${head.id} (${head.kind}) does not open with this secret`, {
    hint: 'Check the password or the key file.',
  })
}

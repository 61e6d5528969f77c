/**
 * The clear head of a pack and the keys that come from it (format, section 4). A ticket is everything that a
 * worker needs to write one pack without holding any repository key.
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 32 | object header |
 * | 32 | 16 | pack id |
 * | 48 | 80 | pack secret, sealed to the content public key |
 * | 128 | 32 | commitment to the pack key |
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { deriveKey, keyedHash } from '../crypto/blake3.ts'
import type { Box } from '../crypto/box.ts'
import { constantTimeEqual } from '../crypto/random.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import { ID_BYTES, type PackId, packId, type RepositoryId } from '../model/ids.ts'
import { PACK_HEADER_BYTES } from '../model/limits.ts'
import type { PackKind } from '../model/pack-table.ts'
import { OBJECT_HEADER_BYTES, readObjectHeader, writeObjectHeader } from '../object/header.ts'

const ID_AT = OBJECT_HEADER_BYTES
const SECRET_AT = ID_AT + ID_BYTES
const COMMITMENT_AT = 128
const PACK_SECRET_BYTES = 32
const PACK_CONTEXT = 'snapkeep v1 pack'
const COMMITMENT_LABEL = new TextEncoder().encode('commitment')
const FOOTER_LABEL = new TextEncoder().encode('footer')

/** The keys of one pack. */
export type PackKeys = { readonly packKey: Uint8Array; readonly footerKey: Uint8Array }

/** The right to write one pack, once. Its bytes may be sent to a worker. */
export type PackTicket = PackKeys & {
  readonly id: PackId
  readonly kind: PackKind
  /** The first 160 bytes of the pack. */
  readonly header: Uint8Array
}

export type PackWriterSecrets = { readonly indexKey: Uint8Array; readonly contentPublic: Uint8Array }

/** A ticket with a fresh id and a fresh secret. */
export function makePackTicket(
  repository: RepositoryId,
  kind: PackKind,
  secrets: PackWriterSecrets,
  box: Box,
  random: Random,
): PackTicket {
  const id = packId(toHex(random.bytes(ID_BYTES)))
  const packSecret = random.bytes(PACK_SECRET_BYTES)
  const header = new Uint8Array(PACK_HEADER_BYTES)
  header.set(writeObjectHeader({ type: 'pack', repository, kind }))
  header.set(fromHex(id), ID_AT)
  header.set(box.seal(secrets.contentPublic, packSecret), SECRET_AT)
  const packKey = derivePackKey(packSecret, secrets.indexKey, id)
  header.set(commitment(packKey, header), COMMITMENT_AT)
  return { id, kind, header, packKey, footerKey: deriveFooterKey(secrets.indexKey, header) }
}

/** The footer key needs the index key only: a role without the content secret can read which chunks lie where. */
export function deriveFooterKey(indexKey: Uint8Array, header: Uint8Array): Uint8Array {
  return keyedHash(indexKey, FOOTER_LABEL, header.subarray(0, PACK_HEADER_BYTES))
}

export type PackHead = { readonly id: PackId; readonly kind: PackKind }

/** Checks what is in clear. `expected`: the name under which the pack is stored. */
export function readPackHead(header: Uint8Array, repository: RepositoryId, expected: PackId): PackHead {
  if (header.length < PACK_HEADER_BYTES)
    throw new SnapError('OBJECT_DAMAGED', `pack ${expected} is cut short`)
  const { kind } = readObjectHeader(header, { type: 'pack', repository, name: `pack ${expected}` })
  const id = toHex(header.subarray(ID_AT, SECRET_AT))
  if (id !== expected) throw new SnapError('OBJECT_DAMAGED', `pack ${expected} holds another pack, ${id}`)
  if (kind === undefined) throw new SnapError('OBJECT_DAMAGED', `pack ${expected} has no kind`)
  return { id: expected, kind }
}

export type PackReaderSecrets = {
  readonly indexKey: Uint8Array
  readonly contentPublic: Uint8Array
  readonly contentSecret: Uint8Array
}

/** Opens the pack secret and checks the commitment; `OBJECT_DAMAGED` where either fails. */
export function openPackKeys(
  header: Uint8Array,
  repository: RepositoryId,
  expected: PackId,
  secrets: PackReaderSecrets,
  box: Box,
): PackKeys {
  const { id } = readPackHead(header, repository, expected)
  const packSecret = box.open(
    secrets.contentPublic,
    secrets.contentSecret,
    header.subarray(SECRET_AT, COMMITMENT_AT),
  )
  const packKey = derivePackKey(packSecret, secrets.indexKey, id)
  if (!constantTimeEqual(commitment(packKey, header), header.subarray(COMMITMENT_AT, PACK_HEADER_BYTES))) {
    throw new SnapError('OBJECT_DAMAGED', `pack ${id}: its key does not match its commitment`)
  }
  return { packKey, footerKey: deriveFooterKey(secrets.indexKey, header) }
}

function derivePackKey(packSecret: Uint8Array, indexKey: Uint8Array, id: PackId): Uint8Array {
  return deriveKey(PACK_CONTEXT, packSecret, indexKey, fromHex(id))
}

function commitment(packKey: Uint8Array, header: Uint8Array): Uint8Array {
  return keyedHash(packKey, COMMITMENT_LABEL, header.subarray(0, COMMITMENT_AT))
}

const AAD_NUMBER_AT = OBJECT_HEADER_BYTES + ID_BYTES
/** Positions of the two messages that are not segments, in their AAD. */
export const FOOTER_POSITION = 0xffff_ffff
export const TRAILER_POSITION = 0xffff_fffe

/** Object header, pack id and position: what every sealed part of a pack is bound to. */
export function packAad(header: Uint8Array, position: number): Uint8Array {
  const aad = new Uint8Array(AAD_NUMBER_AT + 4)
  aad.set(header.subarray(0, AAD_NUMBER_AT))
  new DataView(aad.buffer).setUint32(AAD_NUMBER_AT, position, true)
  return aad
}

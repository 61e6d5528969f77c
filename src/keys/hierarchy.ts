/**
 * Which keys there are, what follows from what, and which role holds which (format, section 2). It does not know how
 * keys are stored or who was given them.
 */
import { deriveKey } from '../crypto/blake3.ts'
import type { Box } from '../crypto/box.ts'
import { SIGNING_SEED_BYTES } from '../crypto/signature.ts'
import type { Random } from '../model/clock.ts'

export const KEY_BYTES = 32

export const ROLES = ['admin', 'reader', 'writer'] as const
export type Role = (typeof ROLES)[number]

/** What every role holds. 32 bytes each. */
export type SharedKeys = {
  /** Names chunks and trees. */
  readonly idKey: Uint8Array
  /** Decides where chunks are cut. */
  readonly gearSecret: Uint8Array
  /** Index objects and pack footers. */
  readonly indexKey: Uint8Array
  /** Log entries and lists. */
  readonly logKey: Uint8Array
  readonly configKey: Uint8Array
}

type HeldKeys = SharedKeys & {
  readonly contentPublic: Uint8Array
  /** The holder's own: its public key is the author of its log entries. */
  readonly signingSeed: Uint8Array
}

export type AdminKeys = HeldKeys & {
  readonly role: 'admin'
  readonly master: Uint8Array
  readonly contentSecret: Uint8Array
}

export type ReaderKeys = HeldKeys & { readonly role: 'reader'; readonly contentSecret: Uint8Array }

/** Adds snapshots and cannot open any content. */
export type WriterKeys = HeldKeys & { readonly role: 'writer'; readonly contentSecret?: undefined }

export type RepositoryKeys = AdminKeys | ReaderKeys | WriterKeys

export function deriveSharedKeys(master: Uint8Array): SharedKeys {
  return {
    idKey: deriveKey('snapkeep v1 chunk id', master),
    gearSecret: deriveKey('snapkeep v1 gear table', master),
    indexKey: deriveKey('snapkeep v1 index objects and pack footers', master),
    logKey: deriveKey('snapkeep v1 log entries and lists', master),
    configKey: deriveKey('snapkeep v1 config', master),
  }
}

/** The keys of a new repository, all of them fresh. */
export function createAdminKeys(box: Box, random: Random): AdminKeys {
  const master = random.bytes(KEY_BYTES)
  const content = box.generateKeys(random)
  return {
    role: 'admin',
    master,
    ...deriveSharedKeys(master),
    contentPublic: content.publicKey,
    contentSecret: content.secretKey,
    signingSeed: random.bytes(SIGNING_SEED_BYTES),
  }
}

/** The keys of another holder: what `role` may have, with a signing seed of its own. */
export function grantKeys(admin: AdminKeys, role: Role, random: Random): RepositoryKeys {
  const { master, contentSecret, idKey, gearSecret, indexKey, logKey, configKey, contentPublic } = admin
  const signingSeed = random.bytes(SIGNING_SEED_BYTES)
  const held = { idKey, gearSecret, indexKey, logKey, configKey, contentPublic, signingSeed }
  if (role === 'admin') return { role, master, contentSecret, ...held }
  if (role === 'reader') return { role, contentSecret, ...held }
  return { role, ...held }
}

/** Slots, key files and the config: how a password becomes the keys of a repository (section 2 of `docs/format.md`). */

import { timingSafeEqual } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cursor, NewerFormat, utf8, violation } from './cursor.ts'
import { argon2id, derive, keyed, OBJECT_TYPE, openBody, readHeader } from './sealing.ts'

export type Secret = { readonly password: string } | { readonly keyFileText: string }

export type Keys = {
  readonly repositoryId: Buffer
  readonly role: number
  readonly slotName: string
  readonly idKey: Buffer
  readonly gearSecret: Buffer
  readonly indexKey: Buffer
  readonly logKey: Buffer
  readonly configKey: Buffer
  readonly contentPublicKey: Buffer
  /** A writer has none, and cannot open packs. */
  readonly contentSecretKey: Buffer | undefined
}

export type Config = {
  readonly contentPublicKey: Buffer
  readonly firstAdmin: Buffer
  readonly createdMs: bigint
  /** The six chunk sizes, the segment target and the pack target, in bytes. */
  readonly sizes: readonly number[]
}

const MIB = 1_048_576
const SLOTS_MAX = 256
const SHARED = [1, 2, 3, 33, 48]
/** By the number of the role. */
const FIELDS_OF_ROLE = [
  [],
  [...SHARED, 16, 32],
  [...SHARED, 17, 18, 19, 20, 21, 32],
  [...SHARED, 17, 18, 19, 20, 21],
]

/** The keys in the first slot that `secret` opens. Slots that break the format are told to `report`. */
export function unlock(directory: string, secret: Secret, report: (problem: string) => void): Keys {
  const slotIds = readdirSync(join(directory, 'slots')).sort()
  if (slotIds.length > SLOTS_MAX) return violation(`${slotIds.length} slots`)
  for (const slotId of slotIds) {
    try {
      const keys = openSlot(readFileSync(join(directory, 'slots', slotId)), slotId, secret)
      if (keys !== undefined) return keys
    } catch (error) {
      if (error instanceof NewerFormat) throw error
      report(`slots/${slotId}: ${(error as Error).message}`)
    }
  }
  return violation('no slot opens with this secret')
}

/** `undefined` where the slot is for another secret. */
function openSlot(raw: Buffer, slotId: string, secret: Secret): Keys | undefined {
  const { repositoryId } = readHeader(raw, OBJECT_TYPE.slot, undefined)
  const cursor = new Cursor(raw)
  cursor.at = 32
  if (cursor.take(16).toString('hex') !== slotId) violation('the slot id is not that of the key')
  const derivation = cursor.u8()
  cursor.zeros(3, 'the reserved part of a slot')
  const passes = cursor.u32()
  const kibibytes = cursor.u32()
  const salt = cursor.take(16)
  const commitment = cursor.take(32)
  let stretched: Buffer
  if (derivation === 1) {
    if (passes < 1 || passes > 16) violation(`${passes} Argon2id passes`)
    if (kibibytes < 8_192 || kibibytes > 524_288) violation(`${kibibytes} KiB for Argon2id`)
    if (!('password' in secret)) return undefined
    stretched = argon2id(secret.password, salt, passes, kibibytes)
  } else if (derivation === 2) {
    if (passes !== 0 || kibibytes !== 0) violation('a key-file slot has Argon2id parameters')
    if (!('keyFileText' in secret)) return undefined
    stretched = secretOfKeyFile(secret.keyFileText, repositoryId)
  } else return violation(`key derivation ${derivation} is unknown`)
  const slotKey = derive('snapkeep v1 slot', stretched, salt, repositoryId)
  if (!timingSafeEqual(keyed(slotKey, 'commitment', raw.subarray(0, 76)), commitment)) return undefined
  const place = { objectKey: `slots/${slotId}`, offset: 108, context: raw.subarray(32, 108) }
  return slotKeys(openBody(raw, slotKey, place), repositoryId)
}

function slotKeys(body: Buffer, repositoryId: Buffer): Keys {
  const fields = new Map<number, Buffer>()
  const cursor = new Cursor(body)
  for (let last = -1; cursor.at < body.length; ) {
    const tag = cursor.u8()
    if (tag <= last) violation('the fields of a slot are not in rising order')
    last = tag
    fields.set(tag, cursor.take(cursor.u16()))
  }
  const field = (tag: number, bytes: number): Buffer => {
    const value = fields.get(tag) ?? violation(`a slot lacks field ${tag}`)
    return value.length === bytes ? value : violation(`field ${tag} of a slot has ${value.length} bytes`)
  }
  const role = field(1, 1).readUInt8()
  if (role < 1 || role > 3) violation(`role ${role} is unknown`)
  const own = FIELDS_OF_ROLE[role]!
  for (const tag of fields.keys())
    if (FIELDS_OF_ROLE.flat().includes(tag) && !own.includes(tag)) violation(`its role has no field ${tag}`)
  field(3, 8)
  field(48, 32)
  const keyOf = (tag: number, context: string): Buffer =>
    role === 1 ? derive(context, field(16, 32)) : field(tag, 32)
  return {
    repositoryId,
    role,
    slotName: utf8(fields.get(2) ?? violation('a slot has no name')),
    gearSecret: keyOf(18, 'snapkeep v1 gear table'),
    idKey: keyOf(17, 'snapkeep v1 chunk id'),
    indexKey: keyOf(19, 'snapkeep v1 index objects and pack footers'),
    logKey: keyOf(20, 'snapkeep v1 log entries and lists'),
    configKey: keyOf(21, 'snapkeep v1 config'),
    contentPublicKey: field(33, 32),
    contentSecretKey: role === 3 ? undefined : field(32, 32),
  }
}

function secretOfKeyFile(text: string, repositoryId: Buffer): Buffer {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const secret = /^secret ([0-9a-f]{64})$/.exec(lines[2] ?? '')?.[1]
  if (lines.length !== 3 || lines[0] !== 'snapkeep key 1' || secret === undefined)
    violation('this is no key file')
  if (lines[1] !== `repository ${repositoryId.toString('hex')}`)
    violation('the key file is for another repository')
  return Buffer.from(secret, 'hex')
}

export function readConfig(directory: string, keys: Keys): Config {
  const raw = readFileSync(join(directory, 'config'))
  readHeader(raw, OBJECT_TYPE.config, keys.repositoryId)
  const cursor = new Cursor(openBody(raw, keys.configKey, { objectKey: 'config' }))
  const sizes = Array.from({ length: 8 }, () => cursor.u32())
  const contentPublicKey = cursor.take(32)
  const firstAdmin = cursor.take(32)
  const createdMs = cursor.i64()
  cursor.end('the config')
  checkSizes(sizes)
  if (!contentPublicKey.equals(keys.contentPublicKey))
    violation('slot and config name two content public keys')
  return { contentPublicKey, firstAdmin, createdMs, sizes }
}

function checkSizes(sizes: readonly number[]): void {
  const rising = (...values: number[]): boolean =>
    values.every((value, index) => index === 0 || value >= values[index - 1]!)
  for (const [min, average, max] of [sizes.slice(0, 3), sizes.slice(3, 6)])
    if (!rising(1_024, min!, average!, max!, MIB) || !Number.isInteger(Math.log2(average!)))
      violation(`chunks of ${min}, ${average} and ${max} bytes`)
  if (!rising(1_024, sizes[6]!, 2 * MIB) || !rising(sizes[6]!, sizes[7]!, 32 * MIB))
    violation(`segments of ${sizes[6]} bytes in packs of ${sizes[7]}`)
}

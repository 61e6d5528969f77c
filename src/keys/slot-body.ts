/**
 * What a slot seals: the keys of one role as tagged fields (format, section 2). It does not know how a slot is
 * opened.
 *
 * A field is tag (1), length (2), bytes; fields stand in rising order of tags, each at most once.
 */
import { ByteReader, ByteWriter, decodeText, encodeText } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { deriveSharedKeys, KEY_BYTES, type RepositoryKeys, ROLES, type Role } from './hierarchy.ts'

export const SLOT_NAME_BYTES_MAX = 256

const TAG_ROLE = 1
const TAG_NAME = 2
const TAG_CREATED = 3
const TAG_MASTER = 16
const SHARED_TAGS = { idKey: 17, gearSecret: 18, indexKey: 19, logKey: 20, configKey: 21 } as const
const TAG_CONTENT_SECRET = 32
const TAG_CONTENT_PUBLIC = 33
const TAG_SIGNING_SEED = 48
const TAGS_KNOWN: ReadonlySet<number> = new Set([
  TAG_ROLE,
  TAG_NAME,
  TAG_CREATED,
  TAG_MASTER,
  ...Object.values(SHARED_TAGS),
  TAG_CONTENT_SECRET,
  TAG_CONTENT_PUBLIC,
  TAG_SIGNING_SEED,
])

/** A field that this version does not know, kept as it is. */
export type UnknownField = { readonly tag: number; readonly bytes: Uint8Array }

export type SlotContents = {
  readonly keys: RepositoryKeys
  readonly name: string
  /** ms since the epoch. */
  readonly createdMs: number
  readonly unknown?: readonly UnknownField[] | undefined
}

/** `LIMIT_EXCEEDED` for a name above `SLOT_NAME_BYTES_MAX`. */
export function encodeSlotBody(contents: SlotContents): Uint8Array<ArrayBuffer> {
  const { keys } = contents
  const name = encodeText(contents.name)
  if (name.length > SLOT_NAME_BYTES_MAX) {
    throw new SnapError(
      'LIMIT_EXCEEDED',
      `a slot's name has ${name.length} bytes; ${SLOT_NAME_BYTES_MAX} are allowed`,
    )
  }
  const fields = new Map<number, Uint8Array>()
  for (const { tag, bytes } of contents.unknown ?? []) fields.set(tag, bytes)
  fields.set(TAG_ROLE, Uint8Array.of(ROLES.indexOf(keys.role) + 1))
  fields.set(TAG_NAME, name)
  fields.set(TAG_CREATED, new ByteWriter(8).i64(contents.createdMs).done())
  if (keys.role === 'admin') fields.set(TAG_MASTER, keys.master)
  else {
    for (const [key, tag] of Object.entries(SHARED_TAGS))
      fields.set(tag, keys[key as keyof typeof SHARED_TAGS])
  }
  if (keys.role !== 'writer') fields.set(TAG_CONTENT_SECRET, keys.contentSecret)
  fields.set(TAG_CONTENT_PUBLIC, keys.contentPublic)
  fields.set(TAG_SIGNING_SEED, keys.signingSeed)
  const writer = new ByteWriter(512)
  for (const [tag, bytes] of [...fields].sort(([a], [b]) => a - b))
    writer.u8(tag).u16(bytes.length).raw(bytes)
  return writer.done()
}

/** `name` is for messages. `OBJECT_DAMAGED` where a field that the role has is absent or malformed, or one that it has not is there. */
export function decodeSlotBody(body: Uint8Array, name: string): SlotContents {
  const fields = new SlotFields(readFields(body, name), name)
  const role = ROLES[(fields.take(TAG_ROLE, 1)[0] ?? 0) - 1]
  if (role === undefined) throw new SnapError('OBJECT_DAMAGED', `${name}: unknown role`)
  const contents = {
    name: decodeText(fields.take(TAG_NAME), `the name of ${name}`),
    createdMs: new ByteReader(fields.take(TAG_CREATED, 8), name).i64(),
    keys: takeKeys(fields, role),
  }
  return { ...contents, unknown: fields.unknown() }
}

function takeKeys(fields: SlotFields, role: Role): RepositoryKeys {
  const contentPublic = fields.take(TAG_CONTENT_PUBLIC, KEY_BYTES)
  const signingSeed = fields.take(TAG_SIGNING_SEED, KEY_BYTES)
  if (role === 'admin') {
    const master = fields.take(TAG_MASTER, KEY_BYTES)
    const contentSecret = fields.take(TAG_CONTENT_SECRET, KEY_BYTES)
    return { role, master, ...deriveSharedKeys(master), contentPublic, contentSecret, signingSeed }
  }
  const held = {
    idKey: fields.take(SHARED_TAGS.idKey, KEY_BYTES),
    gearSecret: fields.take(SHARED_TAGS.gearSecret, KEY_BYTES),
    indexKey: fields.take(SHARED_TAGS.indexKey, KEY_BYTES),
    logKey: fields.take(SHARED_TAGS.logKey, KEY_BYTES),
    configKey: fields.take(SHARED_TAGS.configKey, KEY_BYTES),
    contentPublic,
    signingSeed,
  }
  if (role === 'writer') return { role, ...held }
  return { role, ...held, contentSecret: fields.take(TAG_CONTENT_SECRET, KEY_BYTES) }
}

function readFields(body: Uint8Array, name: string): Map<number, Uint8Array> {
  const reader = new ByteReader(body, name)
  const fields = new Map<number, Uint8Array>()
  let last = -1
  while (reader.left > 0) {
    const tag = reader.u8()
    if (tag <= last) reader.fail(`field ${tag} stands behind field ${last}`)
    fields.set(tag, reader.raw(reader.u16()))
    last = tag
  }
  return fields
}

/** Fields that are taken one by one; what is left must be unknown. */
class SlotFields {
  readonly #left: Map<number, Uint8Array>
  readonly #name: string

  constructor(fields: Map<number, Uint8Array>, name: string) {
    this.#left = fields
    this.#name = name
  }

  take(tag: number, bytes?: number): Uint8Array {
    const value = this.#left.get(tag)
    if (value === undefined) throw new SnapError('OBJECT_DAMAGED', `${this.#name}: field ${tag} is absent`)
    if (bytes !== undefined && value.length !== bytes) {
      throw new SnapError(
        'OBJECT_DAMAGED',
        `${this.#name}: field ${tag} has ${value.length} bytes, not ${bytes}`,
      )
    }
    this.#left.delete(tag)
    return value
  }

  unknown(): UnknownField[] {
    return [...this.#left].map(([tag, bytes]) => {
      if (TAGS_KNOWN.has(tag))
        throw new SnapError('OBJECT_DAMAGED', `${this.#name}: its role has no field ${tag}`)
      return { tag, bytes }
    })
  }
}

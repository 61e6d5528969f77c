/**
 * One directory, encoded: the names of its entries' owners, then the entries in byte order of their names
 * (format, section 6).
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter, decodeText, encodeText } from '../base/bytes.ts'
import { createChunkHasher, HASH_BYTES, keyedHash } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import { ENTRY_BYTES_MAX } from '../model/limits.ts'
import { type Content, encodeContent } from './content.ts'
import { decodeEntry, ENTRY_AT, ENTRY_BYTES_MIN, type Entry } from './entry.ts'

export const TREE_VERSION = 1
const TREE_LABEL = new TextEncoder().encode('tree')
const OWNERS_MAX = 65_536
const OWNER_NAME_BYTES_MAX = 1_024
export const ENTRIES_MAX = 16_777_216

export type Owner = { readonly kind: 'user' | 'group'; readonly number: number; readonly name: string }

/** Of encoded entries, each number once. */
export type OwnerNumbers = { readonly users: ReadonlySet<number>; readonly groups: ReadonlySet<number> }

export function ownerNumbers(entries: readonly Uint8Array[]): OwnerNumbers {
  const users = new Set<number>()
  const groups = new Set<number>()
  for (const entry of entries) {
    const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_AT.name)
    users.add(view.getUint32(ENTRY_AT.uid, true))
    groups.add(view.getUint32(ENTRY_AT.gid, true))
  }
  return { users, groups }
}

/** 32 bytes: what the manifest knows a tree by. */
export function treeId(idKey: Uint8Array, content: Content): Uint8Array {
  return keyedHash(idKey, TREE_LABEL, encodeContent(content))
}

/**
 * The same for very many, of encoded contents: setting a keyed hash up takes longer than hashing one. The id is valid until the next
 * call.
 */
export function createTreeIds(idKey: Uint8Array): (content: Uint8Array) => Uint8Array {
  const hasher = createChunkHasher(idKey)
  const writer = new ByteWriter()
  const id = new Uint8Array(HASH_BYTES)
  return (content) => {
    writer.clear()
    hasher.hashInto(writer.raw(TREE_LABEL).raw(content).view(), id, 0)
    return id
  }
}

const ownerRank = (owner: Owner): number => (owner.kind === 'user' ? 0 : 1) * 0x1_0000_0000 + owner.number

/** `entries`: encoded, already in order and no name twice. */
export function encodeTree(
  owners: readonly Owner[],
  entries: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const bytes = entries.reduce((sum, entry) => sum + entry.length, 0)
  const writer = new ByteWriter(bytes + 64 + owners.length * 32).u8(TREE_VERSION)
  const sorted = [...owners].sort((a, b) => ownerRank(a) - ownerRank(b))
  writer.varint(sorted.length)
  for (const owner of sorted) {
    writer
      .u8(owner.kind === 'user' ? 1 : 2)
      .u32(owner.number)
      .bytes(encodeText(owner.name))
  }
  writer.varint(entries.length)
  entries.forEach((entry, index) => {
    const before = entries[index - 1]
    assert(before === undefined || namesRise(before, entry), 'names of a directory are in order')
    writer.raw(entry)
  })
  return writer.done()
}

function namesRise(before: Uint8Array, entry: Uint8Array): boolean {
  return Buffer.compare(entryNameBytes(before), entryNameBytes(entry)) < 0
}

export type EncodedTree = {
  readonly owners: readonly Owner[]
  /** Views of the tree's bytes, one per entry, in order; checked for order and bounds, not decoded. */
  readonly entries: readonly Uint8Array[]
}

/** Splits a tree into its entries. `OBJECT_DAMAGED` where names are out of order or doubled. */
export function splitTree(bytes: Uint8Array): EncodedTree {
  const reader = new ByteReader(bytes, 'tree')
  if (reader.u8() !== TREE_VERSION) reader.fail('unknown tree version')
  const owners = readOwners(reader)
  const count = reader.count(ENTRIES_MAX, ENTRY_BYTES_MIN)
  const entries: Uint8Array[] = []
  let before: Uint8Array | undefined
  for (let index = 0; index < count; index++) {
    const length = reader.peekU32()
    if (length < ENTRY_BYTES_MIN) reader.fail(`an entry of ${length} bytes`)
    if (length > ENTRY_BYTES_MAX) throw new SnapError('LIMIT_EXCEEDED', `a tree entry of ${length} bytes`)
    const entry = reader.raw(length)
    const name = entryNameBytes(entry)
    if (before !== undefined && Buffer.compare(before, name) >= 0) reader.fail('names are out of order')
    before = name
    entries.push(entry)
  }
  reader.end()
  return { owners, entries }
}

/** The name within an encoded entry: a view. */
export function entryNameBytes(entry: Uint8Array): Uint8Array {
  const length = (entry[ENTRY_AT.nameLength] ?? 0) + (entry[ENTRY_AT.nameLength + 1] ?? 0) * 256
  return entry.subarray(ENTRY_AT.name, ENTRY_AT.name + length)
}

export type Tree = { readonly owners: readonly Owner[]; readonly entries: readonly Entry[] }

export function decodeTree(bytes: Uint8Array): Tree {
  const { owners, entries } = splitTree(bytes)
  return { owners, entries: entries.map(decodeEntry) }
}

export function readOwners(reader: ByteReader): Owner[] {
  const count = reader.count(OWNERS_MAX, 6)
  const owners: Owner[] = []
  let before = -1
  for (let index = 0; index < count; index++) {
    const kind = reader.u8()
    if (kind !== 1 && kind !== 2) reader.fail('unknown kind of owner')
    const number = reader.u32()
    const name = decodeText(reader.bytes(OWNER_NAME_BYTES_MAX), 'owner name')
    const owner: Owner = { kind: kind === 1 ? 'user' : 'group', number, name }
    if (ownerRank(owner) <= before) reader.fail('owners are out of order')
    before = ownerRank(owner)
    owners.push(owner)
  }
  return owners
}

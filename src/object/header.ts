/**
 * The 32 bytes that every object begins with (format, section 1). It knows which types exist, not what is in them.
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 8 | magic "snapkeep" |
 * | 8 | 1 | format version |
 * | 9 | 1 | object type |
 * | 10 | 1 | kind: of a pack 1 data, 2 tree; else 0 |
 * | 11 | 5 | reserved |
 * | 16 | 16 | repository id |
 */
import { ByteReader, ByteWriter, encodeText, fromHex, toHex } from '../base/bytes.ts'
import { SnapError } from '../model/errors.ts'
import { ID_BYTES, type RepositoryId, repositoryId } from '../model/ids.ts'
import { FORMAT_VERSION } from '../model/limits.ts'
import type { PackKind } from '../model/pack-table.ts'

export const OBJECT_HEADER_BYTES = 32

/** In the order of their numbers, which begin at 1. */
const OBJECT_TYPES = ['config', 'slot', 'pack', 'index', 'log', 'list'] as const
export type ObjectType = (typeof OBJECT_TYPES)[number]

const MAGIC = encodeText('snapkeep')
const RESERVED_BYTES = 5
const KIND_NONE = 0
const KIND_DATA = 1
const KIND_TREE = 2

export type ObjectHeader = {
  readonly type: ObjectType
  readonly repository: RepositoryId
  /** Of packs, and only of packs. */
  readonly kind?: PackKind | undefined
}

export type ExpectedObject = {
  readonly type: ObjectType
  readonly repository: RepositoryId
  /** For messages. */
  readonly name: string
}

export function writeObjectHeader(header: ObjectHeader): Uint8Array<ArrayBuffer> {
  return new ByteWriter(OBJECT_HEADER_BYTES)
    .raw(MAGIC)
    .u8(FORMAT_VERSION)
    .u8(OBJECT_TYPES.indexOf(header.type) + 1)
    .u8(header.kind === undefined ? KIND_NONE : header.kind === 'data' ? KIND_DATA : KIND_TREE)
    .zeros(RESERVED_BYTES)
    .raw(fromHex(header.repository))
    .done()
}

/**
 * Decodes the header at the start of `bytes`. `OBJECT_DAMAGED` where this is no header, `REPOSITORY_TOO_NEW` for a
 * later version, before anything behind it is looked at. Nothing is authenticated here.
 */
export function decodeObjectHeader(bytes: Uint8Array, name: string): ObjectHeader {
  const reader = new ByteReader(bytes, name)
  if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) reader.fail('not an object of this program')
  checkVersion(reader, name)
  const type = OBJECT_TYPES[reader.u8() - 1] ?? reader.fail('unknown object type')
  const kind = packKind(reader, type)
  reader.zeros(RESERVED_BYTES)
  return { type, kind, repository: repositoryId(toHex(reader.raw(ID_BYTES))) }
}

/** The same, and the type and the repository are those expected (`OBJECT_DAMAGED` otherwise). */
export function readObjectHeader(bytes: Uint8Array, expected: ExpectedObject): ObjectHeader {
  const header = decodeObjectHeader(bytes, expected.name)
  if (header.type !== expected.type) {
    throw new SnapError('OBJECT_DAMAGED', `${expected.name} is a ${header.type}, not a ${expected.type}`)
  }
  if (header.repository !== expected.repository) {
    throw new SnapError(
      'OBJECT_DAMAGED',
      `${expected.name} belongs to another repository, ${header.repository}`,
    )
  }
  return header
}

function checkVersion(reader: ByteReader, name: string): void {
  const version = reader.u8()
  if (version > FORMAT_VERSION) {
    throw new SnapError(
      'REPOSITORY_TOO_NEW',
      `${name} has format version ${version}; this program reads ${FORMAT_VERSION}`,
      {
        hint: 'Install a newer version of snap.',
      },
    )
  }
  if (version !== FORMAT_VERSION) reader.fail(`format version ${version} does not exist`)
}

function packKind(reader: ByteReader, type: ObjectType): PackKind | undefined {
  const kind = reader.u8()
  if (type !== 'pack') return kind === KIND_NONE ? undefined : reader.fail(`a ${type} has no kind`)
  if (kind === KIND_DATA) return 'data'
  return kind === KIND_TREE ? 'tree' : reader.fail(`unknown pack kind ${kind}`)
}

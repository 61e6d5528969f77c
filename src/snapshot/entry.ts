/**
 * One directory entry and its bytes (format, section 6). An encoded entry stands alone, so that an unchanged one
 * is copied from the tree before without being decoded.
 */
import { ByteReader, ByteWriter, decodeText, encodeText } from '../base/bytes.ts'
import { nameBytes, nameFromBytes } from '../base/names.ts'
import { SnapError } from '../model/errors.ts'
import type { EntryType, Xattr } from '../model/files.ts'
import { LINK_TARGET_BYTES_MAX, NAME_BYTES_MAX, XATTR_BYTES_MAX, XATTRS_MAX } from '../model/limits.ts'
import { type Content, readContent, writeContent } from './content.ts'

export type Entry = {
  readonly name: string
  readonly type: EntryType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly ctimeSec: number
  readonly ctimeNsec: number
  readonly inode: number
  /** A file's bytes, or a directory's tree. */
  readonly content?: Content | undefined
  readonly target?: string | undefined
  readonly device?: { readonly major: number; readonly minor: number } | undefined
  /** Entries of one snapshot with equal device and inode are one file. */
  readonly hardLink?: { readonly links: number; readonly device: number } | undefined
  readonly xattrs?: readonly Xattr[] | undefined
  /** The file changed while it was read; the content may mix two states. */
  readonly changed?: boolean | undefined
  /** Why it could not be read, as `EACCES`: its content is not here, or that of a directory not all of it. */
  readonly unreadable?: string | undefined
}

/** In the order of their bytes: the first is 1. */
export const ENTRY_TYPES: readonly EntryType[] = ['file', 'dir', 'symlink', 'fifo', 'char', 'block', 'socket']

export const FLAG_CONTENT = 1
const FLAG_TARGET = 2
const FLAG_DEVICE = 4
const FLAG_HARD_LINK = 8
const FLAG_XATTRS = 16
const FLAG_CHANGED = 32
export const FLAG_UNREADABLE = 64
const FLAGS_KNOWN = 127
const NAME_AT = 58
const MODE_MAX = 0o7777
const REASON_BYTES_MAX = 256
const NSEC_MAX = 999_999_999

/** Appends the encoded entry; its xattrs are in byte order of their names, none twice. */
export function writeEntry(writer: ByteWriter, entry: Entry): void {
  const start = writer.length
  const xattrs = entry.xattrs ?? []
  writer
    .u32(0)
    .u8(ENTRY_TYPES.indexOf(entry.type) + 1)
    .u8(flagsOf(entry, xattrs.length > 0))
    .u16(entry.mode)
    .u32(entry.uid)
    .u32(entry.gid)
    .u64(entry.size)
    .i64(entry.mtimeSec)
    .u32(entry.mtimeNsec)
    .i64(entry.ctimeSec)
    .u32(entry.ctimeNsec)
    .u64(entry.inode)
  const name = nameBytes(entry.name)
  writer.u16(name.length).raw(name)
  if (entry.content !== undefined) writeContent(writer, entry.content)
  if (entry.target !== undefined) writer.bytes(nameBytes(entry.target))
  if (entry.device !== undefined) writer.u32(entry.device.major).u32(entry.device.minor)
  if (entry.hardLink !== undefined) writer.u32(entry.hardLink.links).u64(entry.hardLink.device)
  if (xattrs.length > 0) {
    writer.varint(xattrs.length)
    for (const xattr of xattrs) writer.bytes(nameBytes(xattr.name)).bytes(xattr.value)
  }
  if (entry.unreadable !== undefined) writer.bytes(encodeText(entry.unreadable))
  writer.patchU32(start, writer.length - start)
}

function flagsOf(entry: Entry, xattrs: boolean): number {
  return (
    (entry.content === undefined ? 0 : FLAG_CONTENT) |
    (entry.target === undefined ? 0 : FLAG_TARGET) |
    (entry.device === undefined ? 0 : FLAG_DEVICE) |
    (entry.hardLink === undefined ? 0 : FLAG_HARD_LINK) |
    (xattrs ? FLAG_XATTRS : 0) |
    (entry.changed === true ? FLAG_CHANGED : 0) |
    (entry.unreadable === undefined ? 0 : FLAG_UNREADABLE)
  )
}

export function encodeEntry(entry: Entry): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(256)
  writeEntry(writer, entry)
  return writer.done()
}

/** Decodes the entry at the start of `bytes` (its own length, no more); content, targets and xattr values are views. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes, 'tree entry')
  if (reader.u32() !== bytes.length) reader.fail('its length does not match')
  const type = ENTRY_TYPES[reader.u8() - 1] ?? reader.fail('unknown entry type')
  const flags = reader.u8()
  if (flags > FLAGS_KNOWN) reader.fail(`unknown entry flags ${flags}`)
  const mode = reader.u16()
  const uid = reader.u32()
  const gid = reader.u32()
  const size = reader.u64()
  const mtimeSec = reader.i64()
  const mtimeNsec = reader.u32()
  const ctimeSec = reader.i64()
  const ctimeNsec = reader.u32()
  const inode = reader.u64()
  if (mode > MODE_MAX || mtimeNsec > NSEC_MAX || ctimeNsec > NSEC_MAX)
    reader.fail('mode or time out of range')
  const nameLength = reader.u16()
  if (nameLength === 0 || nameLength > NAME_BYTES_MAX) reader.fail(`a name of ${nameLength} bytes`)
  const name = nameFromBytes(checkedName(reader.raw(nameLength), reader))
  const content = (flags & FLAG_CONTENT) === 0 ? undefined : readContent(reader)
  const target = (flags & FLAG_TARGET) === 0 ? undefined : readTarget(reader)
  const device = (flags & FLAG_DEVICE) === 0 ? undefined : { major: reader.u32(), minor: reader.u32() }
  const hardLink = (flags & FLAG_HARD_LINK) === 0 ? undefined : { links: reader.u32(), device: reader.u64() }
  const xattrs = (flags & FLAG_XATTRS) === 0 ? undefined : readXattrs(reader)
  const unreadable =
    (flags & FLAG_UNREADABLE) === 0
      ? undefined
      : decodeText(reader.bytes(REASON_BYTES_MAX), 'reason of a tree entry')
  reader.end()
  checkShape(reader, type, { content, target, device, hardLink, unreadable, size })
  return {
    name,
    type,
    mode,
    uid,
    gid,
    size,
    mtimeSec,
    mtimeNsec,
    ctimeSec,
    ctimeNsec,
    inode,
    content,
    target,
    device,
    hardLink,
    xattrs,
    unreadable,
    changed: (flags & FLAG_CHANGED) !== 0,
  }
}

const SLASH = 0x2f
const DOT = 0x2e

/** A name that could lead out of its directory never gets past here. */
function checkedName(name: Uint8Array, reader: ByteReader): Uint8Array {
  if (name.includes(SLASH) || name.includes(0)) reader.fail('a name with a slash or NUL')
  if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT)))
    reader.fail('a name of dots')
  return name
}

function checkShape(
  reader: ByteReader,
  type: EntryType,
  parts: {
    content: unknown
    target: unknown
    device: unknown
    hardLink: unknown
    unreadable: unknown
    size: number
  },
): void {
  if (parts.content !== undefined && type !== 'file' && type !== 'dir') reader.fail(`a ${type} with content`)
  if ((parts.target !== undefined) !== (type === 'symlink'))
    reader.fail('a link target where none belongs, or none')
  if ((parts.device !== undefined) !== (type === 'char' || type === 'block'))
    reader.fail('a device number misplaced')
  if (type === 'dir' && parts.content === undefined && parts.unreadable === undefined)
    reader.fail('a directory without a tree')
  if (type === 'dir' && parts.hardLink !== undefined) reader.fail('a hard-linked directory')
  if (parts.size !== 0 && type !== 'file') reader.fail(`a ${type} with a size`)
}

function readTarget(reader: ByteReader): string {
  const target = reader.bytes(LINK_TARGET_BYTES_MAX)
  if (target.length === 0 || target.includes(0)) reader.fail('an empty link target, or one with NUL')
  return nameFromBytes(target)
}

function readXattrs(reader: ByteReader): Xattr[] {
  const count = reader.count(XATTRS_MAX, 2)
  const xattrs: Xattr[] = []
  let total = 0
  let before: Uint8Array | undefined
  for (let index = 0; index < count; index++) {
    const name = reader.bytes(NAME_BYTES_MAX)
    if (name.length === 0 || name.includes(0)) reader.fail('an xattr without a name')
    if (before !== undefined && Buffer.compare(before, name) >= 0) reader.fail('xattrs are out of order')
    before = name
    const value = reader.bytes(XATTR_BYTES_MAX)
    total += name.length + value.length
    if (total > XATTR_BYTES_MAX) throw new SnapError('LIMIT_EXCEEDED', `xattrs of ${total} bytes`)
    xattrs.push({ name: nameFromBytes(name), value })
  }
  return xattrs
}

type EntryField =
  | 'type'
  | 'flags'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'size'
  | 'mtimeSec'
  | 'mtimeNsec'
  | 'ctimeSec'
  | 'ctimeNsec'
  | 'inode'
  | 'nameLength'
  | 'name'

/** Where the fixed fields of an encoded entry lie, for comparing without decoding (format, section 6). */
export const ENTRY_AT: Readonly<Record<EntryField, number>> = {
  type: 4,
  flags: 5,
  mode: 6,
  uid: 8,
  gid: 12,
  size: 16,
  mtimeSec: 24,
  mtimeNsec: 32,
  ctimeSec: 36,
  ctimeNsec: 44,
  inode: 48,
  nameLength: 56,
  name: NAME_AT,
}

const TYPE_DIRECTORY = 2

/** What its type byte says; nothing else is checked. */
export function isDirectoryEntry(bytes: Uint8Array, at = 0): boolean {
  return bytes[at + ENTRY_AT.type] === TYPE_DIRECTORY
}

export const ENTRY_BYTES_MIN: number = NAME_AT + 1

/**
 * Headers of a tar archive in the POSIX pax format (IEEE Std 1003.1-2017, `pax`, "pax Interchange Format"): a ustar
 * header, and before it an extended header for what ustar cannot say. It knows bytes, and neither files nor snapshots.
 */
import { assert } from '../../base/assert.ts'
import { encodeText } from '../../base/bytes.ts'
import { isWellFormed, nameBytes } from '../../base/names.ts'
import type { Xattr } from '../../model/files.ts'
import { aclText } from './acl-text.ts'

export const TAR_BLOCK_BYTES = 512

/** ustar's type flags. */
const FLAGS = { file: '0', hardLink: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' } as const
export type TarType = keyof typeof FLAGS

export type TarMember = {
  /** Relative, without a trailing slash; bytes that are not UTF-8 as lone surrogates. */
  readonly path: string
  readonly type: TarType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly user: string | undefined
  readonly group: string | undefined
  /** Bytes that follow the header: 0 for all but files. */
  readonly size: number
  readonly mtimeSec: number
  readonly mtimeNsec: number
  /** Of a symlink, its target; of a hard link, the member that came before. */
  readonly link?: string | undefined
  readonly device?: { readonly major: number; readonly minor: number } | undefined
  readonly xattrs?: readonly Xattr[] | undefined
}

/** Largest values of octal fields with 7 and 11 digits. */
const OCTAL_7_MAX = 0o7777777
const OCTAL_11_MAX = 0o77777777777
const NAME_FIELD_BYTES = 100
const OWNER_FIELD_BYTES = 31
/** ustar's fields: offset and bytes. */
const AT = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  user: [265, 32],
  group: [297, 32],
  major: [329, 8],
  minor: [337, 8],
} as const

/** The blocks before the member's bytes. */
export function tarHeader(member: TarMember): Uint8Array {
  const path = nameBytes(member.type === 'dir' ? `${member.path}/` : member.path)
  const link = nameBytes(member.link ?? '')
  const records = paxRecords(member, path, link)
  const header = ustarHeader(member, path, link, FLAGS[member.type], member.size)
  if (records.length === 0) return header
  const extension = Buffer.concat(records)
  const name = encodeText(`PaxHeaders/${asciiName(member.path)}`)
  const plain = {
    ...member,
    mode: 0o644,
    uid: 0,
    gid: 0,
    user: undefined,
    group: undefined,
    device: undefined,
  }
  const before = ustarHeader(plain, name, new Uint8Array(0), 'x', extension.length)
  return Buffer.concat([before, extension, tarPadding(extension.length), header])
}

/** Zeros up to the next block after `size` bytes. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES)
}

/** What ends an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * TAR_BLOCK_BYTES)
}

function paxRecords(member: TarMember, path: Uint8Array, link: Uint8Array): Uint8Array[] {
  const { mtimeSec, mtimeNsec, size, uid, gid, user, group, device, xattrs } = member
  const texts = [member.path, member.link ?? '', user ?? '', group ?? '']
  const records: Uint8Array[] = []
  if (!texts.every(isWellFormed)) records.push(paxRecord('hdrcharset', 'BINARY'))
  if (!fits(path, NAME_FIELD_BYTES)) records.push(paxRecord('path', path))
  if (!fits(link, NAME_FIELD_BYTES)) records.push(paxRecord('linkpath', link))
  if (mtimeNsec !== 0 || mtimeSec < 0 || mtimeSec > OCTAL_11_MAX)
    records.push(paxRecord('mtime', paxTime(mtimeSec, mtimeNsec)))
  if (size > OCTAL_11_MAX) records.push(paxRecord('size', String(size)))
  if (uid > OCTAL_7_MAX) records.push(paxRecord('uid', String(uid)))
  if (gid > OCTAL_7_MAX) records.push(paxRecord('gid', String(gid)))
  if (user !== undefined && !fits(nameBytes(user), OWNER_FIELD_BYTES))
    records.push(paxRecord('uname', nameBytes(user)))
  if (group !== undefined && !fits(nameBytes(group), OWNER_FIELD_BYTES))
    records.push(paxRecord('gname', nameBytes(group)))
  if (device !== undefined && Math.max(device.major, device.minor) > OCTAL_7_MAX) {
    records.push(
      paxRecord('SCHILY.devmajor', String(device.major)),
      paxRecord('SCHILY.devminor', String(device.minor)),
    )
  }
  for (const xattr of xattrs ?? []) records.push(xattrRecord(xattr))
  return records
}

/** GNU tar, star and bsdtar set ACLs from records of their own; bytes that are no ACL go as the attribute that they were. */
const ACL_KEYWORDS: ReadonlyMap<string, string> = new Map([
  ['system.posix_acl_access', 'SCHILY.acl.access'],
  ['system.posix_acl_default', 'SCHILY.acl.default'],
])

function xattrRecord({ name, value }: Xattr): Uint8Array {
  const keyword = ACL_KEYWORDS.get(name)
  const text = keyword === undefined ? undefined : aclText(value)
  return keyword === undefined || text === undefined
    ? paxRecord(`SCHILY.xattr.${xattrKeyword(name)}`, value)
    : paxRecord(keyword, text)
}

/** The text of an ustar field is ASCII; everything else goes into a record, which is UTF-8 or says that it is not. */
function fits(bytes: Uint8Array, bytesMax: number): boolean {
  return bytes.length <= bytesMax && bytes.every((byte) => byte < 0x80)
}

/** `=` ends a keyword: GNU tar writes it, and the sign that it writes it with, in this way. */
function xattrKeyword(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D')
}

/** A negative time counts back from its second: -1.5 is half a second before -1. */
function paxTime(seconds: number, nanoseconds: number): string {
  const negative = seconds < 0
  const whole = negative && nanoseconds > 0 ? seconds + 1 : seconds
  const part = negative && nanoseconds > 0 ? 1_000_000_000 - nanoseconds : nanoseconds
  const digits = part === 0 ? '' : `.${String(part).padStart(9, '0').replace(/0+$/, '')}`
  return `${negative ? '-' : ''}${Math.abs(whole)}${digits}`
}

/** `length keyword=value\n`, where the length counts its own digits. */
function paxRecord(keyword: string, value: string | Uint8Array): Uint8Array {
  const rest = Buffer.concat([
    nameBytes(` ${keyword}=`),
    typeof value === 'string' ? encodeText(value) : value,
    encodeText('\n'),
  ])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([encodeText(String(length)), rest])
}

function ustarHeader(
  member: TarMember,
  name: Uint8Array,
  link: Uint8Array,
  type: string,
  size: number,
): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK_BYTES)
  const text = ([at, bytes]: readonly [number, number], value: Uint8Array): void =>
    block.set(value.subarray(0, bytes), at)
  const octal = ([at, bytes]: readonly [number, number], value: number): void => {
    const max = 8 ** (bytes - 1) - 1
    const number = value < 0 || value > max ? (value < 0 ? 0 : max) : value // a record has the true one
    block.set(encodeText(number.toString(8).padStart(bytes - 1, '0')), at)
  }
  text(AT.name, name)
  octal(AT.mode, member.mode)
  octal(AT.uid, member.uid)
  octal(AT.gid, member.gid)
  octal(AT.size, size)
  octal(AT.mtime, member.mtimeSec)
  text(AT.type, encodeText(type))
  text(AT.link, link)
  text(AT.magic, encodeText('ustar\x0000'))
  text(AT.user, nameBytes(member.user ?? '').subarray(0, OWNER_FIELD_BYTES))
  text(AT.group, nameBytes(member.group ?? '').subarray(0, OWNER_FIELD_BYTES))
  octal(AT.major, member.device?.major ?? 0)
  octal(AT.minor, member.device?.minor ?? 0)
  const [checksumAt] = AT.checksum
  block.fill(0x20, checksumAt, checksumAt + 8)
  const sum = block.reduce((total, byte) => total + byte, 0)
  assert(sum <= 0o777777, 'a checksum has six digits')
  block.set(encodeText(`${sum.toString(8).padStart(6, '0')}\0 `), checksumAt)
  return block
}

/** For readers that know no extended headers; it names nothing. */
function asciiName(path: string): string {
  const last = path.slice(path.lastIndexOf('/') + 1)
  return last.replace(/[^\x21-\x7e]/g, '_').slice(0, NAME_FIELD_BYTES - 'PaxHeaders/'.length)
}

/**
 * What a directory or a snapshot holds, as sorted lines of text that can be kept and compared: what was backed up, what
 * the repository says, what was restored. One line an entry; paths as bytes, so any name of any file system fits.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { resolve } from 'node:path'
import type { WalkedEntry } from './read-repository.ts'
import type { IndependentType } from './tree.ts'

export type ListingRecord = {
  /** Relative to the listed directory, which itself is `.`. */
  readonly path: Buffer
  readonly type: IndependentType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of a file; else 0. */
  readonly size: number
  readonly mtimeSec: bigint
  readonly mtimeNsec: number
  /** Files: hex SHA-256 of the bytes; `undefined` where they cannot be had. */
  readonly contentDigest: string | undefined
  readonly target: Buffer | undefined
  readonly device: { readonly major: number; readonly minor: number } | undefined
  /** Equal for the names of one file. */
  readonly linkKey: string | undefined
  readonly xattrs: readonly { readonly name: Buffer; readonly value: Buffer }[]
}

/** Fields that a comparison may leave out, as `mtime` of directories that a restore did not make. */
export type ListingField =
  | 'mode'
  | 'owner'
  | 'size'
  | 'mtime'
  | 'content'
  | 'target'
  | 'device'
  | 'links'
  | 'xattrs'

/** Printable ASCII stands for itself; every other byte, the blank and `%` as `%XX`. */
function escaped(bytes: Buffer): string {
  let text = ''
  for (const byte of bytes)
    text +=
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return text
}

/** Sorted lines; the path is the first word. A link group is named after the first of its paths that is listed. */
export function listingLines(
  records: Iterable<ListingRecord>,
  options: { readonly omit?: readonly ListingField[]; readonly root?: boolean } = {},
): string[] {
  const chosen = [...records].filter(({ path }) => options.root !== false || path.toString('latin1') !== '.')
  chosen.sort((a, b) => Buffer.compare(a.path, b.path))
  const groups = new Map<string, ListingRecord[]>()
  for (const record of chosen)
    if (record.linkKey !== undefined)
      groups.set(record.linkKey, [...(groups.get(record.linkKey) ?? []), record])
  return chosen.map((record) => {
    const group = groups.get(record.linkKey ?? '') ?? []
    const isFile = record.type === 'file'
    const fields: readonly (readonly [ListingField, string | undefined])[] = [
      ['mode', record.mode.toString(8).padStart(4, '0')],
      ['owner', `${record.uid}:${record.gid}`],
      ['size', isFile ? String(record.size) : undefined],
      ['mtime', `${record.mtimeSec}.${String(record.mtimeNsec).padStart(9, '0')}`],
      ['content', isFile ? (record.contentDigest ?? 'unreadable') : undefined],
      ['target', record.target && escaped(record.target)],
      ['device', record.device && `${record.device.major}:${record.device.minor}`],
      ['links', group.length > 1 ? escaped(group[0]!.path) : undefined],
      ['xattrs', xattrText(record) || undefined],
    ]
    const shown = fields.filter(([field, value]) => value !== undefined && !options.omit?.includes(field))
    return [escaped(record.path), record.type, ...shown.map(([field, value]) => `${field}=${value}`)].join(
      ' ',
    )
  })
}

function xattrText({ xattrs }: ListingRecord): string {
  const sorted = [...xattrs].sort((a, b) => Buffer.compare(a.name, b.name))
  return sorted.map(({ name, value }) => `${escaped(name)}:${value.toString('hex')}`).join(',')
}

/** The lines that are only in one of two listings, as `- line` and `+ line`; empty where they are equal. */
export function compareListings(expected: readonly string[], actual: readonly string[]): string[] {
  const [wanted, found] = [new Set(expected), new Set(actual)]
  if (wanted.size !== expected.length || found.size !== actual.length)
    return ['! a listing has the same line twice']
  return [
    ...expected.filter((line) => !found.has(line)).map((line) => `- ${line}`),
    ...actual.filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
  ]
}

/** The entries of a snapshot at and below `top` (as `/home/a`, without a last `/`), relative to it; `/` has no entry itself. */
export async function walkedRecords(
  walk: AsyncIterable<WalkedEntry>,
  top: string | Buffer,
): Promise<ListingRecord[]> {
  const root = Buffer.from(top)
  const below = root.toString('latin1') === '/' ? root : Buffer.concat([root, Buffer.from('/')])
  const records: ListingRecord[] = []
  for await (const { path, hardLink, inode, ...entry } of walk) {
    const isTop = path.equals(root)
    if (!isTop && !path.subarray(0, below.length).equals(below)) continue
    const linkKey = hardLink && entry.type !== 'dir' ? `${hardLink.device}:${inode}` : undefined
    records.push({ ...entry, path: isTop ? Buffer.from('.') : path.subarray(below.length), linkKey })
  }
  return records
}

/** Reads a real directory, without following links: it and everything below it. Extended attributes need `getfattr`. */
export function digestTree(directory: string): ListingRecord[] {
  const root = Buffer.from(resolve(directory))
  const xattrs = xattrsBelow(resolve(directory))
  const records: ListingRecord[] = []
  const waiting = [Buffer.from('.')]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const isTop = path.toString('latin1') === '.'
    const full = isTop ? root : Buffer.concat([root, Buffer.from('/'), path])
    const stat = lstatSync(full, { bigint: true })
    const record = recordOf(path, full, stat, xattrs.get(full.toString('latin1')) ?? [])
    records.push(record)
    if (record.type !== 'dir') continue
    for (const name of readdirSync(full, { encoding: 'buffer' }))
      waiting.push(isTop ? name : Buffer.concat([path, Buffer.from('/'), name]))
  }
  return records
}

function recordOf(
  path: Buffer,
  full: Buffer,
  stat: BigIntStats,
  xattrs: ListingRecord['xattrs'],
): ListingRecord {
  const type = typeOf(stat)
  const nanoseconds = ((stat.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  return {
    path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === 'file' ? Number(stat.size) : 0,
    mtimeSec: (stat.mtimeNs - nanoseconds) / 1_000_000_000n,
    mtimeNsec: Number(nanoseconds),
    contentDigest: type === 'file' ? digestFile(full) : undefined,
    target: type === 'symlink' ? readlinkSync(full, { encoding: 'buffer' }) : undefined,
    device: type === 'char' || type === 'block' ? deviceOf(stat.rdev) : undefined,
    linkKey: type !== 'dir' && stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined,
    xattrs,
  }
}

function typeOf(stat: BigIntStats): IndependentType {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'dir'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isCharacterDevice()) return 'char'
  return stat.isBlockDevice() ? 'block' : 'socket'
}

/** Linux `dev_t`, as in `gnu_dev_major(3)`. */
function deviceOf(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)
  return { major: Number(major), minor: Number(minor) }
}

function digestFile(path: Buffer): string {
  const digest = createHash('sha256')
  const block = Buffer.alloc(1_048_576)
  const file = openSync(path, 'r')
  try {
    for (let count = readSync(file, block); count > 0; count = readSync(file, block))
      digest.update(block.subarray(0, count))
  } finally {
    closeSync(file)
  }
  return digest.digest('hex')
}

/** By full path, as latin1. Empty where `getfattr` is not installed. */
function xattrsBelow(directory: string): Map<string, { name: Buffer; value: Buffer }[]> {
  const found = new Map<string, { name: Buffer; value: Buffer }[]>()
  const options = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', directory]
  let output: string
  try {
    output = execFileSync('getfattr', options, {
      maxBuffer: 2 ** 30,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString('latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return found
    throw error
  }
  let current: { name: Buffer; value: Buffer }[] = []
  for (const line of output.split('\n')) {
    if (line.startsWith('# file: ')) {
      current = []
      found.set(unescapedOctal(line.slice(8)).toString('latin1'), current)
    } else if (line !== '') {
      const [name = '', value = '0x'] = line.split('=')
      current.push({ name: unescapedOctal(name), value: Buffer.from(value.slice(2), 'hex') })
    }
  }
  return found
}

const unescapedOctal = (text: string): Buffer =>
  Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    'latin1',
  )

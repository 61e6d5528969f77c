/** Directories for tests: seeded content, what lies in them to the nanosecond, and whether two are the same. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const MIB = 1_048_576

/** The same bytes for the same seed; nothing in them compresses or repeats. */
export function seededBytes(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(Math.ceil(bytes / 4) * 4)
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length / 4)
  let state = (seed * 2_654_435_761 + 88_675_123) >>> 0 || 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state >>> 0
  }
  return out.subarray(0, bytes)
}

/** Text of that length: compresses, and no two lines are the same. */
export function seededText(bytes: number, seed: number): Buffer {
  let text = ''
  for (let line = 0; text.length < bytes; line++)
    text += `line ${line} of the text of seed ${seed}, ${(line * 7919 + seed) % 10_007}\n`
  return Buffer.from(text.slice(0, bytes))
}

/** Writes files (paths below `root`), with the directories that they need. */
export function writeTree(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  mkdirSync(root, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
}

/** Writes a large file piece by piece; as text it compresses to about half. */
export function writeLarge(
  path: string,
  bytes: number,
  seed: number,
  kind: 'random' | 'text' = 'random',
): void {
  const fd = openSync(path, 'w')
  try {
    for (let at = 0; at < bytes; at += MIB) {
      const length = Math.min(MIB, bytes - at)
      const piece = seed + at / MIB
      if (kind === 'random') writeSync(fd, seededBytes(length, piece))
      else
        writeSync(
          fd,
          seededBytes(length / 2 + 1, piece)
            .toString('hex')
            .slice(0, length),
        )
    }
  } finally {
    closeSync(fd)
  }
}

export function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+')
  try {
    writeSync(fd, bytes, 0, bytes.length, at)
  } finally {
    closeSync(fd)
  }
}

/** What `rsync` would have to do to make `copy` the same as `original`: contents, links, owners, modes, ACLs, attributes. */
export function rsyncDifferences(original: string, copy: string): string[] {
  const output = execFileSync('rsync', ['-aHAXnic', '--delete', `${original}/`, `${copy}/`], {
    encoding: 'utf8',
    maxBuffer: 64 * MIB,
  })
  return output.split('\n').filter((line) => line !== '')
}

/** A line for each entry (names as Latin-1, so that every name has one): all that `lstat` knows and the content's hash. */
export function listing(root: string, options: { readonly without?: readonly BigIntField[] } = {}): string[] {
  const lines: string[] = []
  const links = new Map<bigint, string>()
  const visit = (path: Buffer, name: string): void => {
    const stat = lstatSync(path, { bigint: true })
    const isFile = stat.isFile()
    const fields = STAT_FIELDS.filter((field) => options.without?.includes(field) !== true)
    const known = fields.map((field) => `${field}=${field === 'size' && !isFile ? 0 : stat[field]}`)
    if (isFile) known.push(hashOf(path))
    if (stat.isSymbolicLink()) known.push(readlinkSync(path, 'latin1'))
    if (!stat.isDirectory() && stat.nlink > 1n) {
      const first = links.get(stat.ino)
      if (first === undefined) links.set(stat.ino, name)
      known.push(`same as ${first ?? 'itself'}`)
    }
    lines.push(`${name || '.'} ${known.join(' ')}`)
    if (!stat.isDirectory()) return
    const names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)
    for (const child of names) {
      visit(Buffer.concat([path, Buffer.from('/'), child]), `${name}/${child.toString('latin1')}`)
    }
  }
  visit(Buffer.from(root), '')
  return lines
}

type BigIntField = 'mode' | 'uid' | 'gid' | 'size' | 'mtimeNs' | 'rdev'
const STAT_FIELDS: readonly BigIntField[] = ['mode', 'uid', 'gid', 'size', 'mtimeNs', 'rdev']

function hashOf(path: Buffer): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)
}

/** Inode and ctime of every file: what shows whether anything was written. */
export function touched(root: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const stat = lstatSync(path, { bigint: true })
    found.set(path.slice(root.length + 1), `${stat.ino} ${stat.ctimeNs}`)
  }
  return found
}

/** Bytes of all files below `root`, which may be in use and may not be there yet. */
export function bytesBelow(root: string): number {
  if (!existsSync(root)) return 0
  const sizes = filesBelow(root).map((path) => lstatSync(path, { throwIfNoEntry: false })?.size ?? 0)
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** All files below `root`, sorted. */
export function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

export function statNs(path: string): BigIntStats {
  return lstatSync(path, { bigint: true })
}

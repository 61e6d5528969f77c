/**
 * `FileStat` out of what the system answers: the buffer of `statx` on Linux, Node's own record elsewhere. Makes no call.
 */
import type { BigIntStats } from 'node:fs'
import type { EntryType, FileStat } from '../model/files.ts'

export const STATX_BYTES = 256
const BLOCK_BYTES = 512
const TWO_32 = 0x1_0000_0000
const NANOSECONDS = 1_000_000_000n

/** File type bits of a mode, shifted right by 12. */
const TYPES: readonly (EntryType | undefined)[] = [
  undefined,
  'fifo',
  'char',
  undefined,
  'dir',
  undefined,
  'block',
  undefined,
  'file',
  undefined,
  'symlink',
  undefined,
  'socket',
]

/** An unknown type is something that cannot be read as a file, so it counts as a socket, which is recorded and not read. */
function typeOf(mode: number): EntryType {
  return TYPES[(mode >> 12) & 15] ?? 'socket'
}

/** A 64-bit inode number within 2^53: small ones as they are; the top bits of larger ones are folded onto each other, so that neighbours stay apart. */
function foldInode(low: number, high: number): number {
  return ((high ^ (high >>> 21)) & 0x1f_ffff) * TWO_32 + low
}

function deviceNumber(major: number, minor: number): number {
  return major * TWO_32 + minor
}

/**
 * Reads `struct statx` (linux/stat.h) from 32-bit words, little-endian; the times are signed:
 * 4 nlink, 5 uid, 6 gid, 7 mode, 8 ino, 10 size, 12 blocks, 24 ctime, 28 mtime, 32 rdev, 34 dev.
 */
export function statFromStatx(words: Uint32Array): FileStat {
  const word = (index: number) => words[index] ?? 0
  const mode = word(7) & 0xffff
  const type = typeOf(mode)
  const sized = type === 'file' || type === 'symlink'
  return {
    type,
    mode: mode & 0o7777,
    uid: word(5),
    gid: word(6),
    size: sized ? word(11) * TWO_32 + word(10) : 0,
    allocated: (word(13) * TWO_32 + word(12)) * BLOCK_BYTES,
    links: word(4),
    inode: foldInode(word(8), word(9)),
    device: deviceNumber(word(34), word(35)),
    rdevMajor: word(32),
    rdevMinor: word(33),
    mtimeSec: (word(29) | 0) * TWO_32 + word(28),
    mtimeNsec: word(30),
    ctimeSec: (word(25) | 0) * TWO_32 + word(24),
    ctimeNsec: word(26),
  }
}

export function statFromNode(stat: BigIntStats): FileStat {
  const mode = Number(stat.mode)
  const type = typeOf(mode)
  const sized = type === 'file' || type === 'symlink'
  const special = type === 'char' || type === 'block'
  const mtime = splitNanoseconds(stat.mtimeNs)
  const ctime = splitNanoseconds(stat.ctimeNs)
  return {
    type,
    mode: mode & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: sized ? Number(stat.size) : 0,
    allocated: Number(stat.blocks) * BLOCK_BYTES,
    links: Number(stat.nlink),
    inode: foldInode(Number(stat.ino & 0xffff_ffffn), Number(BigInt.asUintN(64, stat.ino) >> 32n)),
    device: deviceNumber(majorOf(stat.dev), minorOf(stat.dev)),
    rdevMajor: special ? majorOf(stat.rdev) : 0,
    rdevMinor: special ? minorOf(stat.rdev) : 0,
    mtimeSec: mtime.seconds,
    mtimeNsec: mtime.nanoseconds,
    ctimeSec: ctime.seconds,
    ctimeNsec: ctime.nanoseconds,
  }
}

function splitNanoseconds(total: bigint): { seconds: number; nanoseconds: number } {
  const remainder = ((total % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  return { seconds: Number((total - remainder) / NANOSECONDS), nanoseconds: Number(remainder) }
}

/** `makedev` of glibc and musl; macOS has 8 bits of major above 24 of minor. */
function majorOf(device: bigint): number {
  if (process.platform === 'darwin') return Number((device >> 24n) & 0xffn)
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n))
}

function minorOf(device: bigint): number {
  if (process.platform === 'darwin') return Number(device & 0xff_ffffn)
  return Number((device & 0xffn) | ((device >> 12n) & 0xffff_ff00n))
}

/** Lists a snapshot's entries: as `ls -l` for people, as restic's NDJSON for programs. One entry at a time, so that memory is bounded. */

import { rfc3339 } from '../../base/timestamp.ts'
import type { EntryType } from '../../model/files.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { type ListedSnapshot, snapshotJson } from './snapshots.ts'

export type ListedEntry = {
  /** From the root of the snapshot, beginning with `/`. */
  readonly path: string
  readonly type: EntryType
  /** 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly user?: string | undefined
  readonly group?: string | undefined
  readonly size: number
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly ctimeSec: number
  readonly ctimeNsec: number
  readonly inode: number
  readonly linkTarget?: string | undefined
  readonly major?: number | undefined
  readonly minor?: number | undefined
}

const TYPE_LETTERS: Readonly<Record<EntryType, string>> = {
  file: '-',
  dir: 'd',
  symlink: 'l',
  fifo: 'p',
  char: 'c',
  block: 'b',
  socket: 's',
}

/** What restic calls them. */
export const RESTIC_TYPES: Readonly<Record<EntryType, string>> = {
  file: 'file',
  dir: 'dir',
  symlink: 'symlink',
  fifo: 'fifo',
  char: 'chardev',
  block: 'dev',
  socket: 'socket',
}

const SETUID = 0o4000
const SETGID = 0o2000
const STICKY = 0o1000

/** `drwxr-sr-t`, as `ls` shows it. */
export function permissions(type: EntryType, mode: number): string {
  const triple = (shift: number, special: number, letter: string): string => {
    const bits = mode >> shift
    const execute = (bits & 1) !== 0
    const last = (mode & special) !== 0 ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-'
    return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${last}`
  }
  return TYPE_LETTERS[type] + triple(6, SETUID, 's') + triple(3, SETGID, 's') + triple(0, STICKY, 't')
}

const OWNER_COLUMNS = 8
const SIZE_COLUMNS = 12

/** One line, or the bare path without `long`. */
export function renderEntry(entry: ListedEntry, long: boolean, timeZone?: string): string {
  const path = safeText(entry.path)
  if (!long) return `${path}\n`
  const owner = safeText(entry.user ?? String(entry.uid)).padEnd(OWNER_COLUMNS)
  const group = safeText(entry.group ?? String(entry.gid)).padEnd(OWNER_COLUMNS)
  const device = entry.type === 'char' || entry.type === 'block'
  const size = device ? `${entry.major ?? 0}, ${entry.minor ?? 0}` : String(entry.size)
  const time = formatLocalTime(entry.mtimeSec * 1000, timeZone)
  const link = entry.linkTarget === undefined ? '' : ` -> ${safeText(entry.linkTarget)}`
  return `${permissions(entry.type, entry.mode)} ${owner} ${group} ${size.padStart(SIZE_COLUMNS)} ${time} ${path}${link}\n`
}

/** The line before the entries. */
export function renderLsHeadJson(snapshot: ListedSnapshot): string {
  return jsonLine({ message_type: 'snapshot', struct_type: 'snapshot', ...snapshotJson(snapshot) })
}

/** `mode` is Go's `FileMode`, as in restic; the POSIX bits are in `permissions`. */
export function renderEntryJson(entry: ListedEntry): string {
  return jsonLine({
    message_type: 'node',
    struct_type: 'node',
    name: entry.path.slice(entry.path.lastIndexOf('/') + 1),
    type: RESTIC_TYPES[entry.type],
    ...jsonPath(entry.path),
    uid: entry.uid,
    gid: entry.gid,
    user: entry.user,
    group: entry.group,
    ...(entry.type === 'file' ? { size: entry.size } : {}),
    mode: goFileMode(entry.type, entry.mode),
    permissions: permissions(entry.type, entry.mode),
    mtime: rfc3339(entry.mtimeSec, entry.mtimeNsec),
    ctime: rfc3339(entry.ctimeSec, entry.ctimeNsec),
    inode: entry.inode,
    ...linkTargetJson(entry.linkTarget),
  })
}

function linkTargetJson(target: string | undefined): object {
  if (target === undefined) return {}
  const { path, path_b64 } = jsonPath(target)
  return { linktarget: path, ...(path_b64 === undefined ? {} : { linktarget_b64: path_b64 }) }
}

/** Bits of Go's io/fs.FileMode. */
const GO_TYPE_BITS: Readonly<Record<EntryType, number>> = {
  file: 0,
  dir: 2 ** 31,
  symlink: 2 ** 27,
  fifo: 2 ** 25,
  char: 2 ** 26 + 2 ** 21,
  block: 2 ** 26,
  socket: 2 ** 24,
}

/** Go's `FileMode` for a type and 12 bits. */
export function goFileMode(type: EntryType, mode: number): number {
  const special =
    ((mode & SETUID) !== 0 ? 2 ** 23 : 0) +
    ((mode & SETGID) !== 0 ? 2 ** 22 : 0) +
    ((mode & STICKY) !== 0 ? 2 ** 20 : 0)
  return GO_TYPE_BITS[type] + special + (mode & 0o777)
}

/** What an encoded entry says, read from its fixed fields without decoding it: whether it still describes what `lstat` finds. */
import type { FileStat } from '../model/files.ts'
import { ENTRY_AT, FLAG_CONTENT, FLAG_UNREADABLE, isDirectoryEntry } from './entry.ts'

const TYPE_FILE = 1
const FLAG_CHANGED = 32
const HIGH = 0x1_0000_0000

/**
 * True for a file whose size, times (mtime and ctime, to the nanosecond), inode, owner and mode are those of
 * the entry, and which was read whole and at rest the last time: its content and xattrs are taken to be the same.
 */
export function isSameFile(entry: Uint8Array, stat: FileStat): boolean {
  return isSameFileAt(new DataView(entry.buffer, entry.byteOffset, ENTRY_AT.name), 0, stat)
}

/** The same of an entry that begins at `at`. */
export function isSameFileAt(view: DataView, at: number, stat: FileStat): boolean {
  return (
    view.getUint8(at + ENTRY_AT.type) === TYPE_FILE &&
    (view.getUint8(at + ENTRY_AT.flags) & (FLAG_UNREADABLE | FLAG_CHANGED)) === 0 &&
    stat.type === 'file' &&
    unsigned(view, at + ENTRY_AT.size) === stat.size &&
    hasSameStat(view, at, stat)
  )
}

/**
 * The encoded content of a directory whose entry holds nothing but that and a stat (no xattrs, nothing that could not be read), if the stat
 * is the same: the entry of what is there now, with this content, is this entry. `undefined` where it is not, or holds more.
 */
export function contentOfSameDirectory(entry: Uint8Array, stat: FileStat): Uint8Array | undefined {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  const isSame =
    isDirectoryEntry(entry) &&
    view.getUint8(ENTRY_AT.flags) === FLAG_CONTENT &&
    stat.type === 'dir' &&
    unsigned(view, ENTRY_AT.size) === 0 &&
    hasSameStat(view, 0, stat)
  return isSame ? entry.subarray(ENTRY_AT.name + view.getUint16(ENTRY_AT.nameLength, true)) : undefined
}

function hasSameStat(view: DataView, at: number, stat: FileStat): boolean {
  return (
    view.getUint32(at + ENTRY_AT.mtimeNsec, true) === stat.mtimeNsec &&
    view.getUint32(at + ENTRY_AT.ctimeNsec, true) === stat.ctimeNsec &&
    signed(view, at + ENTRY_AT.mtimeSec) === stat.mtimeSec &&
    signed(view, at + ENTRY_AT.ctimeSec) === stat.ctimeSec &&
    unsigned(view, at + ENTRY_AT.inode) === stat.inode &&
    view.getUint16(at + ENTRY_AT.mode, true) === stat.mode &&
    view.getUint32(at + ENTRY_AT.uid, true) === stat.uid &&
    view.getUint32(at + ENTRY_AT.gid, true) === stat.gid
  )
}

/** Bytes of a file by its encoded entry; `undefined` for anything else. */
export function fileBytesOf(entry: Uint8Array): number | undefined {
  const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_AT.name)
  return view.getUint8(ENTRY_AT.type) === TYPE_FILE ? unsigned(view, ENTRY_AT.size) : undefined
}

function unsigned(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * HIGH + view.getUint32(at, true)
}

function signed(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * HIGH + view.getUint32(at, true)
}

/**
 * Extended attributes through libc, of an open file or of a path (a symlink's own). Attributes that may not be
 * read are left out; file systems without attributes have none.
 */
import { compareNames, nameFromBytes } from '../base/names.ts'
import type { Xattr } from '../model/files.ts'
import { type CText, cPath, type Libc } from './libc.ts'
import { systemCode } from './system-error.ts'

/** The kernel's own limit for a list and for a value (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
const XATTR_BUFFER_BYTES = 65_536

/** A descriptor, or a path with what to call it in errors. */
export type XattrPlace = number | CText

export type PosixXattrs = {
  /** Sorted by name. */
  read(place: XattrPlace, shown: string): Xattr[]
  has(place: XattrPlace, name: string): boolean
  set(place: XattrPlace, shown: string, name: string, value: Uint8Array): void
  remove(place: XattrPlace, shown: string, name: string): void
}

export function createPosixXattrs(libc: Libc): PosixXattrs {
  const buffer = Buffer.allocUnsafeSlow(XATTR_BUFFER_BYTES)

  function value(place: XattrPlace, name: CText): number {
    return typeof place === 'number'
      ? libc.fgetxattr(place, name, buffer, XATTR_BUFFER_BYTES)
      : libc.lgetxattr(place, name, buffer, XATTR_BUFFER_BYTES)
  }

  return {
    read(place, shown) {
      const bytes =
        typeof place === 'number'
          ? libc.flistxattr(place, buffer, XATTR_BUFFER_BYTES)
          : libc.llistxattr(place, buffer, XATTR_BUFFER_BYTES)
      if (bytes === 0) return []
      if (bytes < 0) {
        const error = libc.failure('listxattr', shown)
        if (isUnsupported(error)) return []
        throw error
      }
      const xattrs: Xattr[] = []
      for (const name of splitNames(Buffer.from(buffer.subarray(0, bytes)))) {
        const length = value(place, cPath(name))
        if (length >= 0) xattrs.push({ name, value: Uint8Array.prototype.slice.call(buffer, 0, length) })
      }
      return xattrs.sort((a, b) => compareNames(a.name, b.name))
    },

    has(place, name) {
      return value(place, name) >= 0
    },

    set(place, shown, name, bytes) {
      const result =
        typeof place === 'number'
          ? libc.fsetxattr(place, cPath(name), bytes, bytes.length, 0)
          : libc.lsetxattr(place, cPath(name), bytes, bytes.length, 0)
      if (result < 0) throw libc.failure('setxattr', shown)
    },

    remove(place, shown, name) {
      const result =
        typeof place === 'number'
          ? libc.fremovexattr(place, cPath(name))
          : libc.lremovexattr(place, cPath(name))
      if (result < 0) throw libc.failure('removexattr', shown)
    },
  }
}

function isUnsupported(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS'
}

function splitNames(list: Buffer): string[] {
  const names: string[] = []
  for (let from = 0; from < list.length; ) {
    const found = list.indexOf(0, from)
    const end = found < 0 ? list.length : found
    names.push(nameFromBytes(list.subarray(from, end)))
    from = end + 1
  }
  return names
}

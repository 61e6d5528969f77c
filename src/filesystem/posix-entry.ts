/**
 * `OpenEntry` on Linux: over a descriptor that is open anyway, or over an `O_PATH` descriptor for what cannot or must
 * not be opened (symlinks, FIFOs, devices).
 */
import { constants } from 'node:fs'
import type { FileStat, Xattr } from '../model/files.ts'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, cPath, type Libc, O_CLOEXEC } from './libc.ts'
import type { PosixXattrs } from './posix-xattrs.ts'
import type { OpenEntry } from './system-calls.ts'

const O_PATH = 0o10000000
/** In `tv_nsec`: leave this time as it is (linux/stat.h). */
const UTIME_OMIT = 0x3fff_fffe
const TWO_32 = 0x1_0000_0000

/** Two `struct timespec`: access time, which stays, and modification time. */
const timeWords = new Int32Array(8)
const timeBytes = new Uint8Array(timeWords.buffer)

function timespecs(seconds: number, nanoseconds: number): Uint8Array {
  timeWords[2] = UTIME_OMIT
  timeWords[4] = seconds % TWO_32
  timeWords[5] = Math.floor(seconds / TWO_32)
  timeWords[6] = nanoseconds
  return timeBytes
}

/** A class, not closures: one is made for every restored file, and objects of one shape are what the engine is quick with. */
class DescriptorEntry implements OpenEntry {
  readonly #libc: Libc
  readonly #xattrs: PosixXattrs
  readonly #fstat: (fd: number) => FileStat
  readonly #fd: number

  constructor(libc: Libc, xattrs: PosixXattrs, fstat: (fd: number) => FileStat, fd: number) {
    this.#libc = libc
    this.#xattrs = xattrs
    this.#fstat = fstat
    this.#fd = fd
  }

  stat(): FileStat {
    return this.#fstat(this.#fd)
  }

  chown(uid: number, gid: number): void {
    this.#check(this.#libc.fchownat(this.#fd, '', uid, gid, AT_EMPTY_PATH), 'chown')
  }

  chmod(mode: number): void {
    this.#check(this.#libc.fchmod(this.#fd, mode), 'chmod')
  }

  setMtime(seconds: number, nanoseconds: number): void {
    this.#check(this.#libc.futimens(this.#fd, timespecs(seconds, nanoseconds)), 'utimens')
  }

  xattrs(): Xattr[] {
    return this.#xattrs.read(this.#fd, this.#shown)
  }

  hasXattr(name: string): boolean {
    return this.#xattrs.has(this.#fd, name)
  }

  setXattr(name: string, value: Uint8Array): void {
    this.#xattrs.set(this.#fd, this.#shown, name, value)
  }

  removeXattr(name: string): void {
    this.#xattrs.remove(this.#fd, this.#shown, name)
  }

  [Symbol.dispose](): void {}

  get #shown(): string {
    return `fd ${this.#fd}`
  }

  #check(result: number, syscall: string): void {
    if (result < 0) throw this.#libc.failure(syscall, this.#shown)
  }
}

export function descriptorEntry(
  libc: Libc,
  xattrs: PosixXattrs,
  fstat: (fd: number) => FileStat,
  fd: number,
): OpenEntry {
  return new DescriptorEntry(libc, xattrs, fstat, fd)
}

export function namedEntry(
  libc: Libc,
  xattrs: PosixXattrs,
  fstat: (fd: number) => FileStat,
  dir: number,
  name: string,
): OpenEntry {
  const text = cPath(name)
  const fd = libc.openat(dir, text, O_PATH | constants.O_NOFOLLOW | O_CLOEXEC, 0)
  if (fd < 0) throw libc.failure('open', name)
  // xattr calls take no O_PATH descriptor, and its /proc path would be a symlink to them.
  const place = () => cPath(`/proc/self/fd/${dir}/${name}`)
  return {
    stat: () => fstat(fd),
    chown(uid, gid) {
      if (libc.fchownat(fd, '', uid, gid, AT_EMPTY_PATH) < 0) throw libc.failure('chown', name)
    },
    chmod(mode) {
      if (libc.chmod(`/proc/self/fd/${fd}`, mode) < 0) throw libc.failure('chmod', name)
    },
    setMtime(seconds, nanoseconds) {
      const times = timespecs(seconds, nanoseconds)
      if (libc.utimensat(dir, text, times, AT_SYMLINK_NOFOLLOW) < 0) throw libc.failure('utimens', name)
    },
    xattrs: () => xattrs.read(place(), name),
    hasXattr: (attribute) => xattrs.has(place(), attribute),
    setXattr: (attribute, value) => xattrs.set(place(), name, attribute, value),
    removeXattr: (attribute) => xattrs.remove(place(), name, attribute),
    [Symbol.dispose]() {
      libc.close(fd)
    },
  }
}

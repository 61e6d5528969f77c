/**
 * The C library's functions that Node does not offer, declared for koffi; the only module that knows koffi. Linux on
 * x64 and arm64, where the signatures and constants below hold. Every function returns -1 on failure.
 */
import { createRequire } from 'node:module'
import { isWellFormed, terminatedNameBytes } from '../base/names.ts'
import { type SystemError, systemError } from './system-error.ts'

/** linux/fcntl.h; the same on x64 and arm64. */
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_EMPTY_PATH = 0x1000
export const O_CLOEXEC = 0o2000000
const EINVAL = 22

/** A path or name: a string of valid Unicode, or bytes that end with NUL. */
export type CText = string | Uint8Array

/** What C takes for `path`. `EINVAL` for a NUL, which would cut it short. */
export function cPath(path: string): CText {
  if (path.includes('\0')) throw systemError(EINVAL, 'path', path)
  return isWellFormed(path) ? path : terminatedNameBytes(path)
}

type Declared = {
  statx(dir: number, path: CText, flags: number, mask: number, into: Uint8Array): number
  openat(dir: number, path: CText, flags: number, mode: number): number
  close(fd: number): number
  /** 64-bit offsets; the result is a number within 2^53. */
  lseek(fd: number, offset: number, whence: number): number
  mkdirat(dir: number, path: CText, mode: number): number
  mknodat(dir: number, path: CText, mode: number, device: number): number
  unlinkat(dir: number, path: CText, flags: number): number
  renameat(fromDir: number, from: CText, toDir: number, to: CText): number
  linkat(fromDir: number, from: CText, toDir: number, to: CText, flags: number): number
  symlinkat(target: CText, dir: number, path: CText): number
  readlinkat(dir: number, path: CText, into: Uint8Array, bytes: number): number
  fchownat(dir: number, path: CText, uid: number, gid: number, flags: number): number
  fchmod(fd: number, mode: number): number
  chmod(path: CText, mode: number): number
  futimens(fd: number, times: Uint8Array): number
  utimensat(dir: number, path: CText, times: Uint8Array, flags: number): number
  getdents64(fd: number, into: Uint8Array, bytes: number): number
  llistxattr(path: CText, into: Uint8Array, bytes: number): number
  flistxattr(fd: number, into: Uint8Array, bytes: number): number
  lgetxattr(path: CText, name: CText, into: Uint8Array, bytes: number): number
  fgetxattr(fd: number, name: CText, into: Uint8Array, bytes: number): number
  lsetxattr(path: CText, name: CText, value: Uint8Array, bytes: number, flags: number): number
  fsetxattr(fd: number, name: CText, value: Uint8Array, bytes: number, flags: number): number
  lremovexattr(path: CText, name: CText): number
  socket(domain: number, type: number, protocol: number): number
  /** The address is a `sockaddr_un`. */
  sendto(
    fd: number,
    data: Uint8Array,
    bytes: number,
    flags: number,
    address: Uint8Array,
    addressBytes: number,
  ): number
  fremovexattr(fd: number, name: CText): number
}

export type Libc = Declared & {
  /** The error of the call that has just failed on this thread. */
  failure(syscall: string, path: string): SystemError
  /** The error number of the call that has just failed on this thread. */
  errno(): number
}

/** `openat` is variadic in C; on these two platforms an integer is passed in the same way. */
const DECLARATIONS: Readonly<Record<keyof Declared, string>> = {
  statx: 'int statx(int, const char *, int, unsigned int, void *)',
  openat: 'int openat(int, const char *, int, unsigned int)',
  close: 'int close(int)',
  lseek: 'int64_t lseek(int, int64_t, int)',
  mkdirat: 'int mkdirat(int, const char *, unsigned int)',
  mknodat: 'int mknodat(int, const char *, unsigned int, uint64_t)',
  unlinkat: 'int unlinkat(int, const char *, int)',
  renameat: 'int renameat(int, const char *, int, const char *)',
  linkat: 'int linkat(int, const char *, int, const char *, int)',
  symlinkat: 'int symlinkat(const char *, int, const char *)',
  readlinkat: 'int64_t readlinkat(int, const char *, void *, size_t)',
  fchownat: 'int fchownat(int, const char *, unsigned int, unsigned int, int)',
  fchmod: 'int fchmod(int, unsigned int)',
  chmod: 'int chmod(const char *, unsigned int)',
  futimens: 'int futimens(int, const void *)',
  utimensat: 'int utimensat(int, const char *, const void *, int)',
  getdents64: 'int64_t getdents64(int, void *, size_t)',
  llistxattr: 'int64_t llistxattr(const char *, void *, size_t)',
  flistxattr: 'int64_t flistxattr(int, void *, size_t)',
  lgetxattr: 'int64_t lgetxattr(const char *, const char *, void *, size_t)',
  fgetxattr: 'int64_t fgetxattr(int, const char *, void *, size_t)',
  lsetxattr: 'int lsetxattr(const char *, const char *, const void *, size_t, int)',
  fsetxattr: 'int fsetxattr(int, const char *, const void *, size_t, int)',
  lremovexattr: 'int lremovexattr(const char *, const char *)',
  socket: 'int socket(int, int, int)',
  sendto: 'int64_t sendto(int, const void *, size_t, int, const void *, unsigned int)',
  fremovexattr: 'int fremovexattr(int, const char *)',
}

type Koffi = typeof import('koffi')

/** `undefined` on another platform, where koffi does not load, or where the C library lacks a function. */
export function loadLibc(): Libc | undefined {
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) return undefined
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    const library = koffi.load(null)
    const declared = Object.fromEntries(
      Object.entries(DECLARATIONS).map(([name, declaration]) => [name, library.func(declaration)]),
    ) as unknown as Declared
    const errno = () => koffi.errno()
    return { ...declared, errno, failure: (syscall, path) => systemError(errno(), syscall, path) }
  } catch {
    return undefined
  }
}

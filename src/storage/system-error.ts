/** What the system's error numbers mean for a repository on a local file system. Knows no verbs and no keys. */
import { systemCode } from '../filesystem/system-error.ts'
import { messageOf, SnapError } from '../model/errors.ts'

/** What the system calls its errors, or the number of one that has no name here; never a mistake of ours (`ERR_INVALID_ARG_TYPE`). */
const ERRNO = /^(?:E[A-Z0-9]+|ERRNO_\d+)$/
/** A disk, or the file system's own checks, say that what is stored cannot be had. */
const UNREADABLE: ReadonlySet<string | undefined> = new Set([
  'EIO',
  'EUCLEAN',
  'EBADMSG',
  'EREMOTEIO',
  'ENODATA',
])

/** The system's name of the error (`ENOENT` ...); `undefined` for what no system call threw. */
export function errnoOf(error: unknown): string | undefined {
  const given = error instanceof Error && 'code' in error ? String(error.code) : ''
  const code = ERRNO.test(given) ? given : systemCode(error)
  return ERRNO.test(code) ? code : undefined
}

/** Whether the disk has not got what it should have. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(errnoOf(error))
}

/** The error to throw for `error`, which happened while the bytes of an object were read: what lies on a bad sector is damaged. */
export function objectError(error: unknown, key: string): unknown {
  if (!isUnreadable(error)) return error
  return new SnapError('OBJECT_DAMAGED', `${key} cannot be read: ${messageOf(error)}`, {
    hint: 'The disk reports errors: look at the system log. `snap verify --data` names what is affected; copy the repository to another disk before you repair it.',
    cause: error,
  })
}

/** True where the path, or a directory on the way to it, does not exist. */
export function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}

/** The error to throw for `error`, which happened while we tried to `action` (`store log/7 in /backup`); our own mistakes stay as they are. */
export function storageError(error: unknown, action: string): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new SnapError(
      'REPOSITORY_FULL',
      `cannot ${action}: ${errno === 'EDQUOT' ? 'the quota is used up' : 'no space is left'}`,
      {
        hint: 'Earlier snapshots are unharmed. Free space there or raise the limit, then run the command again.',
        cause: error,
      },
    )
  }
  return new SnapError('STORAGE_FAILED', `cannot ${action}: ${messageOf(error)}`, {
    ...hintOf(errno),
    cause: error,
  })
}

function hintOf(errno: string): { hint?: string } {
  switch (errno) {
    case 'EACCES':
    case 'EPERM':
      return { hint: 'Give this user read and write permission to the repository directory and all in it.' }
    case 'EROFS':
      return { hint: 'The file system is mounted read-only: mount it for writing.' }
    case 'ENOENT':
    case 'ENOTDIR':
      return { hint: 'The repository directory is gone or incomplete: is its file system mounted?' }
    case 'EIO':
      return { hint: 'The disk reports errors: look at the system log, and replace it if it fails.' }
    case 'EXDEV':
      return { hint: 'All directories of a repository must lie on one file system.' }
    default:
      return {}
  }
}

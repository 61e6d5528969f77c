/** What the system's error numbers mean for a repository on a local file system. Knows no verbs and no keys. */
import { messageOf, SnapError } from '../model/errors.ts'

const ERRNO = /^E[A-Z0-9]+$/

/** The system's name of the error (`ENOENT` ...); `undefined` for what no system call threw. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return ERRNO.test(error.code) ? error.code : undefined
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

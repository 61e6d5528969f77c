/**
 * The one error class for everything that a user, a disk, a network or a hostile repository can cause.
 * Our own mistakes are assertions (`base/assert.ts`) and are never caught.
 */

/** Every code has a heading in `docs/errors.md`; a test holds the two equal. */
export const ERROR_CODES = [
  'USAGE', // the command line or the configuration cannot be understood
  'TIME_UNPARSABLE', // a moment that we could not read
  'REPOSITORY_MISSING', // nothing, or no repository, at that place
  'REPOSITORY_EXISTS', // `init` found one already
  'REPOSITORY_TOO_NEW', // written by a newer format than this program reads
  'REPOSITORY_ROLLED_BACK', // the log does not extend the head that this client has seen
  'REPOSITORY_FULL', // the storage has no space or quota left
  'STORAGE_FAILED', // the storage answered with an error
  'OBJECT_MISSING', // an object that must exist does not
  'OBJECT_DAMAGED', // an object does not authenticate or decode
  'LIMIT_EXCEEDED', // a stored value lies outside the format's limits
  'KEY_WRONG', // no slot opens with the given password or key file
  'KEY_MISSING', // no password or key file was given
  'KEY_UNKNOWN', // no key, or more than one, has an id that begins so
  'KEY_UNWRITABLE', // the file for a new key is there already, or cannot be written
  'KEY_IN_USE', // the last slot, or the one in use, cannot be removed
  'SNAPSHOT_UNKNOWN', // no snapshot matches
  'SNAPSHOT_AMBIGUOUS', // several match
  'SNAPSHOT_KEPT', // held, or the last complete one of its series: it is not forgotten
  'PATH_UNKNOWN', // the snapshot has no such path
  'SOURCE_UNREADABLE', // a source path is missing or cannot be read
  'SOURCE_CONTAINS_REPOSITORY', // a source is the repository or its cache, or lies inside one
  'TARGET_UNWRITABLE', // the restore target cannot be written
  'TARGET_UNSAFE', // writing there would leave the target (a planted link)
  'TARGET_OCCUPIED', // something of another kind stands in the place of an entry, and stays
  'TARGET_FULL', // the target's disk is full
  'MANIFEST_FAILED', // the local database cannot be used
  'SQLITE_UNSAFE', // this SQLite version is known to corrupt
  'PLATFORM_LACKS', // this platform cannot do it
  'WAL_MISSING', // the archive does certainly not have it
  'WAL_CONFLICT', // another file of that name is archived
  'HOOK_FAILED', // a command around an operation failed
  'DRILL_FAILED', // what a drill restored is not as it should be
  'JOB_RUNNING', // a run of the job is under way
  'TIME_LIMIT', // a job took longer than it may
  'STATE_FAILED', // the history of runs cannot be used
  'RUN_UNKNOWN', // no run has an id that begins so
  'UNHEALTHY', // something is stale or critical
  'CHANNEL_FAILED', // a channel that tells people does not work
  'INCOMPLETE', // finished, but not everything could be read or written
  'INTERRUPTED', // a signal ended it
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export type SnapErrorDetails = {
  /** What the user can do about it: one sentence. */
  readonly hint?: string
  readonly cause?: unknown
  /** What else is wrong, where several things are found at once: a sentence each, as `message`. */
  readonly also?: readonly string[]
}

/** `message` says what happened and to what; `hint` what to do; `cause` keeps the system's own error. */
export class SnapError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly also: readonly string[]

  constructor(code: ErrorCode, message: string, details: SnapErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'SnapError'
    this.code = code
    this.hint = details.hint
    this.also = details.also ?? []
  }
}

/** What a caught value says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** True where `error` is a `SnapError` with one of `codes`. Catch codes, never "an error". */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is SnapError {
  return error instanceof SnapError && codes.includes(error.code)
}

/** What `decode` gives, or nothing where the stored bytes that it reads are damaged or beyond a limit. */
export function unlessDamaged<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) return undefined
    throw error
  }
}

/**
 * The one place that turns an error into an exit status and into words: a message and a hint for people, restic's
 * `exit_error` line for programs. It writes nothing itself.
 */
import { AssertionError } from '../../base/assert.ts'
import { type ErrorCode, hasCode, messageOf, SnapError } from '../../model/errors.ts'
import { jsonLine } from './json-lines.ts'
import { jsonText, safeText } from './safe-text.ts'

export const EXIT_OK = 0
const EXIT_FAILED = 1
const EXIT_USAGE = 2
const EXIT_INCOMPLETE = 3
const EXIT_INTEGRITY = 4
const EXIT_UNHEALTHY = 5
const EXIT_NO_REPOSITORY = 10
const EXIT_RUNNING = 11
const EXIT_KEY = 12
const EXIT_INTERRUPTED = 130
/**
 * Of `snap wal fetch`, for whatever leaves open whether the archive has the file: PostgreSQL takes 1 to 125 for "there is no more WAL",
 * ends its recovery there and would lose what was committed after; above 125 it stops, and can be started again.
 */
export const EXIT_FETCH_FAILED = 200
/** As a shell shows one that SIGPIPE has ended: what was not done yet is not done, so it is no success. */
export const EXIT_CLOSED_PIPE = 141

/** Every code has its status; `docs/errors.md` says the same, and a test holds the two together. */
export const EXIT_STATUS: Readonly<Record<ErrorCode, number>> = {
  USAGE: EXIT_USAGE,
  TIME_UNPARSABLE: EXIT_USAGE,
  REPOSITORY_MISSING: EXIT_NO_REPOSITORY,
  REPOSITORY_EXISTS: EXIT_FAILED,
  REPOSITORY_TOO_NEW: EXIT_FAILED,
  REPOSITORY_ROLLED_BACK: EXIT_INTEGRITY,
  REPOSITORY_FULL: EXIT_FAILED,
  STORAGE_FAILED: EXIT_FAILED,
  OBJECT_MISSING: EXIT_INTEGRITY,
  OBJECT_DAMAGED: EXIT_INTEGRITY,
  LIMIT_EXCEEDED: EXIT_INTEGRITY,
  KEY_WRONG: EXIT_KEY,
  KEY_MISSING: EXIT_KEY,
  KEY_UNKNOWN: EXIT_FAILED,
  KEY_UNWRITABLE: EXIT_FAILED,
  KEY_IN_USE: EXIT_FAILED,
  SNAPSHOT_UNKNOWN: EXIT_FAILED,
  SNAPSHOT_AMBIGUOUS: EXIT_FAILED,
  SNAPSHOT_KEPT: EXIT_FAILED,
  PATH_UNKNOWN: EXIT_FAILED,
  SOURCE_UNREADABLE: EXIT_FAILED,
  SOURCE_CONTAINS_REPOSITORY: EXIT_FAILED,
  TARGET_UNWRITABLE: EXIT_FAILED,
  TARGET_UNSAFE: EXIT_FAILED,
  TARGET_OCCUPIED: EXIT_FAILED,
  TARGET_FULL: EXIT_FAILED,
  MANIFEST_FAILED: EXIT_FAILED,
  SQLITE_UNSAFE: EXIT_FAILED,
  PLATFORM_LACKS: EXIT_FAILED,
  WAL_MISSING: EXIT_FAILED,
  WAL_CONFLICT: EXIT_FAILED,
  HOOK_FAILED: EXIT_FAILED,
  DRILL_FAILED: EXIT_FAILED,
  JOB_RUNNING: EXIT_RUNNING,
  TIME_LIMIT: EXIT_FAILED,
  STATE_FAILED: EXIT_FAILED,
  RUN_UNKNOWN: EXIT_FAILED,
  UNHEALTHY: EXIT_UNHEALTHY,
  CHANNEL_FAILED: EXIT_FAILED,
  INCOMPLETE: EXIT_INCOMPLETE,
  INTERRUPTED: EXIT_INTERRUPTED,
}

const CAUSES_MAX = 8

const MEND =
  '`snap verify --data` names what is affected, `snap repair` mends what can be mended; a copy of the repository may have the object whole.'

/** For errors that come from deep below with no hint of their own. */
const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = { OBJECT_MISSING: MEND, OBJECT_DAMAGED: MEND }

export type ErrorOutput = {
  readonly json: boolean
  /** From 1 up, the chain of causes is shown. */
  readonly verbosity: number
  /** The command line is one of `snap wal fetch`, however little of it can be understood. */
  readonly fetchesWal?: boolean
}

export function exitStatus(
  error: unknown,
  { fetchesWal = false }: Pick<ErrorOutput, 'fetchesWal'> = {},
): number {
  const status = error instanceof SnapError ? EXIT_STATUS[error.code] : EXIT_FAILED
  if (!fetchesWal || hasCode(error, 'WAL_MISSING', 'INTERRUPTED')) return status
  return EXIT_FETCH_FAILED
}

/** What to write to stderr for `error`: whole lines. */
export function renderError(error: unknown, output: ErrorOutput): string {
  return output.json ? jsonError(error, output) : textError(error, output.verbosity)
}

function textError(error: unknown, verbosity: number): string {
  const known = error instanceof SnapError || isSystemError(error)
  const lines = known ? [`snap: ${messageOf(error)}`] : bugLines(error)
  lines.push(...alsoOf(error).map((message) => `snap: ${message}`))
  const hint = hintOf(error)
  if (hint !== undefined) lines.push(`hint: ${hint}`)
  if (verbosity > 0) lines.push(...causeLines(error))
  return lines.map((line) => `${safeText(line)}\n`).join('')
}

function hintOf(error: unknown): string | undefined {
  return error instanceof SnapError ? (error.hint ?? HINTS[error.code]) : undefined
}

function alsoOf(error: unknown): readonly string[] {
  return error instanceof SnapError ? error.also : []
}

function bugLines(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return [
    'snap: this is a bug in snap; nothing that was saved before is lost. Please report it with these lines:',
    ...stack.split('\n'),
  ]
}

function causeLines(error: unknown): string[] {
  const lines: string[] = []
  let cause = error instanceof Error ? error.cause : undefined
  while (cause !== undefined && cause !== null && lines.length < CAUSES_MAX) {
    lines.push(`caused by: ${messageOf(cause)}`)
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return lines
}

function jsonError(error: unknown, output: ErrorOutput): string {
  const known = error instanceof SnapError
  const bug = !known && !isSystemError(error)
  const hint = hintOf(error)
  const line = {
    message_type: 'exit_error',
    code: exitStatus(error, output),
    message: jsonText(bug ? `this is a bug in snap: ${messageOf(error)}` : messageOf(error)),
    ...(known ? { error: error.code } : {}),
    ...(alsoOf(error).length === 0 ? {} : { also: alsoOf(error).map(jsonText) }),
    ...(hint === undefined ? {} : { hint: jsonText(hint) }),
    ...(bug && error instanceof Error ? { stack: jsonText(error.stack ?? '') } : {}),
  }
  return jsonLine(line)
}

/** An error of the operating system (`ENOENT` ...) that came through as it is. */
function isSystemError(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AssertionError) return false
  return 'errno' in error && 'syscall' in error && 'code' in error
}

/** `true` for a write to a pipe whose reader has gone (`snap ls | head`): nothing to complain of. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

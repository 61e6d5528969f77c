/**
 * Errors of system calls in the shape that Node gives its own: `code`, `errno`, `syscall`, `path`. Knows nothing of
 * who made the call or why.
 */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

export type SystemError = NodeJS.ErrnoException

const CODES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([code, errno]) => [errno, code]),
)

let known: ReturnType<typeof getSystemErrorMap> | undefined

/** `errno` is positive, as C has it. */
export function systemError(errno: number, syscall: string, path: string): SystemError {
  known ??= getSystemErrorMap() // made anew by every call
  const [name, words] = known.get(-errno) ?? []
  const code = name ?? codeOf(errno)
  const error: SystemError = new Error(`${code}: ${words ?? 'system error'}, ${syscall} '${path}'`)
  error.code = code
  error.errno = -errno
  error.syscall = syscall
  error.path = path
  return error
}

/** `errno` is positive. */
const codeOf = (errno: number): string => CODES.get(errno) ?? `ERRNO_${errno}`

/** What `code` (as `EACCES`) says: `permission denied`; the code itself where the system has no words for it. */
export function codeInWords(code: string): string {
  known ??= getSystemErrorMap()
  for (const [name, words] of known.values()) if (name === code) return words
  return code
}

/**
 * The system's code of `error`, or '' where it is something else. libuv has no name for some numbers, as EDQUOT, EUCLEAN and ESTALE, and
 * says `Unknown system error -122` in its place.
 */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error) || !('syscall' in error)) return ''
  const { code, errno } = error as SystemError
  if (typeof code === 'string' && !code.startsWith('Unknown system error')) return code
  return typeof errno === 'number' && errno < 0 ? codeOf(-errno) : ''
}

/** The one place where SQLite's and the file system's errors about the manifest become `MANIFEST_FAILED`. */
import { dirname } from 'node:path'
import { SnapError } from '../model/errors.ts'

export const REBUILD_HINT =
  'Run `snap manifest rebuild`: everything in the manifest can be had again from the repository.'

/** SQLite's primary result codes that say something about the file, the disk or other processes; the hint for each. */
function hintFor(code: string, path: string): string | undefined {
  const directory = dirname(path)
  switch (/^(SQLITE_[A-Z]+)/.exec(code)?.[1]) {
    case 'SQLITE_FULL':
      return `Free space on the disk that holds ${directory}, or name a directory elsewhere with --cache-dir.`
    case 'SQLITE_IOERR':
      return `Check the disk that holds ${directory}, and whether it is full; then run \`snap manifest rebuild\`.`
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return 'Another process is writing to the manifest: try again when it has finished.'
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
      return `Check that you may write to ${directory}, or name another directory with --cache-dir.`
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB':
    case 'SQLITE_FORMAT':
    case 'SQLITE_ERROR': // a table or column that the schema version promises is not there
    case 'SQLITE_SCHEMA':
    case 'SQLITE_TOOBIG':
      return REBUILD_HINT
    default:
      return undefined
  }
}

/** `error` as `MANIFEST_FAILED` where the file, the disk or another process caused it; else unchanged (our own mistakes). */
export function manifestError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof SnapError) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const hint = hintFor(code, path)
  if (hint === undefined) return error
  return new SnapError('MANIFEST_FAILED', `the manifest ${path}: ${error.message} (${code})`, {
    hint,
    cause: error,
  })
}

/** Another connection held a lock. */
export function isBusy(error: unknown): boolean {
  const cause = error instanceof SnapError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && /^SQLITE_BUSY/.test(String(cause.code))
}

/** For a manifest that opens but holds what this program never wrote. */
export function manifestDamaged(path: string, why: string, cause?: unknown): SnapError {
  return new SnapError('MANIFEST_FAILED', `the manifest ${path} ${why}`, { hint: REBUILD_HINT, cause })
}

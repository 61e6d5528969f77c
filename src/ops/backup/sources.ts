/** What of the sources can be read at all: a backup that would name what is not there is refused before anything is stored. */
import { SnapError } from '../../model/errors.ts'
import type { SourceFiles } from '../../model/files.ts'
import { reasonInWords } from '../../snapshot/unreadable.ts'
import type { BackupPorts, BackupRequest } from './request.ts'
import { joinPath } from './roots.ts'
import type { BackupCounter, UnreadablePath } from './summary.ts'

/** What the system says where nothing is. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/**
 * `isKnown`: the series has a snapshot already. Then one of its sources may be away for once, and the others are saved; where it would begin
 * with a source that does not exist, the path is mistyped most likely, and nobody would miss what it should have named.
 * `SOURCE_UNREADABLE` then, and where none can be read and there are no streams beside them.
 */
export function readablePaths(
  { paths, streamed = [] }: Pick<BackupRequest, 'paths' | 'streamed'>,
  ports: BackupPorts,
  isKnown: boolean,
): { readable: string[]; missing: UnreadablePath[] } {
  const readable: string[] = []
  const missing: UnreadablePath[] = []
  for (const path of paths) {
    try {
      ports.source.lstat(path)
      readable.push(path)
    } catch (cause) {
      const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
      missing.push({ path, reason })
    }
  }
  const absent = missing.find(({ reason }) => ABSENT.has(reason))
  const hasOthers = readable.length > 0 || streamed.length > 0
  const refused = !hasOthers ? (absent ?? missing[0]) : isKnown ? undefined : absent
  if (refused !== undefined) throw sourceUnreadable(refused)
  for (const { path, reason } of missing)
    ports.progress({ kind: 'warning', path, reason: reasonInWords(reason) })
  return { readable, missing }
}

/** Where nothing but streams could be read and none came to its end, there is nothing to save. */
export function refuseFailed(
  { streamed = [] }: BackupRequest,
  { filesTotal, unreadable }: BackupCounter,
): void {
  const [failed] = unreadable
  if (filesTotal > 0 || streamed.length === 0 || failed === undefined) return
  throw new SnapError('SOURCE_UNREADABLE', `${failed.path}: ${reasonInWords(failed.reason)}`, {
    hint: 'Nothing was saved.',
  })
}

/** `USAGE` where there is nothing to save, or where a directory of this machine lies in the place of streams, and would not be saved. */
export function checkSources({ paths, streamed = [] }: BackupRequest, { source }: BackupPorts): void {
  if (paths.length === 0 && streamed.length === 0)
    throw new SnapError('USAGE', 'nothing to back up', { hint: 'Name at least one path.' })
  for (const { name } of streamed) {
    const path = joinPath('/', name)
    if (!isThere(source, path)) continue
    throw new SnapError(
      'USAGE',
      `${path} exists on this machine: what ${name} names cannot be stored there`,
      {
        hint: 'Choose another name for it.',
      },
    )
  }
}

function isThere(source: SourceFiles, path: string): boolean {
  try {
    source.lstat(path)
    return true
  } catch {
    return false
  }
}

function sourceUnreadable({ path, reason }: UnreadablePath): SnapError {
  const check = ABSENT.has(reason) ? 'Check the path.' : 'Check its permissions.'
  return new SnapError('SOURCE_UNREADABLE', `cannot read ${path}: ${reasonInWords(reason)}`, {
    hint: `Nothing was saved. ${check}`,
  })
}

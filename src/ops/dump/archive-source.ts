/** What goes into an archive: a directory of a snapshot and everything below it, by paths within the archive. */
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Content } from '../../snapshot/content.ts'
import { reasonInWords } from '../../snapshot/unreadable.ts'
import { type ListedEntry, walkTree } from '../list.ts'

export type ArchiveSource = {
  readonly repository: Repository
  /** The directory; `at` is undefined for the root of the snapshot. */
  readonly at: ListedEntry | undefined
  readonly content: Content
  readonly names: readonly string[]
  readonly progress: ProgressListener
  /** Counts what the archive lacks. */
  readonly lacking: () => void
  readonly signal: AbortSignal
}

export type ArchiveMember = ListedEntry & {
  /** Within the archive: begins with the directory's own name. */
  readonly member: string
}

/** The directory itself first. A directory that is damaged ends the archive with its error: half of it would look whole. */
export async function* membersOf(source: ArchiveSource): AsyncGenerator<ArchiveMember> {
  const { repository, at, content, names, signal } = source
  const above = names.slice(0, -1).join('/')
  const cut = above === '' ? 1 : above.length + 2
  const memberOf = (listed: ListedEntry): ArchiveMember => ({ ...listed, member: listed.path.slice(cut) })
  if (at !== undefined) yield memberOf(at)
  const damaged = (_path: string, error: Error): void => {
    throw error
  }
  for await (const listed of walkTree(repository, content, { names, recursive: true, signal, damaged })) {
    yield memberOf(listed)
  }
}

/** Whether the snapshot has the member's content. Says so where it has not, or not all of a directory, which is in the archive then. */
export function isPresent(member: ListedEntry, source: ArchiveSource): boolean {
  const { type, unreadable } = member.entry
  if (unreadable === undefined) return true
  const why = `could not be read when the snapshot was made (${reasonInWords(unreadable)})`
  leaveOut(member, type === 'dir' ? `something in it ${why}` : why, source)
  return type === 'dir'
}

/** Says that a member, or something of it, is left out, and why. A socket is nothing that anybody would miss. */
export function leaveOut(
  { path, entry }: ListedEntry,
  reason: string,
  { progress, lacking }: ArchiveSource,
): void {
  progress({ kind: 'warning', path, reason })
  if (entry.type !== 'socket') lacking()
}

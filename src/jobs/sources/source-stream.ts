/** A source that is no file of the machine, as files of the snapshot. */
import type { Note } from '../../log/details.ts'
import type { StreamedFile } from '../../ops/backup/streamed-file.ts'

export type SourceStream = {
  /** With names that differ. */
  readonly files: readonly StreamedFile[]
  /** What the snapshot records of it; known when it has been read. */
  readonly facts: () => Note | undefined
}

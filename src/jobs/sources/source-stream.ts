/** A source that is no file of the machine, as files of the snapshot. */
import type { Note } from '../../log/details.ts'
import { SnapError } from '../../model/errors.ts'
import type { StreamedFile } from '../../ops/backup/streamed-file.ts'

export type SourceStream = {
  /** With names that differ. */
  readonly files: readonly StreamedFile[]
  /** What the snapshot records of it; known when it has been read. */
  readonly facts: () => Note | undefined
}

/** The file, of which the snapshot records why it failed in words without secrets: others than those who have them may read it. */
export function withReasons(file: StreamedFile, clean: (text: string) => string): StreamedFile {
  return {
    ...file,
    open: async function* (signal) {
      try {
        yield* file.open(signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof SnapError || !(error instanceof Error)) throw error
        throw new Error(clean(error.message))
      }
    },
  }
}

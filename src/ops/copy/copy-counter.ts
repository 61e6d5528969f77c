/** What a copy did, in numbers; and how it counts them while the walk goes on. */
import type { UnreadablePath } from '../../log/details.ts'
import { UNREADABLE_MAX } from '../../log/details.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { WriteSession } from '../../repository/write-session.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { DAMAGED, reasonInWords } from '../../snapshot/unreadable.ts'
import type { TaskCounts } from '../../workers/tasks.ts'
import type { CopyQueueEvents } from './copy-queue.ts'
import type { CopyEvents } from './copy-walk.ts'

export type CopySummary = {
  /** Files whose contents were read, and their bytes. */
  readonly filesRead: number
  readonly bytesRead: number
  /** What the base's copy had: files by themselves, and directories with all below them, which were not looked into. */
  readonly filesTakenOver: number
  readonly directoriesTakenOver: number
  /** Plaintext bytes of new chunks, and the bytes of the packs and index objects that hold them. */
  readonly bytesAdded: number
  readonly bytesStored: number
  /** Files and directories that could not be read. */
  readonly damaged: number
}

/** Of several snapshots together. */
export function addedUp(summaries: readonly CopySummary[]): CopySummary {
  const sum = (field: keyof CopySummary): number => summaries.reduce((total, each) => total + each[field], 0)
  return {
    filesRead: sum('filesRead'),
    bytesRead: sum('bytesRead'),
    filesTakenOver: sum('filesTakenOver'),
    directoriesTakenOver: sum('directoriesTakenOver'),
    bytesAdded: sum('bytesAdded'),
    bytesStored: sum('bytesStored'),
    damaged: sum('damaged'),
  }
}

export class CopyCounter implements CopyEvents {
  readonly #progress: ProgressListener
  #filesFound = 0
  #bytesFound = 0
  #filesRead = 0
  #filesTakenOver = 0
  #directoriesTakenOver = 0
  #damaged = 0
  /** The first of them, as a snapshot records them. */
  readonly unreadable: UnreadablePath[] = []

  constructor(progress: ProgressListener) {
    this.#progress = progress
  }

  get damaged(): number {
    return this.#damaged
  }

  found(_path: string, { type, size }: Entry): void {
    if (type === 'file') {
      this.#filesFound += 1
      this.#bytesFound += size
    } else if (type === 'dir')
      this.#progress({ kind: 'total', files: this.#filesFound, bytes: this.#bytesFound, final: false })
  }

  takenOver({ size }: Entry): void {
    this.#filesTakenOver += 1
    this.#progress({ kind: 'done', files: 1, bytes: size })
  }

  directoryTakenOver(): void {
    this.#directoriesTakenOver += 1
  }

  addDamaged(path: string): void {
    this.#damaged += 1
    if (this.unreadable.length < UNREADABLE_MAX) this.unreadable.push({ path, reason: DAMAGED })
    this.#progress({ kind: 'failure', path, reason: reasonInWords(DAMAGED) })
  }

  /** `settled`: goes on to the walk. */
  queueEvents(settled: CopyQueueEvents['settled']): CopyQueueEvents {
    return {
      stored: ({ path, entry }) => {
        this.#filesRead += 1
        this.#progress({ kind: 'file', path })
        this.#progress({ kind: 'done', files: 1, bytes: entry.size })
      },
      damaged: ({ path }) => this.addDamaged(path),
      settled,
    }
  }

  summary(
    data: TaskCounts,
    { contents, bytesStored }: Pick<WriteSession, 'contents' | 'bytesStored'>,
  ): CopySummary {
    return {
      filesRead: this.#filesRead,
      bytesRead: data.read,
      filesTakenOver: this.#filesTakenOver,
      directoriesTakenOver: this.#directoriesTakenOver,
      bytesAdded: data.newBytes + contents.counts.newBytes,
      bytesStored,
      damaged: this.#damaged,
    }
  }
}

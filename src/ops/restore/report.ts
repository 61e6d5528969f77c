/** What a restore did, and what it could not do. */
import type { ProgressListener } from '../../model/progress.ts'

export type RestoreFailure = {
  /** As in the snapshot. */
  readonly path: string
  /** `repository`: damaged or missing there; `source`: it could not be read when the snapshot was made; `target`: could not be written. */
  readonly side: 'repository' | 'source' | 'target'
  readonly code: string
  readonly reason: string
}

export type RestoreAction = 'create' | 'replace' | 'unchanged' | 'keep' | 'delete'

export type RestoreReport = {
  readonly filesRestored: number
  /** Were there already with the same content. */
  readonly filesUnchanged: number
  /** Left alone by the overwrite policy. */
  readonly filesKept: number
  readonly filesDeleted: number
  readonly directories: number
  /** Links, FIFOs and devices, and directories that took the place of something else. */
  readonly others: number
  readonly bytesWritten: number
  readonly bytesTotal: number
  readonly failures: readonly RestoreFailure[]
  /** Metadata that the platform or the file system could not keep, each kind with an example. */
  readonly losses: readonly { readonly what: string; readonly count: number; readonly example: string }[]
}

export class RestoreCounter {
  filesRestored = 0
  filesUnchanged = 0
  filesKept = 0
  filesDeleted = 0
  directories = 0
  others = 0
  bytesWritten = 0
  bytesTotal = 0
  readonly failures: RestoreFailure[] = []
  readonly #failed = new Set<string>()
  readonly #losses = new Map<string, { count: number; example: string }>()

  /** Of what fails in several ways, the first is reported. */
  fail(failure: RestoreFailure, progress: ProgressListener): void {
    if (this.#failed.has(failure.path)) return
    this.#failed.add(failure.path)
    this.failures.push(failure)
    progress({ kind: 'failure', path: failure.path, reason: failure.reason })
  }

  lost(path: string, words: readonly string[]): void {
    for (const what of words) {
      const known = this.#losses.get(what)
      if (known === undefined) this.#losses.set(what, { count: 1, example: path })
      else known.count += 1
    }
  }

  report(): RestoreReport {
    const {
      filesRestored,
      filesUnchanged,
      filesKept,
      filesDeleted,
      directories,
      others,
      bytesWritten,
      bytesTotal,
    } = this
    return {
      filesRestored,
      filesUnchanged,
      filesKept,
      filesDeleted,
      directories,
      others,
      bytesWritten,
      bytesTotal,
      failures: this.failures,
      losses: [...this.#losses].map(([what, { count, example }]) => ({ what, count, example })),
    }
  }
}

/** Keeps what fails for one path from stopping the others, and counts it. */
import { SnapError } from '../../model/errors.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { RestoreCounter, RestoreFailure } from './report.ts'

export class Failures {
  readonly #counter: RestoreCounter
  readonly #progress: ProgressListener

  constructor(counter: RestoreCounter, progress: ProgressListener) {
    this.#counter = counter
    this.#progress = progress
  }

  add(failure: RestoreFailure): void {
    this.#counter.fail(failure, this.#progress)
  }

  /** Runs `act` for the entry at `names` in the snapshot. Throws what makes going on pointless. */
  async guarded(names: readonly string[], act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      const { code, message: reason } = expectOfOnePath(error)
      const side = code.startsWith('TARGET') ? 'target' : 'repository'
      this.add({ path: pathOf(names), side, code, reason })
    }
  }

  /** The same for what is done to the target alone. */
  finishing(path: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      const { code, message: reason } = expectOfOnePath(error)
      this.add({ path, side: 'target', code, reason })
    }
  }
}

/** In the snapshot. */
export function pathOf(names: readonly string[]): string {
  return `/${names.join('/')}`
}

function expectOfOnePath(error: unknown): SnapError {
  if (!(error instanceof SnapError) || FATAL.has(error.code)) throw error
  return error
}

/** What makes going on pointless. */
const FATAL: ReadonlySet<string> = new Set(['TARGET_FULL', 'KEY_WRONG', 'MANIFEST_FAILED', 'INTERRUPTED'])

/** Moments that are remembered as the times of empty files: these can be written where a disk is full. It does not know what they are of. */
import { createHash } from 'node:crypto'
import { statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { makePrivateFile } from './file-lock.ts'

const NAME_CHARS = 32

export class Marks {
  readonly #directory: string

  /** Made when the first is set. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** ms; `undefined` where there is none, or nobody can say. */
  get(name: string): number | undefined {
    try {
      return Math.round(statSync(this.#file(name)).mtimeMs)
    } catch {
      return undefined
    }
  }

  /** `false` where it cannot be. ms */
  set(name: string, ms: number): boolean {
    const file = this.#file(name)
    try {
      makePrivateFile(file)
      utimesSync(file, ms / 1000, ms / 1000)
      return true
    } catch {
      return false
    }
  }

  #file(name: string): string {
    return join(this.#directory, createHash('sha256').update(name).digest('hex').slice(0, NAME_CHARS))
  }
}

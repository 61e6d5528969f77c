/** The patterns of a search: one without `/` is about the name, one with it about the whole path. Knows no snapshots. */

import { compileGlob, compilePathGlob, type Glob, type PathGlob } from '../../base/glob.ts'
import { nameBytes } from '../../base/names.ts'

export class NameFilter {
  readonly #names: readonly Glob[]
  readonly #paths: readonly PathGlob[]

  constructor(patterns: readonly string[], ignoreCase: boolean) {
    const ofPaths = patterns.filter((pattern) => pattern.includes('/'))
    const ofNames = patterns.filter((pattern) => !pattern.includes('/'))
    this.#names = ofNames.map((pattern) => compileGlob(pattern, ignoreCase))
    this.#paths = ofPaths.map((pattern) => compilePathGlob(pattern, ignoreCase))
  }

  /** Bytes that every name that can match holds; `undefined` where there are none such. */
  get nameHolds(): Uint8Array | undefined {
    const globs = [...this.#names, ...this.#paths.map(({ last }) => last)]
    const literal = globs.length === 1 ? (globs[0]?.literal ?? '') : ''
    return literal === '' ? undefined : nameBytes(literal)
  }

  /** `yes` wherever it lies, `no` nowhere; `path` says that the path decides. */
  ofName(name: string): 'yes' | 'no' | 'path' {
    if (this.#names.some((glob) => glob.matches(name))) return 'yes'
    return this.#paths.some(({ last }) => last?.matches(name) ?? true) ? 'path' : 'no'
  }

  ofPath(path: string): boolean {
    const names = path.split('/').filter((name) => name !== '')
    return this.#paths.some((glob) => glob.matches(names))
  }
}

/** Which part of a snapshot is wanted: paths and globs against the paths in the tree. */
import { compileGlob, type Glob, literalGlob } from '../../base/glob.ts'

/** What a directory's entry is to a selection. */
export type Wanted = 'all' | 'some' | 'none'

/** A path from the root of snapshots, and whether it is taken as it is written. */
export type SelectedPath = { readonly text: string; readonly isGlob: boolean }

type Pattern = readonly Glob[]

/**
 * Paths are matched name by name from the root; in globs, `*`, `?` and `[...]` match within a name, a backslash takes the next
 * character as it is, and `**` is any number of names. An empty list wants everything.
 */
export class Selection {
  readonly #patterns: readonly { readonly text: string; readonly names: Pattern }[]
  readonly #matched = new Set<string>()

  constructor(paths: readonly SelectedPath[]) {
    this.#patterns = paths.map(({ text, isGlob }) => ({
      text,
      names: namesOf(text).map(isGlob ? nameGlob : literalGlob),
    }))
  }

  /** `names`: the entry's path from the root. */
  wants(names: readonly string[]): Wanted {
    if (this.#patterns.length === 0) return 'all'
    let wanted: Wanted = 'none'
    for (const { text, names: pattern } of this.#patterns) {
      const match = matchNames(pattern, names)
      if (match === 'all') {
        this.#matched.add(text)
        return 'all'
      }
      if (match === 'some') wanted = 'some'
    }
    return wanted
  }

  /** Paths and globs that matched nothing so far. */
  get unmatched(): string[] {
    return this.#patterns.filter(({ text }) => !this.#matched.has(text)).map(({ text }) => text)
  }
}

export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

const ANY_DEPTH = compileGlob('**')

function nameGlob(name: string): Glob {
  return name === '**' ? ANY_DEPTH : compileGlob(name)
}

/**
 * `all`: the pattern covers the path or a directory above it; `some`: something below the path may match. All places in the
 * pattern that the names so far lead to are kept at once: names times pattern is the time, whatever both are.
 */
function matchNames(pattern: Pattern, names: readonly string[]): Wanted {
  let places = withSkips(pattern, [0])
  for (const name of names) {
    if (places.has(pattern.length)) return 'all'
    const next: number[] = []
    for (const place of places) {
      const glob = pattern[place]
      if (glob === ANY_DEPTH) next.push(place)
      else if (glob?.matches(name) === true) next.push(place + 1)
    }
    if (next.length === 0) return 'none'
    places = withSkips(pattern, next)
  }
  return places.has(pattern.length) ? 'all' : 'some'
}

/** `**` also stands for no name. */
function withSkips(pattern: Pattern, from: readonly number[]): ReadonlySet<number> {
  const places = new Set(from)
  // A set goes on with what is added meanwhile.
  for (const place of places) if (pattern[place] === ANY_DEPTH) places.add(place + 1)
  return places
}

/**
 * Which names a walk leaves out: patterns in the syntax of gitignore, from the command line (relative to each source)
 * and from ignore files (relative to their directory). Knows names and patterns, and reads nothing itself.
 */
import ignore from 'ignore'

/** The rules as they stand in one directory. Immutable: each directory of a walk has its own. */
export interface Rules {
  /** Nothing is left out by them, here or below. */
  readonly areNone: boolean
  /** The rules for the directory `path` below this one (a name, or several joined by `/`), with its ignore file where it has one. */
  descend(path: string, ignoreFileText?: string): Rules
  /** These rules and those of an ignore file in this very directory, which win. */
  withIgnoreFile(text: string): Rules
  /** Whether `name` in this directory is left out. Asked for each name on the way down: what lies in an ignored directory is not asked for. */
  ignores(name: string, isDirectory: boolean): boolean
}

/** Longer than any path, and more of `*` and `**` than anybody needs: matching takes time that grows with their number as an exponent. */
const PATTERN_CHARACTERS_MAX = 4_096
const WILDCARDS_MAX = 8

/** The first line of `text` that is refused: it is longer, or has more wildcards, than can be matched in any sensible time. */
export function refusedPattern(text: string): string | undefined {
  return linesOf(text).find(isRefused)
}

function isRefused(line: string): boolean {
  return line.length > PATTERN_CHARACTERS_MAX || (line.match(/\*+/g)?.length ?? 0) > WILDCARDS_MAX
}

/** `ignore` remembers every answer; after so many a fresh matcher with the same rules takes over. */
const REMEMBERED_ANSWERS_MAX = 4_096

type Verdict = { readonly ignored: boolean; readonly unignored: boolean }

/** The patterns of one place, asked with paths relative to it. */
class Patterns {
  #matcher: ignore.Ignore
  #answers = 0

  constructor(patterns: readonly ignore.Pattern[]) {
    this.#matcher = ignore({ ignoreCase: false }).add(patterns)
  }

  test(path: string): Verdict {
    if (++this.#answers > REMEMBERED_ANSWERS_MAX) {
      this.#matcher = ignore({ ignoreCase: false }).add(this.#matcher)
      this.#answers = 1
    }
    return this.#matcher.test(path)
  }

  /** The same patterns, and then one that takes the directory `path` in again. */
  including(path: string): Patterns {
    return new Patterns([this.#matcher, { pattern: `!/${path.replace(/[\\*?[\]]/g, '\\$&')}/` }])
  }
}

/** Patterns and how a path of theirs begins in the directory where they are asked: '' or `a/b/`. */
type Layer = { readonly patterns: Patterns; readonly prefix: string }

const NO_RULES: Rules = {
  areNone: true,
  descend: (_path, text) => (text === undefined ? NO_RULES : NO_RULES.withIgnoreFile(text)),
  withIgnoreFile: (text) => withLayer([], linesOf(text)),
  ignores: () => false,
}

/** The rules at the root of a source. A pattern may hold several lines: the text of an exclude file. Those that `refusedPattern` finds count for nothing. */
export function createIgnoreRules(patterns: readonly string[]): Rules {
  return patterns.length === 0 ? NO_RULES : withLayer([], patterns.flatMap(linesOf))
}

function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r?\n/)
}

function withLayer(layers: readonly Layer[], lines: readonly string[]): Rules {
  const usable = lines.filter((line) => !isRefused(line))
  return rulesOf([{ patterns: new Patterns(usable), prefix: '' }, ...layers])
}

/** `layers` with the deepest first: the first that has an opinion decides. */
function rulesOf(layers: readonly Layer[]): Rules {
  const rules: Rules = {
    areNone: false,
    descend(path, text) {
      const below = rulesOf(layers.map((layer) => descended(layer, path)))
      return text === undefined ? below : below.withIgnoreFile(text)
    },
    withIgnoreFile: (text) => withLayer(layers, linesOf(text)),
    ignores(name, isDirectory) {
      for (const { patterns, prefix } of layers) {
        const verdict = patterns.test(isDirectory ? `${prefix}${name}/` : prefix + name)
        if (verdict.ignored) return true
        if (verdict.unignored) return false
      }
      return false
    },
  }
  return rules
}

/** A directory that these patterns ignore and deeper ones took in again is entered: its names are judged on their own. */
function descended({ patterns, prefix }: Layer, path: string): Layer {
  const directory = prefix + path
  const entered = patterns.test(`${directory}/`).ignored ? patterns.including(directory) : patterns
  return { patterns: entered, prefix: `${directory}/` }
}

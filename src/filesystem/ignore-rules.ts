/**
 * Which names a walk leaves out: patterns in the syntax of gitignore, from the command line (relative to each source)
 * and from ignore files (relative to their directory). Knows names and patterns, and reads nothing itself.
 */
import { type IgnorePattern, parseIgnoreLine } from './ignore-pattern.ts'

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

/** The patterns of one place, the last first, and the names from there to the directory where they are asked. */
type Layer = { readonly patterns: readonly IgnorePattern[]; readonly directory: readonly string[] }

const NO_RULES: Rules = {
  areNone: true,
  descend: (_path, text) => (text === undefined ? NO_RULES : NO_RULES.withIgnoreFile(text)),
  withIgnoreFile: (text) => withLayer([], linesOf(text)),
  ignores: () => false,
}

/** The rules at the root of a source. A pattern may hold several lines: the text of an exclude file. */
export function createIgnoreRules(patterns: readonly string[]): Rules {
  return patterns.length === 0 ? NO_RULES : withLayer([], patterns.flatMap(linesOf))
}

function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r?\n/)
}

function withLayer(layers: readonly Layer[], lines: readonly string[]): Rules {
  const patterns = lines.map(parseIgnoreLine).filter((pattern) => pattern !== undefined)
  return rulesOf([{ patterns: patterns.reverse(), directory: [] }, ...layers])
}

/** `layers` with the deepest first: the first pattern that matches decides. */
function rulesOf(layers: readonly Layer[]): Rules {
  return {
    areNone: false,
    descend(path, text) {
      const names = path.split('/')
      const below = rulesOf(
        layers.map(({ patterns, directory }) => ({ patterns, directory: [...directory, ...names] })),
      )
      return text === undefined ? below : below.withIgnoreFile(text)
    },
    withIgnoreFile: (text) => withLayer(layers, linesOf(text)),
    ignores(name, isDirectory) {
      for (const { patterns, directory } of layers) {
        for (const pattern of patterns)
          if (pattern.matches(directory, name, isDirectory)) return !pattern.negated
      }
      return false
    },
  }
}

/**
 * What several selections make of one walk together: a name is left out where each selection that reaches it leaves it out. Knows
 * names and patterns, and reads nothing.
 */
import { compilePathGlob, type PathGlob } from '../base/glob.ts'
import { createIgnoreRules, type Rules } from './ignore-rules.ts'

/** A part of the file system: all below a path but what its patterns leave out, or what globs match. */
export type PathSelection = {
  /** Absolute; what `rules` are relative to. */
  readonly root: string
  readonly rules: Rules
}

/** All below `root` but what matches the patterns. */
export function selectTree(root: string, excludes: readonly string[]): PathSelection {
  return { root, rules: createIgnoreRules(excludes) }
}

/** What matches the glob, a whole path, with all below, but what matches the patterns, which are relative to the part of it without wildcards. */
export function selectGlob(glob: string, excludes: readonly string[]): PathSelection {
  const names = glob.split('/').filter((name) => name !== '')
  const wild = names.findIndex((name) => /[*?[\\]/.test(name))
  const fixed = wild < 0 ? names : names.slice(0, wild)
  const root = `/${fixed.join('/')}`
  if (wild < 0) return selectTree(root, excludes)
  const within = compilePathGlob(names.slice(wild).join('/'))
  return { root, rules: globRules(within, [], createIgnoreRules(excludes)) }
}

/** `directory`: names from the selection's root. */
function globRules(glob: PathGlob, directory: readonly string[], patterns: Rules): Rules {
  return {
    areNone: false,
    descend(path, text) {
      const names = [...directory, ...path.split('/')]
      const below = patterns.descend(path, text)
      return isWithin(glob, names) ? below : globRules(glob, names, below)
    },
    withIgnoreFile: (text) => globRules(glob, directory, patterns.withIgnoreFile(text)),
    ignores(name, isDirectory) {
      if (patterns.ignores(name, isDirectory)) return true
      const names = [...directory, name]
      return !glob.matches(names) && !(isDirectory && glob.mayMatchBelow(names))
    },
  }
}

/** What a glob matches is meant with all below. */
function isWithin(glob: PathGlob, names: readonly string[]): boolean {
  return names.some((_, index) => glob.matches(names.slice(0, index + 1)))
}

/** A selection as it stands in one directory of the walk. */
type Standing =
  | { readonly kind: 'inside'; readonly rules: Rules }
  /** Names that lead from here to its root; at least one. */
  | { readonly kind: 'above'; readonly names: readonly string[]; readonly selection: PathSelection }

/** The rules in the directory `path`, absolute, which some selection's root is, or lies above. */
export function rulesOfSelections(selections: readonly PathSelection[], path: string): Rules {
  const here = namesOf(path)
  const standings = selections.flatMap((selection): Standing[] => {
    const root = namesOf(selection.root)
    const common = Math.min(root.length, here.length)
    if (root.slice(0, common).join('/') !== here.slice(0, common).join('/')) return []
    if (root.length > here.length) return [{ kind: 'above', names: root.slice(here.length), selection }]
    return [{ kind: 'inside', rules: selection.rules }].flatMap((standing) =>
      descended(standing as Standing, here.slice(root.length)),
    )
  })
  return together(standings)
}

function together(standings: readonly Standing[]): Rules {
  const inside = standings.filter((standing) => standing.kind === 'inside')
  return {
    areNone: inside.some(({ rules }) => rules.areNone),
    descend(path, text) {
      const below = standings.flatMap((standing) => descended(standing, path.split('/')))
      const rules = together(below)
      return text === undefined ? rules : rules.withIgnoreFile(text)
    },
    withIgnoreFile: (text) =>
      together(
        standings.map((standing) =>
          standing.kind === 'inside' ? { ...standing, rules: standing.rules.withIgnoreFile(text) } : standing,
        ),
      ),
    ignores: (name, isDirectory) => standings.every((standing) => leavesOut(standing, name, isDirectory)),
  }
}

function leavesOut(standing: Standing, name: string, isDirectory: boolean): boolean {
  if (standing.kind === 'inside') return standing.rules.ignores(name, isDirectory)
  const [next, ...rest] = standing.names
  return name !== next || (rest.length > 0 && !isDirectory)
}

/** As it stands below; nothing where it does not reach there. */
function descended(standing: Standing, names: readonly string[]): Standing[] {
  let at: Standing = standing
  for (const name of names) {
    if (leavesOut(at, name, true)) return []
    if (at.kind === 'inside') at = { kind: 'inside', rules: at.rules.descend(name) }
    else {
      const rest = at.names.slice(1)
      at =
        rest.length === 0
          ? { kind: 'inside', rules: at.selection.rules }
          : { kind: 'above', names: rest, selection: at.selection }
    }
  }
  return [at]
}

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '')

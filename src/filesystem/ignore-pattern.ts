/** One line of an ignore file, as git reads it (gitignore, `dir.c`, `wildmatch.c`). Matching takes time linear in path times pattern. */
import { compileGlob, globOfNames, isComplete, splitNames } from '../base/glob.ts'

export type IgnorePattern = {
  /** Takes in again what it matches. */
  readonly negated: boolean
  /** `directory`: names from the place of the ignore file down to the entry. */
  matches(directory: readonly string[], name: string, isDirectory: boolean): boolean
}

/** `undefined` for blank lines and comments, and for what matches nothing. */
export function parseIgnoreLine(line: string): IgnorePattern | undefined {
  const trimmed = withoutTrailingSpaces(line)
  if (trimmed.startsWith('#')) return undefined
  const negated = trimmed.startsWith('!')
  const text = negated ? trimmed.slice(1) : trimmed
  const directoriesOnly = text.endsWith('/')
  const matches = matcherOf(directoriesOnly ? text.slice(0, -1) : text)
  if (matches === undefined) return undefined
  return {
    negated,
    matches: directoriesOnly
      ? (directory, name, isDirectory) => isDirectory && matches(directory, name)
      : matches,
  }
}

type Matcher = (directory: readonly string[], name: string) => boolean

function matcherOf(pattern: string): Matcher | undefined {
  if (pattern.includes('/')) return pathMatcherOf(pattern.startsWith('/') ? pattern.slice(1) : pattern)
  if (pattern === '' || !isComplete(pattern)) return undefined
  const glob = compileGlob(pattern)
  return (_directory, name) => glob.matches(name)
}

/** A slash within it anchors a pattern. `**` as a whole name stands for any number of directories, at the end for all that is in one. */
function pathMatcherOf(pattern: string): Matcher | undefined {
  const names = splitNames(pattern).map((name) => (/^\*\*+$/.test(name) ? '**' : name))
  if (names.some((name) => name === '' || !isComplete(name))) return undefined
  if (names.at(-1) === '**') names.push('*')
  const glob = globOfNames(names)
  const depth = names.includes('**') ? undefined : names.length - 1
  return (directory, name) =>
    (depth === undefined || depth === directory.length) &&
    glob.last?.matches(name) === true &&
    glob.matches([...directory, name])
}

/** A backslash keeps the space behind it. */
function withoutTrailingSpaces(line: string): string {
  let end = 0
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\') at += 1
    else if (line[at] === ' ') continue
    end = at + 1
  }
  return line.slice(0, Math.min(end, line.length))
}

/**
 * File name patterns: `*`, `?`, `[...]` within a name, `**` for any number of names. Matching takes time linear in text times
 * pattern, whatever both are: names come from hostile repositories. Knows nothing of where names come from.
 */

/** What a pattern may be asked. */
export type Glob = {
  matches(name: string): boolean
  /** The longest text that every match holds as it is; empty where there is none. */
  readonly literal: string
}

export type PathGlob = {
  /** `names`: the path from the root. */
  matches(names: readonly string[]): boolean
  /** For the last name; `undefined` where it can be any. */
  readonly last: Glob | undefined
}

const MANY = Symbol('any number')
type Sequence<T> = readonly (T | typeof MANY)[]
/** Accepts a code point. */
type Accepts = (point: number) => boolean

/** `*`, `?`, `[a-z]`, `[!a-z]` or `[^a-z]`; a backslash takes the next character as it is; `[` without its end is itself. */
export function compileGlob(pattern: string, ignoreCase = false): Glob {
  const points = [...(ignoreCase ? folded(pattern) : pattern)].map(
    (character) => character.codePointAt(0) ?? 0,
  )
  const sequence: (Accepts | typeof MANY)[] = []
  const literals: string[] = ['']
  for (let at = 0; at < points.length; at++) {
    let point = points[at] ?? 0
    const set = point === OPEN ? readSet(points, at + 1) : undefined
    if (point === STAR || point === QUESTION || set !== undefined) {
      sequence.push(point === STAR ? MANY : (set?.accepts ?? (() => true)))
      literals.push('')
      at = set?.end ?? at
      continue
    }
    if (point === BACKSLASH && at + 1 < points.length) point = points[++at] ?? 0
    const wanted = point
    sequence.push((candidate) => candidate === wanted)
    literals[literals.length - 1] += String.fromCodePoint(point)
  }
  const literal = literals.reduce((longest, text) => (text.length > longest.length ? text : longest))
  return {
    matches(name) {
      const text = [...(ignoreCase ? folded(name) : name)]
      return fits(sequence, text, (accepts, character) => accepts(character.codePointAt(0) ?? 0))
    },
    literal: ignoreCase ? '' : literal,
  }
}

/** Stands for this name alone. */
export function literalGlob(name: string): Glob {
  return { matches: (candidate) => candidate === name, literal: name }
}

/** Whether `text` may mean something else as a pattern than as it is written. */
export function hasWildcards(text: string): boolean {
  return /[*?[\\]/.test(text)
}

/** Names with `/` between them; one at the beginning or end changes nothing. */
export function compilePathGlob(pattern: string, ignoreCase = false): PathGlob {
  const sequence = pattern
    .split('/')
    .filter((name) => name !== '')
    .map((name) => (name === '**' ? MANY : compileGlob(name, ignoreCase)))
  const last = sequence.at(-1)
  return {
    matches: (names) => fits(sequence, names, (glob, name) => glob.matches(name)),
    last: typeof last === 'object' ? last : undefined,
  }
}

/** Goes back to the last `MANY` alone, and lets it take one more: earlier ones have no better choice. */
function fits<T, Item>(
  pattern: Sequence<T>,
  items: readonly Item[],
  accepts: (part: T, item: Item) => boolean,
): boolean {
  let at = 0
  let part = 0
  let afterMany = -1
  let takenUpTo = 0
  while (at < items.length) {
    const wanted = pattern[part]
    if (wanted === MANY) {
      part += 1
      afterMany = part
      takenUpTo = at
    } else if (wanted !== undefined && accepts(wanted, items[at] as Item)) {
      part += 1
      at += 1
    } else if (afterMany >= 0) {
      part = afterMany
      takenUpTo += 1
      at = takenUpTo
    } else return false
  }
  while (pattern[part] === MANY) part += 1
  return part === pattern.length
}

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const BACKSLASH = 0x5c
const DASH = 0x2d
const NOT = [0x21, 0x5e]

/** `from`: behind the bracket. `end`: the closing bracket; the first character may be one itself. */
function readSet(points: readonly number[], from: number): { accepts: Accepts; end: number } | undefined {
  const negated = NOT.includes(points[from] ?? 0)
  const ranges: (readonly [number, number])[] = []
  let at = negated ? from + 1 : from
  for (const first = at; at < points.length; at++) {
    if (points[at] === CLOSE && at > first) {
      const accepts: Accepts = (point) =>
        ranges.some(([low, high]) => point >= low && point <= high) !== negated
      return { accepts, end: at }
    }
    if (points[at] === BACKSLASH && at + 1 < points.length) at += 1
    const low = points[at] ?? 0
    const high = points[at + 2]
    const isRange = points[at + 1] === DASH && high !== undefined && high !== CLOSE
    ranges.push([low, isRange ? high : low])
    if (isRange) at += 2
  }
  return undefined
}

/** Each character by itself: the lower case of a whole text depends on what is around. */
function folded(text: string): string {
  return Array.from(text, (character) => character.toUpperCase().toLowerCase()).join('')
}

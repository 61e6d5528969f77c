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
  /** Whether something below a directory could match. */
  mayMatchBelow(names: readonly string[]): boolean
  /** For the last name; `undefined` where it can be any. */
  readonly last: Glob | undefined
}

const MANY = Symbol('any number')
type Sequence<T> = readonly (T | typeof MANY)[]
/** Accepts a code point. */
type Accepts = (point: number) => boolean

/** `*`, `?`, `[a-z]`, `[!a-z]` or `[^a-z]`, `[[:alpha:]]`; a backslash takes the next character as it is; `[` without its end is itself. */
export function compileGlob(pattern: string, ignoreCase = false): Glob {
  const points = pointsOf(ignoreCase ? folded(pattern) : pattern)
  const sequence: (Accepts | typeof MANY)[] = []
  const literals: string[] = ['']
  let hasStarsAlone = !ignoreCase
  for (let at = 0; at < points.length; at++) {
    let point = points[at] ?? 0
    const set = point === OPEN ? readSet(points, at + 1) : undefined
    if (point === STAR && sequence.at(-1) === MANY) continue
    if (point === STAR || point === QUESTION || set !== undefined) {
      hasStarsAlone &&= point === STAR
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
  const plain = hasStarsAlone ? ofOneStar(literals) : undefined
  return {
    matches:
      plain ??
      ((name) => {
        const text = [...(ignoreCase ? folded(name) : name)]
        return fits(sequence, text, (accepts, character) => accepts(character.codePointAt(0) ?? 0))
      }),
    literal: ignoreCase ? '' : literal,
  }
}

/** Most patterns: a name, or what it begins and ends with. `literals`: what stands between stars. */
function ofOneStar([start = '', end, more]: readonly string[]): Glob['matches'] | undefined {
  if (more !== undefined) return undefined
  if (end === undefined) return (name) => name === start
  return (name) => name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end)
}

/** Whether each `[` has its end, and no backslash stands last. */
export function isComplete(pattern: string): boolean {
  const points = pointsOf(pattern)
  for (let at = 0; at < points.length; at++) {
    if (points[at] === BACKSLASH && ++at === points.length) return false
    else if (points[at] === OPEN) {
      const set = readSet(points, at + 1)
      if (set === undefined) return false
      at = set.end
    }
  }
  return true
}

const pointsOf = (text: string): number[] => [...text].map((character) => character.codePointAt(0) ?? 0)

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
  return globOfNames(
    pattern.split('/').filter((name) => name !== ''),
    ignoreCase,
  )
}

/** One pattern for each name; `**` for any number of them. */
export function globOfNames(patterns: readonly string[], ignoreCase = false): PathGlob {
  const sequence = patterns.map((name) => (name === '**' ? MANY : compileGlob(name, ignoreCase)))
  const last = sequence.at(-1)
  return {
    matches: (names) => fits(sequence, names, (glob, name) => glob.matches(name)),
    mayMatchBelow: (names) => {
      const many = sequence.indexOf(MANY)
      const fixed = many < 0 ? sequence : sequence.slice(0, many)
      // Behind the first `**` anything may follow; before it, name stands for name.
      if (many < 0 && names.length >= sequence.length) return false
      return fixed.every((part, index) => {
        const name = names[index]
        return name === undefined || (part !== MANY && part.matches(name))
      })
    },
    last: typeof last === 'object' ? last : undefined,
  }
}

/** What stands between slashes; one in a bracket is no end of a name, and neither is one behind a backslash, which goes. */
export function splitNames(pattern: string): string[] {
  const points = pointsOf(pattern)
  const names = ['']
  const take = (from: number, to: number): void => {
    names[names.length - 1] += String.fromCodePoint(...points.slice(from, to))
  }
  for (let at = 0; at < points.length; at++) {
    if (points[at] === SLASH) names.push('')
    else if (points[at] === BACKSLASH && points[at + 1] !== SLASH) take(at, ++at + 1)
    else if (points[at] !== BACKSLASH) {
      const end = (points[at] === OPEN ? readSet(points, at + 1)?.end : undefined) ?? at
      take(at, end + 1)
      at = end
    }
  }
  return names
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
const COLON = 0x3a
const SLASH = 0x2f
const NOT = [0x21, 0x5e]

/** Of ASCII alone, as git has them. */
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  alnum: ['09', 'AZ', 'az'],
  alpha: ['AZ', 'az'],
  blank: ['  ', '\t\t'],
  cntrl: ['\u0000\u001f', '\u007f\u007f'],
  digit: ['09'],
  graph: ['!~'],
  lower: ['az'],
  print: [' ~'],
  punct: ['!/', ':@', '[`', '{~'],
  space: ['  ', '\t\n', '\r\r'],
  upper: ['AZ'],
  xdigit: ['09', 'AF', 'af'],
}

/**
 * `from`: behind the bracket. `end`: the closing bracket; the first character may be one itself. As `wildmatch.c` of git reads it, but for
 * `[:name:]` that is none, with which the bracket has no end.
 */
function readSet(points: readonly number[], from: number): { accepts: Accepts; end: number } | undefined {
  const negated = NOT.includes(points[from] ?? 0)
  const ranges: (readonly [number, number])[] = []
  /** Where a dash would begin a range. */
  let previous: number | undefined
  let at = negated ? from + 1 : from
  for (const first = at; at < points.length; at++) {
    let point = points[at] ?? 0
    if (point === CLOSE && at > first) {
      const accepts: Accepts = (candidate) =>
        ranges.some(([low, high]) => candidate >= low && candidate <= high) !== negated
      return { accepts, end: at }
    }
    const next = points[at + 1]
    if (point === DASH && previous !== undefined && next !== undefined && next !== CLOSE) {
      at += next === BACKSLASH ? 2 : 1
      ranges.push([previous, points[at] ?? 0])
      previous = undefined
      continue
    }
    const end = point === OPEN && next === COLON ? points.indexOf(CLOSE, at + 2) : -1
    if (end > at + 2 && points[end - 1] === COLON) {
      const named = CLASSES[String.fromCodePoint(...points.slice(at + 2, end - 1))]
      if (named === undefined) return undefined
      for (const [low = '', high = ''] of named) ranges.push([low.charCodeAt(0), high.charCodeAt(0)])
      previous = undefined
      at = end
      continue
    }
    if (point === BACKSLASH) point = points[++at] ?? 0
    ranges.push([point, point])
    previous = point
  }
  return undefined
}

/** Each character by itself: the lower case of a whole text depends on what is around. */
function folded(text: string): string {
  return Array.from(text, (character) => character.toUpperCase().toLowerCase()).join('')
}

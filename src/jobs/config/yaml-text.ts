/**
 * YAML text as plain values, with the place of each in the text, and with `${VARIABLE}` replaced. It knows no keys.
 */
import { type Document, isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml'

/** Keys and indexes from the root. */
export type ConfigPath = readonly PropertyKey[]

/** `line` and `column` count from 1. */
export type ConfigProblem = { readonly line: number; readonly column: number; readonly message: string }

export type YamlText = {
  readonly value: unknown
  readonly problems: readonly ConfigProblem[]
  /** Where the value at `path` begins, or the nearest above it that is there; with `key`, where that key of it stands. */
  readonly placeOf: (path: ConfigPath, key?: string) => Pick<ConfigProblem, 'line' | 'column'>
  readonly has: (path: ConfigPath) => boolean
  /** Paths of texts that hold a secret in the file itself are found with it: the text before variables were replaced. */
  readonly writtenAt: (path: ConfigPath) => unknown
}

/** A few anchors are fine; a tower of them is an attack or a mistake. */
const ALIASES_MAX = 100
const VARIABLE = /\$(?:\$|\{([^}]*)\})/g
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** `$$` is a dollar sign. A variable that is not set is a problem: an empty text in its place would mean something else. */
export function readYaml(text: string, env: Readonly<Record<string, string | undefined>>): YamlText {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const at = (offset: number): Pick<ConfigProblem, 'line' | 'column'> => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const problems: ConfigProblem[] = document.errors.map(({ pos, message }) => ({
    ...at(pos[0]),
    message: message.split('\n')[0] ?? message,
  }))
  const written = new Map<unknown, unknown>()
  if (problems.length === 0) {
    visit(document, {
      Scalar(key, node) {
        if (key === 'key' || typeof node.value !== 'string') return
        const before = node.value
        node.value = before.replace(VARIABLE, (all, name: string | undefined) => {
          if (name === undefined) return '$'
          const value = VARIABLE_NAME.test(name) && Object.hasOwn(env, name) ? env[name] : undefined
          if (value !== undefined) return value
          problems.push({ ...at(node.range?.[0] ?? 0), message: unset(name) })
          return all
        })
        if (node.value !== before) written.set(node, before)
      },
    })
  }
  return {
    value: problems.length === 0 ? plainValue(document, problems) : undefined,
    problems,
    has: (path) => document.hasIn(path),
    placeOf: (path, key) => at(offsetOf(document, path, key)),
    writtenAt(path) {
      const node = document.getIn(path, true)
      return written.get(node) ?? (isScalar(node) ? node.value : undefined)
    },
  }
}

function unset(name: string): string {
  if (!VARIABLE_NAME.test(name)) return `\${${name}} is no variable; for a dollar sign as it is, write $$`
  return `the variable ${name} is not set; for a dollar sign as it is, write $$`
}

function plainValue(document: Document, problems: ConfigProblem[]): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    problems.push({ line: 1, column: 1, message: error instanceof Error ? error.message : String(error) })
    return undefined
  }
}

function offsetOf(document: Document, path: ConfigPath, key: string | undefined): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (key !== undefined && length === path.length && isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0]
    }
    if (isNode(node) && node.range) return node.range[0] ?? 0
  }
  return 0
}

const isNode = (value: unknown): value is { readonly range?: readonly number[] | null } =>
  typeof value === 'object' && value !== null && 'range' in value

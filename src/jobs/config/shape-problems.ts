/** What is wrong with the shape of a configuration, in our own words: which key, what was expected, what is there. */
import type { z } from 'zod'
import { configJsonSchema, type JsonSchema } from './json-schema.ts'
import { CONFIG_SCHEMA, type RawConfig } from './schema/schema.ts'
import type { ConfigPath, ConfigProblem, YamlText } from './yaml-text.ts'

export type Shaped = { readonly raw: RawConfig } | { readonly problems: readonly ConfigProblem[] }

/** The value with its type known, or every problem, in the order of the schema. Values never stand in a message: they may be secrets. */
export function checkShape(yaml: YamlText): Shaped {
  const result = CONFIG_SCHEMA.safeParse(yaml.value ?? {}, { reportInput: true })
  if (result.success) return { raw: result.data }
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, yaml)) }
}

type Issue = z.core.$ZodIssue

function problemsOf(issue: Issue, yaml: YamlText): ConfigProblem[] {
  const { path } = issue
  const at = pathText(path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...yaml.placeOf(path, key),
      message: `${at === '' ? '' : `${at}: `}there is no key "${key}"${suggestion(key, path)}`,
    }))
  }
  if (issue.code === 'invalid_key') {
    const key = String(path.at(-1))
    return [
      {
        ...yaml.placeOf(path.slice(0, -1), key),
        message: `${at}: expected ${issue.issues[0]?.message ?? 'another key'}`,
      },
    ]
  }
  if (!yaml.has(path)) return [{ ...yaml.placeOf(path), message: `${at} is missing` }]
  return [{ ...yaml.placeOf(path), message: `${at}: expected ${expected(issue)}` }]
}

function expected(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${WORDS[issue.expected] ?? issue.expected}, found ${kindOf(issue.input)}`
    case 'invalid_value':
      return issue.values.map((value) => String(value)).join(', ')
    case 'too_small':
      return issue.origin === 'array'
        ? 'at least one'
        : issue.origin === 'string'
          ? 'a text that is not empty'
          : `at least ${issue.minimum}`
    default:
      return issue.message
  }
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'names with values',
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'keys with values'
  if (typeof value === 'number') return 'a number (a text that looks like one goes in quotes)'
  return typeof value === 'boolean' ? 'true or false (a text goes in quotes)' : 'a text'
}

/** `jobs.nightly.sources[0]`. */
export function pathText(path: ConfigPath): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('')
}

function below({ properties, additionalProperties }: JsonSchema, key: string): JsonSchema | undefined {
  return properties?.[key] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
}

/** Of the keys that are known there, the one that was meant most likely. */
function suggestion(key: string, path: ConfigPath): string {
  let at: JsonSchema | undefined = configJsonSchema()
  for (const part of path) {
    at = at === undefined ? undefined : below(at, String(part))
  }
  const known = Object.keys(at?.properties ?? {})
  const [nearest] = known.map((name) => ({ name, away: distance(key, name) })).sort((a, b) => a.away - b.away)
  if (nearest !== undefined && nearest.away <= Math.max(1, Math.floor(key.length / 3)))
    return `; did you mean "${nearest.name}"?`
  return known.length === 0 ? '' : `; there are ${known.join(', ')}`
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

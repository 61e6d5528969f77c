/**
 * The names that a configuration gives, for who completes command lines. It is read leniently: one with a problem, or with a variable
 * that is set elsewhere alone, has names all the same.
 */
import { parseDocument } from 'yaml'

/** Names of repositories, sources, categories, data types, jobs and drills: they are typed on command lines and stand in paths. */
export const NAME_PATTERN: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export const NAME_KINDS = [
  'repositories',
  'jobs',
  'drills',
  'categories',
  'types',
  'sources',
  'databases',
  'clusters',
  'channels',
] as const
export type NameKind = (typeof NAME_KINDS)[number]
export type ConfigNames = Readonly<Record<NameKind, readonly string[]>>

const ALIASES_MAX = 100
const CLUSTER_KIND = 'postgres-cluster'
const DATABASE_KINDS = ['sqlite', 'postgres', CLUSTER_KIND]

/** Names that are none are left out; a text that is no configuration has none. */
export function namesOf(text: string): ConfigNames {
  const root = record(plainValue(text))
  const sources = record(root['sources'])
  const categories = record(root['categories'])
  return {
    repositories: keys(root['repositories']),
    jobs: keys(root['jobs']),
    drills: keys(root['drills']),
    categories: keys(categories),
    types: [...new Set(Object.values(categories).flatMap(keys))],
    sources: keys(sources),
    channels: keys(root['notifications']),
    databases: keys(sources).filter((name) => DATABASE_KINDS.some((kind) => kind in record(sources[name]))),
    clusters: keys(sources).filter((name) => CLUSTER_KIND in record(sources[name])),
  }
}

/** All keys of `repositories`, whether they can be names or not; `undefined` where the text is no YAML: then nobody knows. */
export function repositoryKeys(text: string): readonly string[] | undefined {
  const document = parseDocument(text, { merge: true, logLevel: 'silent' })
  if (document.errors.length > 0) return undefined
  return Object.keys(record(record(plainValue(text))['repositories']))
}

function plainValue(text: string): unknown {
  try {
    return parseDocument(text, { merge: true, logLevel: 'silent' }).toJS({ maxAliasCount: ALIASES_MAX })
  } catch {
    return undefined
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isRecord ? (value as Record<string, unknown>) : {}
}

const keys = (value: unknown): string[] =>
  Object.keys(record(value)).filter((name) => NAME_PATTERN.test(name))

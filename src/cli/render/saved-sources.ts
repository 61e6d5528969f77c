/** What a job has saved in a snapshot, a line for each source, with what was found out about it. */
import type { Note, SnapshotSource } from '../../log/details.ts'
import { humanBytes, humanCount, plural } from '../output/human.ts'
import { safeText } from '../output/safe-text.ts'

/** Digests and the like, which tell people nothing. */
const NOT_TOLD = new Set(['schema', 'page_size', 'user_version', 'segment_bytes'])
const TIMES = new Set(['started', 'finished'])
const FACTS_MAX = 12

/** Indented, with a newline after each. A category and a source that it names are told once. */
export function renderSources(sources: readonly SnapshotSource[]): string {
  return sources.map((source) => `    ${safeText(lineOf(source))}\n`).join('')
}

function lineOf({ name, category, type, kind, paths, facts }: SnapshotSource): string {
  const place = [category, type].flatMap((part) => part ?? []).join('/')
  const what = [name, place === '' ? undefined : `(${place})`].filter((part) => part !== undefined).join(' ')
  const told = facts === undefined ? paths.join(' ') : factsIn(facts)
  return `${what === '' ? kind : `${what}, ${kind}`}: ${told}`
}

/** Of another version's, or a hostile one's, what can be understood. */
function factsIn(facts: Note): string {
  const told = Object.entries(facts).flatMap(([name, value]) =>
    NOT_TOLD.has(name) ? [] : factOf(name, value),
  )
  return told.slice(0, FACTS_MAX).join(', ')
}

function factOf(name: string, value: Note[string]): string[] {
  const title = name.replaceAll('_', ' ')
  if (name === 'rows' && isRecord(value)) return [rowsIn(value)]
  if (name === 'integrity') return [value === 'ok' ? 'integrity ok' : `INTEGRITY: ${firstOf(value)}`]
  if (Array.isArray(value)) return [plural(value.length, title.replace(/s$/, ''))]
  if (typeof value === 'number') {
    if (TIMES.has(name) && Math.abs(value) <= 8.64e15) return [`${title} ${new Date(value).toISOString()}`]
    return [`${title} ${name === 'size' ? humanBytes(value) : humanCount(value)}`]
  }
  return typeof value === 'string' ? [`${title} ${value}`] : []
}

function rowsIn(rows: Readonly<Record<string, unknown>>): string {
  const counts = Object.values(rows).filter((count) => typeof count === 'number')
  const sum = counts.reduce((total, count) => total + count, 0)
  return `${plural(sum, 'row')} in ${plural(counts.length, 'table')}`
}

const firstOf = (value: unknown): string => String(Array.isArray(value) ? value[0] : value)

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

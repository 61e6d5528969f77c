/** What a snapshot records of a database against what came back. Pure; what is recorded may be anything. */
import type { Note } from '../../log/details.ts'
import type { DatabaseFacts } from '../../sqlite/online-copy.ts'

/** Tables that are named. */
const NAMED_MAX = 5

/** Clauses; none where all is as it was. `recorded`: `undefined` where the snapshot says nothing. */
export function sqliteDifferences(recorded: Note | undefined, found: DatabaseFacts): string[] {
  const [finding] = found.findings
  const damage = finding === undefined ? [] : [`integrity_check: ${finding}`]
  if (recorded === undefined) return damage
  const { schema } = recorded
  const isOther = typeof schema === 'string' && schema !== found.schema
  return [
    ...damage,
    ...(isOther ? ['its schema is another than the snapshot records'] : []),
    ...rowDifferences(recorded['rows'], found.rows),
  ]
}

function rowDifferences(recorded: Note[string], found: Readonly<Record<string, number>>): string[] {
  if (typeof recorded !== 'object' || recorded === null || Array.isArray(recorded)) return []
  const counts = new Map(Object.entries(found))
  const differences = Object.entries(recorded).flatMap(([table, rows]) => {
    const count = counts.get(table)
    if (typeof rows !== 'number' || count === rows) return []
    return [
      count === undefined
        ? `table ${table} is missing`
        : `table ${table} has ${count} rows, and ${rows} by the snapshot`,
    ]
  })
  const more = differences.length - NAMED_MAX
  return more <= 0 ? differences : [...differences.slice(0, NAMED_MAX), `and ${more} more tables differ`]
}

export type PostgresCounts = { readonly tables: number; readonly rows: number }

/** Of the rows that the server estimated when it was saved, so many must have come back: estimates are off, dumps are not. */
const ROWS_SHARE_MIN = 0.5

/** Clauses; none where all is there. */
export function postgresDifferences(recorded: Note | undefined, found: PostgresCounts): string[] {
  const tables = recorded?.['tables']
  const rows = recorded?.['rows']
  return [
    ...(typeof tables === 'number' && found.tables < tables
      ? [`it has ${found.tables} tables, and ${tables} by the snapshot`]
      : []),
    ...(typeof rows === 'number' && found.rows < rows * ROWS_SHARE_MIN
      ? [`it has ${found.rows} rows, and about ${rows} by the snapshot`]
      : []),
  ]
}

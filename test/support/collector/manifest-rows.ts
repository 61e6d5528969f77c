/**
 * The rows of a manifest, table by table, without what depends on the order in which a client learned them, on what it did
 * itself (`runs`, when it verified what), and on packs that no log entry names yet.
 */
import Sqlite from 'better-sqlite3'

export type ManifestRows = Readonly<Record<string, readonly string[]>>

const PACK_OF = 'JOIN packs p ON p.no = t.pack AND p.state <> 0'
const QUERIES: Readonly<Record<string, string>> = {
  log: 'SELECT * FROM log',
  snapshots: `SELECT id, number, series, time_ms, committed_ms, host, user, paths, tags, label, root, summary, details,
    forgotten_ms, held FROM snapshots`,
  indexes: 'SELECT * FROM indexes',
  index_packs: `SELECT t.index_id, p.id FROM index_packs t ${PACK_OF}`,
  packs: 'SELECT id, kind, bytes, state, trusted FROM packs WHERE state <> 0',
  segments: `SELECT p.id, t.number, t.offset, t.sealed, t.plain, t.depth, t.chunks, t.bases FROM segments t ${PACK_OF}`,
  listings: `SELECT p.id, t.chunks FROM listings t ${PACK_OF}`,
  chunks: `SELECT p.id, t.key, t.segment, t.offset, t.bytes FROM chunks t ${PACK_OF}`,
  orphans: `SELECT DISTINCT t.pack FROM chunks t WHERE t.pack NOT IN (SELECT no FROM packs)`,
  meta: "SELECT * FROM meta WHERE key IN ('head number', 'head hash', 'log state')",
}
/** What a client knows of directories depends on what it looked at: those that two know must be the same. */
const SHARED: Readonly<Record<string, string>> = {
  trees: 'SELECT hex(id) AS about, bytes FROM trees WHERE bytes IS NOT NULL',
}

export function manifestRows(path: string): {
  readonly rows: ManifestRows
  readonly shared: ManifestRows
  readonly pending: readonly string[]
} {
  const database = new Sqlite(path, { readonly: true })
  try {
    const all = (sql: string): Record<string, unknown>[] =>
      database.prepare(sql).all() as Record<string, unknown>[]
    const rowsOf = (queries: Readonly<Record<string, string>>): ManifestRows =>
      Object.fromEntries(Object.entries(queries).map(([table, sql]) => [table, all(sql).map(textOf).sort()]))
    return {
      rows: rowsOf(QUERIES),
      shared: rowsOf(SHARED),
      pending: all('SELECT lower(hex(id)) AS id FROM packs WHERE state = 0').map(({ id }) => String(id)),
    }
  } finally {
    database.close()
  }
}

function textOf(row: Record<string, unknown>): string {
  return Object.values(row)
    .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value)))
    .join(' ')
}

/** In words; empty where they are the same. */
export function differences(mine: ManifestRows, theirs: ManifestRows): string[] {
  return Object.keys(mine).flatMap((table) => {
    const [left, right] = [mine[table] ?? [], theirs[table] ?? []]
    const [known, wanted] = [new Set(left), new Set(right)]
    const more = left.filter((row) => !wanted.has(row))
    const less = right.filter((row) => !known.has(row))
    if (more.length + less.length === 0) return []
    return [
      `${table}: ${more.length} rows too many, ${less.length} too few: ${(more[0] ?? less[0] ?? '').slice(0, 120)}`,
    ]
  })
}

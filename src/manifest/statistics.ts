/** Counts and sizes of the manifest itself, for `stats`. */

import type { PackKind } from '../model/pack-table.ts'
import type { Connection } from './connection.ts'
import type { PackState } from './packs-table.ts'

const TABLES = [
  'meta',
  'log',
  'snapshots',
  'indexes',
  'packs',
  'segments',
  'listings',
  'chunks',
  'trees',
  'entries',
  'entry_trees',
  'runs',
] as const
export type TableName = (typeof TABLES)[number]

/** `bytes` on disk, a table's indexes included. */
export type TableStatistics = { readonly name: TableName; readonly rows: number; readonly bytes: number }
export type PackStatistics = {
  readonly state: PackState
  readonly kind: PackKind
  readonly count: number
  readonly bytes: number
}
export type ManifestStatistics = {
  /** Of the database file, free pages included, its WAL not. */
  readonly bytes: number
  readonly tables: readonly TableStatistics[]
  readonly packs: readonly PackStatistics[]
}

/** Reads every page of the file: seconds per GB. */
export function readStatistics(connection: Connection): ManifestStatistics {
  const sizes = connection.prepare<{ name: string; bytes: number }>(
    `SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
     WHERE d.aggregate = 1 GROUP BY s.tbl_name`,
  )
  const bytesOf = new Map(sizes.all().map((row) => [row.name, row.bytes]))
  const packs = connection.prepare<PackStatistics>(
    `SELECT CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'live' ELSE 'quarantined' END AS state,
       CASE kind WHEN 2 THEN 'tree' ELSE 'data' END AS kind, count(*) AS count, sum(bytes) AS bytes
     FROM packs GROUP BY packs.state, packs.kind ORDER BY packs.state, packs.kind`,
  )
  return {
    bytes: Number(connection.pragma('page_count')) * Number(connection.pragma('page_size')),
    tables: TABLES.map((name) => ({
      name,
      rows: connection.prepareValue<number>(`SELECT count(*) FROM ${name}`).one() ?? 0,
      bytes: bytesOf.get(name) ?? 0,
    })),
    packs: packs.all(),
  }
}

/**
 * The schema as an append-only list: the first migration makes `SCHEMA_FIRST` of an empty file, each further one the next
 * version. A migration that was released is never edited. Integers marked "state" and "kind" are listed beside the table's class.
 */
import type { Connection } from './connection.ts'
import { manifestDamaged } from './manifest-error.ts'

/** "snap" in ASCII: `file` and others tell by it whose database this is. */
export const APPLICATION_ID = 0x736e6170

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

  CREATE TABLE log (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL, kind INTEGER NOT NULL, author BLOB NOT NULL,
    time_ms INTEGER NOT NULL, problem TEXT);

  CREATE TABLE snapshots (
    id BLOB PRIMARY KEY, number INTEGER NOT NULL, series BLOB NOT NULL, time_ms INTEGER NOT NULL, host TEXT, user TEXT,
    paths TEXT NOT NULL, tags TEXT NOT NULL, label TEXT, root BLOB NOT NULL, root_tree BLOB, summary TEXT NOT NULL,
    details TEXT NOT NULL, forgotten_ms INTEGER) WITHOUT ROWID;
  CREATE INDEX snapshots_by_series ON snapshots (series, time_ms);

  CREATE TABLE indexes (id BLOB PRIMARY KEY, hash BLOB NOT NULL, state INTEGER NOT NULL) WITHOUT ROWID;

  CREATE TABLE packs (
    no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, bytes INTEGER NOT NULL,
    state INTEGER NOT NULL, trusted INTEGER NOT NULL, verified_ms INTEGER, run INTEGER);
  CREATE TABLE segments (
    pack INTEGER NOT NULL, number INTEGER NOT NULL, offset INTEGER NOT NULL, sealed INTEGER NOT NULL,
    plain INTEGER NOT NULL, depth INTEGER NOT NULL, chunks INTEGER NOT NULL, bases BLOB,
    PRIMARY KEY (pack, number)) WITHOUT ROWID;
  CREATE TABLE listings (pack INTEGER PRIMARY KEY, chunks BLOB NOT NULL);
  CREATE TABLE chunks (
    key BLOB NOT NULL, pack INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (key, pack, segment, offset)) WITHOUT ROWID;

  CREATE TABLE trees (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, bytes BLOB);
  CREATE TABLE entries (
    tree INTEGER NOT NULL, name BLOB NOT NULL, type INTEGER NOT NULL, size INTEGER NOT NULL, mtime_sec INTEGER NOT NULL,
    mtime_nsec INTEGER NOT NULL, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    content BLOB, child INTEGER, PRIMARY KEY (tree, name)) WITHOUT ROWID;
  CREATE INDEX entries_by_child ON entries (child) WHERE child IS NOT NULL;
  CREATE TABLE entry_trees (tree INTEGER PRIMARY KEY, content BLOB);
  CREATE INDEX entry_trees_waiting ON entry_trees (tree) WHERE content IS NOT NULL;

  CREATE TABLE runs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT,
    snapshot BLOB, details TEXT NOT NULL);
  `,
  // Index objects are all taken in again, with their sizes and packs.
  `DELETE FROM indexes; ALTER TABLE indexes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE packs SET state = 2 WHERE state = 3;
  ALTER TABLE snapshots ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE snapshots ADD COLUMN committed_ms INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE index_packs (
    index_id BLOB NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY (pack, index_id)) WITHOUT ROWID;
  CREATE INDEX index_packs_by_index ON index_packs (index_id);`,
  // Pack numbers are never given again: other processes may still mean the pack that was removed.
  `CREATE TABLE numbered_packs (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, bytes INTEGER NOT NULL,
    state INTEGER NOT NULL, trusted INTEGER NOT NULL, verified_ms INTEGER, run INTEGER);
  INSERT INTO numbered_packs SELECT no, id, kind, bytes, state, trusted, verified_ms, run FROM packs;
  DROP TABLE packs;
  ALTER TABLE numbered_packs RENAME TO packs;`,
  // Few segments have bases, and they are asked for often.
  'CREATE INDEX segments_with_bases ON segments (pack, number) WHERE depth > 0;',
]

/** What the first migration makes. Older ones are refused: everything in them can be had again. */
const SCHEMA_FIRST = 2

/** The schema that this program reads. */
export const SCHEMA_VERSION: number = SCHEMA_FIRST + MIGRATIONS.length - 1

/** `undefined` for an empty file, else the version; `MANIFEST_FAILED` for another program's database and for a schema that is not read. */
export function schemaVersion(connection: Connection): number | undefined {
  const version = Number(connection.pragma('user_version'))
  const application = Number(connection.pragma('application_id'))
  const objects = connection.prepareValue<number>('SELECT count(*) FROM sqlite_schema').one()
  if (version === 0 && application === 0 && objects === 0) return undefined
  if (application !== APPLICATION_ID)
    throw manifestDamaged(connection.path, 'is a database of another program')
  if (version < SCHEMA_FIRST || version > SCHEMA_VERSION) {
    throw manifestDamaged(connection.path, `has schema ${version}; this program reads ${SCHEMA_VERSION}`)
  }
  return version
}

/** Brings the schema up to date in one transaction; two processes may do it at once. */
export function migrate(connection: Connection): void {
  connection.transaction(() => {
    const version = schemaVersion(connection) ?? SCHEMA_FIRST - 1
    if (version === SCHEMA_VERSION) return
    for (const migration of MIGRATIONS.slice(version - SCHEMA_FIRST + 1)) connection.exec(migration)
    connection.pragma(`application_id = ${APPLICATION_ID}`)
    connection.pragma(`user_version = ${SCHEMA_VERSION}`)
  })
}

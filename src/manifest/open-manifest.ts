/**
 * Opens the manifest of a repository: makes the file private, refuses a SQLite that is known to corrupt and a file
 * that is not ours, sets the connection up and brings the schema up to date.
 */
import { chmodSync, closeSync, fstatSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory } from '../base/make-directory.ts'
import { SnapError } from '../model/errors.ts'
import { isUnsafeSqlite } from '../sqlite/sqlite-version.ts'
import { BUSY_TIMEOUT_MS, Connection } from './connection.ts'
import { Manifest } from './manifest.ts'
import { isBusy, manifestDamaged } from './manifest-error.ts'
import { migrate, SCHEMA_VERSION, schemaVersion } from './migrations.ts'

/** Page cache of one connection, in KiB. */
const CACHE_KIB = 16_384
/** Off: lookups gained nothing by it, and a disk error under a mapping kills the process instead of failing the call. */
const MMAP_BYTES = 0
/** The WAL is copied back after this many pages (64 MiB): a page that many packs touched is then written once. */
const WAL_CHECKPOINT_PAGES = 16_384
/** A WAL that one large transaction made longer is cut back to this. */
const WAL_BYTES_KEPT = 67_108_864

const BUSY_STEP_MS = 20

export type OpenManifestOptions = {
  /** For worker threads, beside a writer: the file must exist with the current schema. Every write then fails. */
  readonly readOnly?: boolean
}

/**
 * `MANIFEST_FAILED` where the file cannot be opened, is no manifest, is damaged or has a schema that this program does
 * not read; `SQLITE_UNSAFE` for a SQLite that corrupts. The caller disposes of what it gets.
 */
export function openManifest(path: string, options: OpenManifestOptions = {}): Manifest {
  const readOnly = options.readOnly ?? false
  if (!readOnly) makePrivate(path)
  const connection = new Connection(path, readOnly)
  try {
    refuseUnsafe(connection)
    const version = schemaVersion(connection)
    if (readOnly && version !== SCHEMA_VERSION) {
      throw manifestDamaged(path, `has schema ${version ?? 'none'}, not ${SCHEMA_VERSION}`)
    }
    if (!readOnly) {
      setUpWriter(connection)
      migrate(connection)
    }
    setUp(connection)
    return new Manifest(connection)
  } catch (error) {
    connection[Symbol.dispose]()
    throw error
  }
}

function refuseUnsafe(connection: Connection): void {
  const version = connection.prepareValue<string>('SELECT sqlite_version()').one() ?? ''
  if (isUnsafeSqlite(version)) {
    throw new SnapError('SQLITE_UNSAFE', `SQLite ${version} can corrupt a database in WAL mode`, {
      hint: 'Use a build of better-sqlite3 with SQLite 3.51.3 or newer.',
    })
  }
}

/**
 * In WAL mode `synchronous = NORMAL` never corrupts: a power cut may drop the last transactions, each as a whole. What
 * is dropped is folded again from the log and the index objects, because an entry and its effects share a transaction.
 */
function setUpWriter(connection: Connection): void {
  if (journalMode(connection) !== 'wal') {
    throw new SnapError('MANIFEST_FAILED', `the manifest ${connection.path} cannot use WAL mode`, {
      hint: 'Keep the cache directory on a local file system.',
    })
  }
  connection.pragma('synchronous = NORMAL')
  connection.pragma(`wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`)
  connection.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`)
}

/**
 * Of a new file: SQLite takes the change as one from reading to writing, at which it never waits for another that writes, and
 * several processes may open the file for the first time at once.
 */
function journalMode(connection: Connection): unknown {
  for (let waited = 0; ; waited += BUSY_STEP_MS) {
    try {
      return connection.pragma('journal_mode = WAL')
    } catch (error) {
      if (!isBusy(error) || waited >= BUSY_TIMEOUT_MS) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_STEP_MS)
    }
  }
}

function setUp(connection: Connection): void {
  connection.pragma('foreign_keys = OFF')
  connection.pragma('temp_store = MEMORY')
  connection.pragma(`cache_size = -${CACHE_KIB}`)
  connection.pragma(`mmap_size = ${MMAP_BYTES}`)
}

/** The directory for a manifest at `path`, 0700 with what is missing above it. `MANIFEST_FAILED` where it cannot be made. */
export function makeManifestDirectory(path: string): void {
  orUnusable(path, () => makeDirectory(dirname(path), 0o700))
}

/** The file is 0600, and so are the files that SQLite puts beside it. */
function makePrivate(path: string): void {
  makeManifestDirectory(path)
  orUnusable(path, () => {
    const fd = openSync(path, 'a', 0o600)
    try {
      if ((fstatSync(fd).mode & 0o077) !== 0) chmodSync(path, 0o600)
    } finally {
      closeSync(fd)
    }
  })
}

function orUnusable(path: string, act: () => void): void {
  try {
    act()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SnapError('MANIFEST_FAILED', `the local database cannot be kept at ${path}: ${why}`, {
      hint: `Check that you may write to ${dirname(path)} and that its disk is not full, or name another place with --cache-dir or SNAP_CACHE_DIR.`,
      cause,
    })
  }
}

import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'
import { expect, test, vi } from 'vitest'
import { Connection } from '../../../src/manifest/connection.ts'
import { Manifest } from '../../../src/manifest/manifest.ts'
import { manifestError } from '../../../src/manifest/manifest-error.ts'
import { APPLICATION_ID, SCHEMA_VERSION } from '../../../src/manifest/migrations.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { SnapError } from '../../../src/model/errors.ts'
import { hash, LAST_RUN, pack, ScratchDirectory, segment, snapshot } from './sample.ts'

/** The error that `work` throws, which must be a `MANIFEST_FAILED`. */
function failure(work: () => unknown): SnapError {
  try {
    work()
  } catch (error) {
    if (error instanceof SnapError && error.code === 'MANIFEST_FAILED') return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const REBUILD = expect.stringContaining('snap manifest rebuild')

function prepare(file: string): void {
  mkdirSync(dirname(file), { recursive: true })
}

test('the file and what SQLite puts beside it are private, and so are the directories that are made', () => {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  manifest.runs.begin('backup', 1)
  const mode = (path: string) => statSync(path).mode & 0o777
  expect([scratch.file, `${scratch.file}-wal`, `${scratch.file}-shm`].map(mode)).toEqual([
    0o600, 0o600, 0o600,
  ])
  expect(mode(dirname(scratch.file))).toBe(0o700)
  expect(mode(dirname(dirname(scratch.file)))).toBe(0o700)
})

test('a file that others could read becomes private', () => {
  using scratch = new ScratchDirectory()
  prepare(scratch.file)
  writeFileSync(scratch.file, '', { mode: 0o644 })
  openManifest(scratch.file)[Symbol.dispose]()
  expect(statSync(scratch.file).mode & 0o777).toBe(0o600)
})

test('who opens a new file while another writes its first bytes waits for that', async () => {
  using scratch = new ScratchDirectory()
  prepare(scratch.file)
  const other = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const database = new (require('better-sqlite3'))(workerData)
     database.exec('BEGIN IMMEDIATE')
     parentPort.postMessage('writing')
     setTimeout(() => { database.exec('COMMIT'); database.close() }, 300)`,
    { eval: true, workerData: scratch.file },
  )
  await once(other, 'message')
  using manifest = openManifest(scratch.file)
  expect(manifest.runs.begin('backup', 1)).toBe(1)
  await once(other, 'exit')
})

test('the file says whose it is, which schema it has and that it uses WAL', () => {
  using scratch = new ScratchDirectory()
  openManifest(scratch.file)[Symbol.dispose]()
  const header = readFileSync(scratch.file)
  expect(header.readUInt32BE(68)).toBe(APPLICATION_ID)
  expect(header.readUInt32BE(60)).toBe(SCHEMA_VERSION)
  expect([header[18], header[19]]).toEqual([2, 2])
})

test('what was written is there after closing and opening again', () => {
  using scratch = new ScratchDirectory()
  {
    using manifest = openManifest(scratch.file)
    manifest.snapshots.add(snapshot('one'))
  }
  using manifest = openManifest(scratch.file)
  expect(manifest.snapshots.list()).toHaveLength(1)
})

test('disposing twice is fine', () => {
  using scratch = new ScratchDirectory()
  const manifest = openManifest(scratch.file)
  manifest[Symbol.dispose]()
  manifest[Symbol.dispose]()
})

test('a file that is no database is refused, and left as it is', () => {
  using scratch = new ScratchDirectory()
  prepare(scratch.file)
  const content = 'not a database at all, but long enough to be taken for one. '.repeat(100)
  writeFileSync(scratch.file, content)
  expect(failure(() => openManifest(scratch.file)).hint).toEqual(REBUILD)
  expect(readFileSync(scratch.file, 'utf8')).toBe(content)
})

test("another program's database is refused, and left as it is", () => {
  using scratch = new ScratchDirectory()
  prepare(scratch.file)
  writeFileSync(scratch.file, '')
  {
    using other = new Connection(scratch.file, false)
    other.exec('CREATE TABLE theirs (value)')
  }
  const before = readFileSync(scratch.file)
  expect(failure(() => openManifest(scratch.file)).message).toContain('another program')
  expect(readFileSync(scratch.file).equals(before)).toBe(true)
})

test.each([0, 1, SCHEMA_VERSION + 1])('schema version %i is refused', (version) => {
  using scratch = new ScratchDirectory()
  openManifest(scratch.file)[Symbol.dispose]()
  {
    using database = new Connection(scratch.file, false)
    database.pragma(`user_version = ${version}`)
  }
  const error = failure(() => openManifest(scratch.file))
  expect(error.message).toContain(`schema ${version}`)
  expect(error.hint).toEqual(REBUILD)
})

test('a manifest without one of its tables is refused', () => {
  using scratch = new ScratchDirectory()
  openManifest(scratch.file)[Symbol.dispose]()
  {
    using database = new Connection(scratch.file, false)
    database.exec('DROP TABLE chunks')
  }
  expect(failure(() => openManifest(scratch.file)).hint).toEqual(REBUILD)
})

test('damaged pages are reported where they are met', () => {
  using scratch = new ScratchDirectory()
  {
    using manifest = openManifest(scratch.file)
    const names = Array.from({ length: 3_000 }, (_, index) => `chunk ${index}`)
    manifest.packs.add(pack('one', [segment(names)]))
  }
  const size = statSync(scratch.file).size
  const fd = openSync(scratch.file, 'r+')
  writeSync(fd, Buffer.alloc(size - 8_192, 0xa5), 0, undefined, 8_192)
  closeSync(fd)
  const error = failure(() => {
    using manifest = openManifest(scratch.file)
    for (let index = 0; index < 3_000; index++) manifest.chunks.locate(hash(`chunk ${index}`))
  })
  expect(error.hint).toEqual(REBUILD)
})

test('a full disk is said to be one, and by name, and the transaction leaves nothing', () => {
  using scratch = new ScratchDirectory()
  openManifest(scratch.file)[Symbol.dispose]()
  {
    using connection = new Connection(scratch.file, false)
    connection.pragma('max_page_count = 60')
    const manifest = new Manifest(connection)
    const names = Array.from({ length: 10_000 }, (_, index) => `chunk ${index}`)
    const error = failure(() => manifest.packs.add(pack('one', [segment(names)])))
    expect(error.hint).toContain(`disk that holds ${dirname(scratch.file)}`)
  }
  using manifest = openManifest(scratch.file)
  expect(manifest.packs.list()).toEqual([])
  expect(manifest.chunks.knows(hash('chunk 0'), LAST_RUN)).toBe(false)
})

test.each([
  ['SQLITE_CORRUPT_VTAB', 'rebuild'],
  ['SQLITE_NOTADB', 'rebuild'],
  ['SQLITE_IOERR_WRITE', 'Check the disk'],
  ['SQLITE_FULL', 'Free space'],
  ['SQLITE_BUSY_SNAPSHOT', 'Another process'],
  ['SQLITE_CANTOPEN', 'may write'],
])('%s is a failure of the manifest with a hint', (code, hint) => {
  const cause = new Sqlite.SqliteError('it failed', code)
  const error = manifestError(cause, '/cache/manifest.db')
  expect(error).toMatchObject({ code: 'MANIFEST_FAILED', cause, hint: expect.stringContaining(hint) })
})

test('our own mistakes are not taken for a damaged file', () => {
  const mistakes = [
    new Sqlite.SqliteError('UNIQUE', 'SQLITE_CONSTRAINT_UNIQUE'),
    new TypeError('bound nothing'),
    'text',
  ]
  for (const mistake of mistakes) expect(manifestError(mistake, '/m')).toBe(mistake)
})

test('a directory that cannot be made is a failure of the manifest', () => {
  using scratch = new ScratchDirectory()
  writeFileSync(`${scratch.path}/cache`, 'a file')
  expect(failure(() => openManifest(scratch.file)).hint).toContain('may write')
})

test('reading only needs a manifest that is there, and makes none', () => {
  using scratch = new ScratchDirectory()
  failure(() => openManifest(scratch.file, { readOnly: true }))
  prepare(scratch.file)
  failure(() => openManifest(scratch.file, { readOnly: true }))
  writeFileSync(scratch.file, '')
  failure(() => openManifest(scratch.file, { readOnly: true }))
  expect(statSync(scratch.file).size).toBe(0)
})

test('a reader sees what a writer committed, and cannot write', () => {
  using scratch = new ScratchDirectory()
  using writer = openManifest(scratch.file)
  using reader = openManifest(scratch.file, { readOnly: true })
  writer.packs.add(pack('one', [segment(['a'])]))
  expect(reader.chunks.knows(hash('a'), LAST_RUN)).toBe(true)
  failure(() => reader.packs.markVerified(1, 5))
})

test('a reader works without a writer', () => {
  using scratch = new ScratchDirectory()
  {
    using writer = openManifest(scratch.file)
    writer.packs.add(pack('one', [segment(['a'])]))
  }
  using reader = openManifest(scratch.file, { readOnly: true })
  expect(reader.chunks.knows(hash('a'), LAST_RUN)).toBe(true)
})

test('a transaction that throws leaves nothing, and an inner one only its own part', () => {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  const planned = new Error('planned')
  expect(() =>
    manifest.transaction(() => {
      manifest.packs.add(pack('one', [segment(['a'])]))
      throw planned
    }),
  ).toThrow(planned)
  expect(manifest.packs.list()).toEqual([])
  manifest.transaction(() => {
    manifest.packs.add(pack('two', [segment(['b'])]))
    expect(() =>
      manifest.transaction(() => {
        manifest.packs.add(pack('three', [segment(['c'])]))
        throw planned
      }),
    ).toThrow(planned)
  })
  expect(['a', 'b', 'c'].map((name) => manifest.chunks.knows(hash(name), LAST_RUN))).toEqual([
    false,
    true,
    false,
  ])
})

test('its writes are in order on the disk: a power failure takes the last of them, and never the file', () => {
  using scratch = new ScratchDirectory()
  const prepare = vi.spyOn(Sqlite.prototype, 'prepare')
  try {
    using manifest = openManifest(scratch.file)
    manifest.runs.begin('backup', 1)
    const database = prepare.mock.contexts[0] as Sqlite.Database
    const NORMAL = 1
    expect(database.pragma('synchronous', { simple: true })).toBe(NORMAL)
  } finally {
    prepare.mockRestore()
  }
})

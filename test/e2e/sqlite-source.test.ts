import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, openSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'

const WRITER = fileURLToPath(new URL('../support/sqlite-writer.mjs', import.meta.url))
const sandbox = new Sandbox()
let writer: ChildProcess | undefined

beforeAll(() => sandbox.init())
afterEach(async () => {
  const running = writer
  writer = undefined
  if (running === undefined || running.exitCode !== null) return
  running.kill('SIGKILL')
  await new Promise((resolve) => running.once('exit', resolve))
})

/** Resolves when there is something to save. */
async function startWriting(path: string, journal: string): Promise<void> {
  const child = spawn(process.execPath, [WRITER, path, journal], { stdio: ['ignore', 'pipe', 'inherit'] })
  writer = child
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', () => reject(new Error('the writer ended')))
  })
}

function configure(name: string, database: string): string {
  const file = sandbox.path(`${name}.yaml`)
  writeFileSync(
    file,
    `repositories: { local: { path: ${sandbox.repository}, key-file: ${sandbox.keyFile} } }
sources: { ledger: { sqlite: ${database} } }
jobs: { ${name}: { sources: [ledger], tags: [${name}] } }
`,
    { mode: 0o600 },
  )
  return file
}

const backupArgs = (name: string): string[] => [
  'backup',
  '--job',
  name,
  '--config',
  sandbox.path(`${name}.yaml`),
]

/** Of the restored copy, which is whole and holds whole transactions alone, the last entry. */
async function restored(snapshot: string, as: string): Promise<number> {
  const target = sandbox.path(`back-${snapshot}`)
  await sandbox.ok(['restore', `${snapshot}:/@ledger`, '--target', target])
  const database = new Sqlite(`${target}/${as}`)
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    const total = database.prepare('SELECT value, entries FROM total').get()
    const counted = database.prepare('SELECT sum(value) AS value, count(*) AS entries FROM entries').get()
    expect(counted).toEqual(total)
    return Number(database.prepare('SELECT max(id) FROM entries').pluck().get())
  } finally {
    database.close()
  }
}

describe('a SQLite database that is written to at full speed', () => {
  it.each(['WAL', 'DELETE'])(
    'with journal mode %s is saved 20 times, each time as it was at one moment',
    { timeout: 300_000 },
    async (journal) => {
      const path = sandbox.path(`${journal}.db`)
      const name = `busy-${journal}`
      configure(name, path)
      await startWriting(path, journal)
      for (let backup = 0; backup < 20; backup++) await sandbox.ok(backupArgs(name))
      expect(writer?.exitCode).toBe(null)
      const snapshots = await sandbox.snapshots(['--tag', name])
      expect(snapshots).toHaveLength(20)
      let before = 0
      for (const { id } of snapshots) {
        const last = await restored(id, `${journal}.db`)
        expect(last).toBeGreaterThan(before)
        before = last
      }
      expect(readdirSync(sandbox.path('home', '.cache', 'snap', 'copies'))).toEqual([])
    },
  )
})

function makeDatabase(path: string, rows: number): void {
  const database = new Sqlite(path)
  database.exec('CREATE TABLE entries (id INTEGER PRIMARY KEY, value TEXT); CREATE TABLE "odd ""name" (a)')
  const insert = database.prepare('INSERT INTO entries (value) VALUES (?)')
  database.transaction(() => {
    for (let row = 0; row < rows; row++) insert.run(`value ${row} ${Math.imul(row, 2654435761)}`)
  })()
  database.pragma('user_version = 7')
  database.close()
}

it('a copy a day later adds little, and what is found out is in the snapshot', {
  timeout: 60_000,
}, async () => {
  const path = sandbox.path('quiet.db')
  configure('quiet', path)
  makeDatabase(path, 300_000)
  const first = await sandbox.summary(backupArgs('quiet'))
  const database = new Sqlite(path)
  const change = database.prepare('UPDATE entries SET value = ? WHERE id = ?')
  for (let row = 1; row < 300_000; row += 3_000) change.run(`changed ${row}`, row)
  database.close()
  const second = await sandbox.summary(backupArgs('quiet'))
  expect(first.total_bytes_processed).toBe(statSync(path).size)
  expect(second.data_added_packed).toBeLessThan(first.data_added_packed / 10)
  const [snapshot] = await sandbox.snapshots(['--tag', 'quiet'])
  expect(snapshot).toMatchObject({
    job: 'quiet',
    sources: [
      {
        name: 'ledger',
        kind: 'sqlite',
        paths: ['/@ledger/quiet.db'],
        facts: {
          integrity: 'ok',
          rows: { entries: 300_000, 'odd "name': 0 },
          user_version: 7,
          page_size: 4096,
          schema: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      },
    ],
  })
})

it('a damaged database is saved as it is, and said to be damaged: status 3', async () => {
  const path = sandbox.path('damaged.db')
  configure('damaged', path)
  makeDatabase(path, 20_000)
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.alloc(3_000, 0xff), 0, 3_000, 4096 * 20)
  const run = await sandbox.expect(3, backupArgs('damaged'))
  expect(run.stderr).toContain('warning: /@ledger/damaged.db: integrity_check: ')
  const [{ id }] = await sandbox.snapshots(['--tag', 'damaged'])
  const target = sandbox.path('back-damaged')
  await sandbox.ok(['restore', `${id}:/@ledger`, '--target', target])
  expect(statSync(`${target}/damaged.db`).size).toBe(statSync(path).size)
})

it.each<[string, (path: string) => void]>([
  ['is not there', () => undefined],
  [
    'is no database',
    (path) => writeFileSync(path, 'something else, long enough to be looked at'.repeat(100)),
  ],
  [
    'is cut short',
    (path) => {
      makeDatabase(path, 20_000)
      truncateSync(path, 5_000)
    },
  ],
])('a database that %s fails its source: nothing is saved', async (what, make) => {
  const name = `bad-${what.replaceAll(' ', '-')}`
  const path = sandbox.path(`${name}.db`)
  configure(name, path)
  make(path)
  const run = await sandbox.run(backupArgs(name))
  expect([run.status, existsSync(path)]).toEqual([
    what === 'is cut short' ? run.status : 1,
    what !== 'is not there',
  ])
  if (what !== 'is cut short') expect(run.stderr).toContain(`${path} cannot be copied: `)
  else expect([1, 3]).toContain(run.status)
})

import { type ChildProcess, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, Postgres } from '../support/postgres.ts'
import { jsonLines, Sandbox } from '../support/snap.ts'

const sandbox = new Sandbox()
const configFile = sandbox.path('snap.yaml')
const withConfig = (...args: string[]): string[] => [...args, '--config', configFile]
let server: Postgres

beforeAll(async () => {
  await sandbox.init()
  server = await Postgres.start()
  writeFileSync(sandbox.path('password'), PASSWORD, { mode: 0o600 })
}, 120_000)

/** One job for each source; `beside` is saved by all of them. */
function configure(sources: Readonly<Record<string, string>>, beside?: string): void {
  const entries = Object.entries(sources)
  writeFileSync(
    configFile,
    `repositories: { local: { path: ${sandbox.repository}, key-file: ${sandbox.keyFile} } }
sources:
  etc: { files: [/etc/hostname] }
${entries.map(([name, source]) => `  ${name}: { ${source} }\n`).join('')}jobs:
${entries.map(([name]) => `  save-${name}: { sources: [${beside === undefined ? name : `${name}, ${beside}`}] }\n`).join('')}`,
    { mode: 0o600 },
  )
}

describe('a SQLite database', () => {
  let count = 0
  let path: string
  let holder: ChildProcess | undefined

  beforeEach(() => {
    count += 1
    path = sandbox.path(`sqlite-${count}`, 'ledger.db')
    mkdirSync(dirname(path))
    configure({ ledger: `sqlite: ${path}, as: ledger-${count}.db` })
    write('first')
  })
  afterEach(() => {
    holder?.kill('SIGKILL')
    holder = undefined
  })

  /** One more entry, which stays in the write-ahead log. */
  function write(value: string): void {
    const database = new Sqlite(path)
    database.pragma('journal_mode = WAL')
    database.pragma('wal_autocheckpoint = 0')
    database.exec('CREATE TABLE IF NOT EXISTS entries (value TEXT)')
    database.prepare('INSERT INTO entries VALUES (?)').run(value)
    database.close()
  }

  function entries(of = path): string[] {
    const database = new Sqlite(of, { readonly: true })
    const values = database.prepare('SELECT value FROM entries').pluck().all().map(String)
    database.close()
    return values
  }

  /** Another process that has written and goes on. */
  async function hold(value: string): Promise<void> {
    const script = `
      const database = new (require('better-sqlite3'))(process.argv[1])
      database.prepare('INSERT INTO entries VALUES (?)').run(process.argv[2])
      console.log('ready')
      setInterval(() => database.prepare('SELECT count(*) FROM entries').get(), 50)`
    const cwd = new URL('../..', import.meta.url).pathname
    const child = spawn(process.execPath, ['-e', script, path, value], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd,
    })
    holder = child
    await new Promise((resolve) => child.stdout.once('data', resolve))
  }

  const backup = () => sandbox.ok(withConfig('backup', '--job', 'save-ledger'))

  it('comes back as it was, and what stood there is kept', async () => {
    await backup()
    write('second')
    const run = await sandbox.ok(withConfig('db', 'restore', 'ledger', '--json'))
    expect(entries()).toEqual(['first'])
    const [{ former, target }] = jsonLines(run).slice(-1)
    expect(target).toBe(path)
    expect(entries(former)).toEqual(['first', 'second'])
    write('third')
    expect(entries()).toEqual(['first', 'third'])
  })

  it('comes back from the newest snapshot in which it could be read, and that is noted', async () => {
    await backup()
    write('second')
    renameSync(path, `${path}.away`)
    configure({ ledger: `sqlite: ${path}, as: ledger-${count}.db` }, 'etc')
    await sandbox.expect(3, withConfig('backup', '--job', 'save-ledger'))
    const run = await sandbox.ok(withConfig('db', 'restore', 'ledger'))
    expect(run.stderr).toMatch(/is passed over: .*unable to open/)
    expect(entries()).toEqual(['first'])
    const notes = jsonLines(await sandbox.ok(['audit', '--json'])).flatMap(({ note }) => note ?? [])
    const last = notes.findLast(({ operation }) => operation === 'db restore')
    expect(last).toMatchObject({ operation: 'db restore', target: path, result: 'ok' })
  })

  it('comes back from another repository that has it, and no other is taken for that', async () => {
    await backup()
    const repository = sandbox.path(`second-${count}`)
    const there = { env: { SNAP_REPOSITORY: repository, SNAP_KEY_FILE: undefined, SNAP_PASSWORD: 'two' } }
    await sandbox.ok(['init'], there)
    await sandbox.expect(1, withConfig('db', 'restore', 'ledger', '--repo', repository), there)
    const away = `${sandbox.repository}.away`
    await sandbox.ok(['copy', '--to', repository], { env: { SNAP_TO_PASSWORD: 'two' } })
    renameSync(sandbox.repository, away)
    try {
      const to = sandbox.path(`from-copy-${count}.db`)
      await sandbox.ok(withConfig('db', 'restore', 'ledger', '--to', to, '--repo', repository), there)
      expect(entries(to)).toEqual(['first'])
    } finally {
      renameSync(away, sandbox.repository)
    }
  })

  it('comes back where it is gone, and to another place', async () => {
    await backup()
    const other = sandbox.path(`other-${count}.db`)
    await sandbox.ok(withConfig('db', 'restore', 'ledger', '--to', other))
    expect(entries(other)).toEqual(['first'])
    expect(statSync(other).mode & 0o777).toBe(0o600)
    expect(entries()).toEqual(['first'])
  })

  it('behind a link comes back there', async () => {
    const link = sandbox.path(`link-${count}.db`)
    symlinkSync(path, link)
    configure({ ledger: `sqlite: ${link}, as: ledger-${count}.db` })
    await backup()
    await hold('while open')
    await sandbox.expect(1, withConfig('db', 'restore', 'ledger'))
    holder?.kill('SIGKILL')
    await new Promise((resolve) => holder?.once('exit', resolve))
    await sandbox.ok(withConfig('db', 'restore', 'ledger'))
    expect(readlinkSync(link)).toBe(path)
    expect(entries()).toEqual(['first'])
  })

  it('comes back as it was at a moment', async () => {
    await backup()
    const before = new Date(Date.now() + 1).toISOString()
    await new Promise((resolve) => setTimeout(resolve, 50))
    write('second')
    await backup()
    await sandbox.ok(withConfig('db', 'restore', 'ledger'))
    expect(entries()).toEqual(['first', 'second'])
    await sandbox.ok(withConfig('db', 'restore', 'ledger', '--at', before))
    expect(entries()).toEqual(['first'])
  })

  it('that another process has open stays as it is, unless told', async () => {
    await backup()
    await hold('while open')
    const refused = await sandbox.expect(1, withConfig('db', 'restore', 'ledger'))
    expect(refused.stderr).toContain(`${path} is open in process ${holder?.pid}`)
    expect(entries()).toEqual(['first', 'while open'])
    expect(readdirSync(dirname(path)).filter((name) => /before|restored/.test(name))).toEqual([])
    await sandbox.ok(withConfig('db', 'restore', 'ledger', '--even-in-use'))
    expect(holder?.exitCode).toBe(null)
    holder?.kill('SIGKILL')
    expect(entries()).toEqual(['first'])
  })

  it('whose copy is damaged is not put back, unless told', async () => {
    const database = new Sqlite(path)
    database.exec(
      'CREATE TABLE filling AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, hex(i) AS text FROM n',
    )
    database.pragma('journal_mode = DELETE')
    database.close()
    const fd = openSync(path, 'r+')
    writeSync(fd, Buffer.alloc(3_000, 0xff), 0, 3_000, 4096 * 20)
    closeSync(fd)
    await sandbox.expect(3, withConfig('backup', '--job', 'save-ledger'))
    const before = readFileSync(path)
    const refused = await sandbox.expect(4, withConfig('db', 'restore', 'ledger'))
    expect(refused.stderr).toContain('fails its check')
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(readdirSync(dirname(path))).toEqual(['ledger.db'])
    const taken = await sandbox.ok(withConfig('db', 'restore', 'ledger', '--even-damaged'))
    expect(taken.stderr).toContain('warning: integrity_check: ')
  })

  it('is described', async () => {
    const [{ facts }] = jsonLines(await sandbox.ok(withConfig('db', 'info', 'ledger', '--json')))
    expect(facts).toMatchObject({ integrity: 'ok', rows: { entries: 1 } })
    expect((await sandbox.ok(withConfig('db', 'info', 'ledger'))).stdout).toContain('entries 1')
    expect((await sandbox.ok(withConfig('db', 'test', 'ledger'))).stdout).toBe('ledger can be reached\n')
  })
})

describe('a PostgreSQL database', () => {
  const of = (database: string, format: string): string =>
    `postgres: { host: 127.0.0.1, port: ${server.port}, user: postgres, password: 'file:${sandbox.path('password')}', programs: ${server.programs}, database: ${database}, format: ${format} }`

  it.each(['custom', 'plain'])(
    'comes back into another that is made for it (%s)',
    { timeout: 60_000 },
    async (format) => {
      server.sql('postgres', `CREATE DATABASE shop_${format}`)
      server.sql(
        `shop_${format}`,
        'CREATE TABLE goods AS SELECT i, md5(i::text) AS name FROM generate_series(1, 50000) AS i',
      )
      configure({ shop: of(`shop_${format}`, format) })
      await sandbox.ok(withConfig('backup', '--job', 'save-shop'))
      const copy = `copy_${format}`
      await sandbox.ok(withConfig('db', 'restore', 'shop', '--to', copy, '--create'))
      const sum = "SELECT count(*), sum(i), md5(string_agg(name, '' ORDER BY i)) FROM goods"
      expect(server.sql(copy, sum)).toBe(server.sql(`shop_${format}`, sum))
      const again = await sandbox.expect(1, withConfig('db', 'restore', 'shop', '--to', copy, '--create'))
      expect(again.stderr).toContain(`database "${copy}" already exists`)
      // It is full: nobody is to be told that it is empty.
      expect(again.stderr).toContain('It was not made')
      expect(again.stderr).not.toContain('empty')
      const occupied = await sandbox.expect(1, withConfig('db', 'restore', 'shop'))
      expect(occupied.stderr).toContain(`the database shop_${format} has 1 table\n`)
    },
  )

  it('is replaced where that is said, all of it or nothing', { timeout: 60_000 }, async () => {
    server.sql('postgres', 'CREATE DATABASE store')
    server.sql(
      'store',
      'CREATE TABLE goods (i int PRIMARY KEY); INSERT INTO goods SELECT generate_series(1, 1000)',
    )
    configure({ store: of('store', 'custom') })
    await sandbox.ok(withConfig('backup', '--job', 'save-store'))
    server.sql('store', 'DELETE FROM goods WHERE i > 10')
    // What is not in the dump stands in its way.
    server.sql('store', 'CREATE TABLE orders (good int REFERENCES goods)')
    const failed = await sandbox.expect(1, withConfig('db', 'restore', 'store', '--clean'))
    expect(failed.stderr).toContain('store was not restored: ')
    expect(failed.stderr).toContain('hint: It is as it was.')
    expect(server.sql('store', 'SELECT count(*) FROM goods')).toBe('10')
    server.sql('store', 'DROP TABLE orders')
    await sandbox.ok(withConfig('db', 'restore', 'store', '--clean'))
    expect(server.sql('store', 'SELECT count(*) FROM goods')).toBe('1000')
  })

  it('is not half restored where the repository is damaged', { timeout: 60_000 }, async () => {
    server.sql('postgres', 'CREATE DATABASE vault')
    server.sql(
      'vault',
      'CREATE TABLE goods AS SELECT i, md5(i::text) AS name FROM generate_series(1, 200000) AS i',
    )
    configure({ vault: of('vault', 'custom') })
    await sandbox.ok(withConfig('backup', '--job', 'save-vault'))
    const packs = readdirSync(`${sandbox.repository}/packs`, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile(),
    )
    const largest = packs
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs || statSync(b).size - statSync(a).size)
      .find((file) => statSync(file).size > 1_000_000)!
    const fd = openSync(largest, 'r+')
    writeSync(fd, Buffer.alloc(64, 0x5a), 0, 64, statSync(largest).size - 300_000)
    const failed = await sandbox.expect(
      4,
      withConfig('db', 'restore', 'vault', '--to', 'vault_copy', '--create'),
    )
    expect(failed.stderr).toContain('snap: ')
    expect(server.sql('vault_copy', "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).toBe('0')
  })

  it('is described, and missed with a reason', async () => {
    configure({ shop: of('postgres', 'custom'), gone: of('nowhere', 'custom') })
    const [{ facts }] = jsonLines(await sandbox.ok(withConfig('db', 'info', 'shop', '--json')))
    expect(facts).toMatchObject({ database: 'postgres', encoding: 'UTF8' })
    await sandbox.ok(withConfig('db', 'test', 'shop'))
    const gone = await sandbox.expect(1, withConfig('db', 'test', 'gone'))
    expect(gone.stderr).toContain('snap: gone cannot be reached: ')
    expect(gone.stderr).toContain('database "nowhere" does not exist')
    const unknown = await sandbox.expect(2, withConfig('db', 'test', 'etc'))
    expect(unknown.stderr).toContain('etc is no database\nhint: There are shop, gone.')
    expect(existsSync(configFile)).toBe(true)
  })
})

import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, Postgres } from '../support/postgres.ts'
import { Sandbox } from '../support/snap.ts'

const sandbox = new Sandbox()
let server: Postgres

beforeAll(async () => {
  await sandbox.init()
  server = await Postgres.start()
  writeFileSync(sandbox.path('password'), `${PASSWORD}\n`, { mode: 0o600 })
  server.sql('postgres', 'CREATE DATABASE bank')
  server.run('pgbench', ['--initialize', '--quiet', '--scale', '2', 'bank'])
  server.sql('postgres', 'CREATE ROLE teller')
  // Rows of pgbench are nearly all spaces; those of people are not.
  server.sql(
    'bank',
    `CREATE TABLE letters AS SELECT id, md5(id::text) || md5((id * 7)::text) AS body, now() AS sent FROM generate_series(1, 100000) AS id`,
  )
}, 120_000)

/** A job `name` of one source `bank`; `more`: of the source. */
function configure(name: string, more: string, port = server.port): string[] {
  const file = sandbox.path(`${name}.yaml`)
  writeFileSync(
    file,
    `repositories: { local: { path: ${sandbox.repository}, key-file: ${sandbox.keyFile} } }
sources:
  bank: { postgres: { host: 127.0.0.1, port: ${port}, user: postgres, programs: ${server.programs}, ${more} } }
jobs: { ${name}: { sources: [bank], tags: [${name}] } }
`,
    { mode: 0o600 },
  )
  return ['backup', '--job', name, '--config', file]
}

const withPassword = (more: string): string => `password: 'file:${sandbox.path('password')}', ${more}`

async function restored(name: string): Promise<string> {
  const [snapshot] = (await sandbox.snapshots(['--tag', name])).slice(-1)
  const target = sandbox.path(`back-${name}-${snapshot.id}`)
  await sandbox.ok(['restore', `${snapshot.id}:/@bank`, '--target', target])
  return target
}

const BALANCES = 'SELECT count(*), sum(abalance), sum(hashint4(abalance) # aid) FROM pgbench_accounts'

describe('a PostgreSQL database', () => {
  it('is dumped for pg_restore, and restored into another', { timeout: 60_000 }, async () => {
    await sandbox.ok(configure('custom', withPassword('database: bank')))
    const dump = join(await restored('custom'), 'bank.dump')
    server.sql('postgres', 'CREATE DATABASE bank_custom')
    server.run('pg_restore', ['--dbname', 'bank_custom', '--exit-on-error', dump])
    expect(server.sql('bank_custom', BALANCES)).toBe(server.sql('bank', BALANCES))
    const [snapshot] = await sandbox.snapshots(['--tag', 'custom'])
    expect(snapshot.sources).toMatchObject([
      {
        name: 'bank',
        kind: 'postgres',
        paths: ['/@bank/bank.dump'],
        facts: { database: 'bank', tables: 5, format: 'custom' },
      },
    ])
  })

  it('is dumped as SQL, with the roles of the server beside it', { timeout: 60_000 }, async () => {
    await sandbox.ok(configure('plain', withPassword('database: bank, format: plain, globals: true')))
    const target = await restored('plain')
    server.sql('postgres', 'CREATE DATABASE bank_plain')
    server.run('psql', [
      '-X',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      'bank_plain',
      '-f',
      join(target, 'bank.sql'),
    ])
    expect(server.sql('bank_plain', BALANCES)).toBe(server.sql('bank', BALANCES))
    expect(readFileSync(join(target, 'globals.sql'), 'utf8')).toContain('CREATE ROLE teller;')
  })

  it.each(['custom', 'plain'])(
    'that changed a little adds less than a tenth (%s)',
    { timeout: 60_000 },
    async (format) => {
      const name = `changed-${format}`
      // Into another repository: what the tests before have stored is not to help.
      const line = configure(name, withPassword(`database: bank, format: ${format}`))
      const other = ['--repo', sandbox.path(`other-${format}`)]
      await sandbox.ok(['init', ...other, '--key-file', sandbox.path(`${name}.key`)])
      const file = sandbox.path(`${name}.yaml`)
      const text = readFileSync(file, 'utf8')
        .replace(sandbox.repository, other[1]!)
        .replace(sandbox.keyFile, sandbox.path(`${name}.key`))
      writeFileSync(file, text)
      const first = await sandbox.summary(line)
      server.run('pgbench', ['--transactions', '200', '--no-vacuum', 'bank'])
      server.sql('bank', "UPDATE letters SET body = md5(body) || '!' WHERE id % 1000 = 7")
      const second = await sandbox.summary(line)
      const share = second.data_added_packed / first.data_added_packed
      expect(share).toBeLessThan(0.1)
    },
  )
})

describe('a dump that fails is no backup', () => {
  it.each<[string, string, number | undefined, string]>([
    ['a wrong password', `password: wrong, database: bank`, undefined, 'password authentication failed'],
    ['no password', `database: bank`, undefined, 'no password supplied'],
    ['a database that is not there', 'DATABASE', undefined, 'database "nowhere" does not exist'],
    ['a server that is not there', 'SERVER', 1, 'Connection refused'],
    ['an option that pg_dump does not know', 'OPTION', undefined, 'unrecognized option'],
  ])('with %s', async (what, more, port, message) => {
    const known: Record<string, string> = {
      DATABASE: withPassword('database: nowhere'),
      SERVER: withPassword('database: bank'),
      OPTION: withPassword("database: bank, options: ['--no-such-option']"),
    }
    const name = `failing-${what.replaceAll(' ', '-')}`
    const run = await sandbox.expect(1, configure(name, known[more] ?? more, port))
    expect(run.stderr).toContain(message)
    expect(run.stdout + run.stderr).not.toContain(PASSWORD)
    expect(await sandbox.snapshots(['--tag', name])).toEqual([])
  })

  it.each([
    ['custom', 'bank.dump', 'what was printed is no dump'],
    ['plain', 'bank.sql', 'the dump is cut short: its last line is missing'],
  ])('where it ends too early and says that all is well (%s)', async (format, file, message) => {
    const programs = sandbox.path(`programs-${format}`)
    mkdirSync(programs)
    symlinkSync(join(server.programs, 'psql'), join(programs, 'psql'))
    writeFileSync(
      join(programs, 'pg_dump'),
      `#!/bin/sh\n${server.programs}/pg_dump "$@" | tail -c +2 | head -c 2000\n`,
    )
    chmodSync(join(programs, 'pg_dump'), 0o755)
    const name = `short-${format}`
    const line = configure(name, withPassword(`database: bank, format: ${format}`))
    const yaml = sandbox.path(`${name}.yaml`)
    writeFileSync(
      yaml,
      readFileSync(yaml, 'utf8').replace(`programs: ${server.programs}`, `programs: ${programs}`),
    )
    const run = await sandbox.expect(1, line)
    expect(run.stderr).toContain(`/@bank/${file}: ${message}`)
  })
})

/** Continuous archiving with a real server, which calls the built command itself. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { AS_SERVER, giveToServer, PASSWORD, Postgres } from '../support/postgres.ts'
import {
  isRoot,
  type Json,
  jsonLines,
  type Run,
  type RunOptions,
  Sandbox,
  summaryOf,
} from '../support/snap.ts'

const PROGRAM = new URL('../../bin/main.js', import.meta.url).pathname
const sandbox = new Sandbox()
const config = sandbox.path('snap.yaml')
let server: Postgres

/** As the user of the server, without what the environment says of the repository. */
const AS: RunOptions = { through: AS_SERVER, env: { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined } }
const snap = (status: number, ...args: string[]): Promise<Run> =>
  sandbox.expect(status, [...args, '--config', config], AS)
const listed = async (...args: string[]): Promise<Json[]> =>
  JSON.parse((await sandbox.ok(['snapshots', '--json', ...args], { through: AS_SERVER })).stdout)

function configure(retention = '', cluster = ''): void {
  const place = `host: 127.0.0.1, port: ${server.port}, user: postgres, password: 'file:${sandbox.path('password')}', programs: ${server.programs}`
  writeFileSync(
    config,
    `repositories: { local: { path: ${sandbox.repository}, key-file: ${sandbox.keyFile}, cache-dir: ${sandbox.cache} } }
sources:
  cluster: { postgres-cluster: { ${place}${cluster} } }
  bank: { postgres: { ${place}, database: bank } }
jobs:
  both: { sources: [cluster, bank]${retention} }
`,
    { mode: 0o600 },
  )
  giveToServer(config)
}

/** Ends the segment that is written to, and waits until it is archived. Its name. */
async function archived(): Promise<string> {
  server.sql('postgres', "SELECT pg_logical_emit_message(true, 'test', 'so that there is something in it')")
  const name = server.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())')
  await server.until('postgres', `SELECT last_archived_wal >= '${name}' FROM pg_stat_archiver`)
  return name
}

/** What commits at a time says of itself, in the order in which it was committed. */
const HISTORY = (condition: string): string =>
  `SELECT tid, bid, aid, delta, mtime, pg_xact_commit_timestamp(xmin) FROM pgbench_history
   WHERE ${condition} ORDER BY pg_xact_commit_timestamp(xmin), tid, aid, delta, mtime`
const BALANCES = `SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
  (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history)`

let copies = 0
async function recovered(...args: string[]): Promise<{ copy: Postgres; told: Json }> {
  copies += 1
  const directory = sandbox.path(`recovered-${copies}`)
  const file = sandbox.path(`it's "100%" \\${copies}.yaml`)
  writeFileSync(file, readFileSync(config), { mode: 0o600 })
  giveToServer(file)
  const line = ['db', 'recover', 'cluster', '--to', directory, '--json', '--config', file, ...args]
  const run = await sandbox.ok(line, AS)
  const copy = await Postgres.startOn(
    directory,
    { track_commit_timestamp: 'on' },
    'SELECT NOT pg_is_in_recovery()',
  )
  return { copy, told: jsonLines(run)[0] }
}

beforeAll(async () => {
  writeFileSync(sandbox.path('password'), `${PASSWORD}\n`, { mode: 0o600 })
  giveToServer(sandbox.root, sandbox.path('home'), sandbox.path('password'))
  await sandbox.ok(['init', '--key-file', sandbox.keyFile], {
    through: AS_SERVER,
    env: { SNAP_KEY_FILE: undefined },
  })
  server = await Postgres.start({
    archive_mode: 'on',
    archive_command: `'${process.execPath}' '${PROGRAM}' wal push cluster "%p" --config '${config}'`,
    track_commit_timestamp: 'on',
    min_wal_size: '32MB',
    max_wal_size: '64MB',
  })
  configure()
  server.sql('postgres', 'CREATE DATABASE bank')
  server.run('pgbench', ['--initialize', '--quiet', '--scale', '2', 'bank'])
}, 120_000)

describe('a cluster under load', () => {
  it('comes back to a second that is chosen afterwards', { timeout: 180_000 }, async () => {
    const load = server.background('pgbench', [
      '--client',
      '4',
      '--time',
      '12',
      '--no-vacuum',
      '--rate',
      '400',
      'bank',
    ])
    const saved = summaryOf(await snap(0, 'backup', '--job', 'both', '--json'))
    const [snapshot] = (await listed()).filter(({ id }) => id === saved.snapshot_id)
    const { facts } = snapshot.sources.find(({ kind }: Json) => kind === 'postgres-cluster')
    expect(facts).toMatchObject({ timeline: 1, segment_bytes: 16 * 1024 * 1024 })
    await load
    await archived()
    // The second in the middle of what came after the base backup.
    const middle = Math.floor(
      (facts.finished / 1000 +
        Number(server.sql('bank', 'SELECT extract(epoch FROM max(mtime)) FROM pgbench_history'))) /
        2,
    )
    const at = new Date(middle * 1000).toISOString().slice(0, 19)
    const { copy, told } = await recovered('--at', `${at}Z`)
    const until = `pg_xact_commit_timestamp(xmin) < '${at}Z'::timestamptz + interval '1 second'`
    const wanted = server.sql('bank', HISTORY(until))
    expect(copy.sql('bank', HISTORY('true'))).toBe(wanted)
    const [all, then] = ['true', until].map((which) =>
      Number(server.sql('bank', `SELECT count(*) FROM pgbench_history WHERE ${which}`)),
    )
    expect(then).toBeGreaterThan(500)
    expect(all! - then!).toBeGreaterThan(500)
    const [accounts, tellers, branches, history] = copy.sql('bank', BALANCES).split('|')
    expect([tellers, branches, history]).toEqual([accounts, accounts, accounts])
    expect(told).toMatchObject({ source: 'cluster', snapshot_id: saved.snapshot_id, timeline: 1 })
    expect(copy.sql('postgres', 'SHOW archive_mode')).toBe('off')
    await copy.stop()
    const whole = await recovered()
    expect(whole.copy.sql('bank', HISTORY('true'))).toBe(server.sql('bank', HISTORY('true')))
    await whole.copy.stop()
  })
})

/** Looks like the directory of WAL of the server. */
const place = (...names: string[]): string => sandbox.path('data', 'pg_wal', ...names)
const MIB16 = 16 * 1024 * 1024

/** A segment on timeline 9 that the server never wrote, told by its number. */
function made(number: number): string {
  const name = `00000009${'0'.repeat(8)}${number.toString(16).toUpperCase().padStart(8, '0')}`
  const head = readFileSync(place(real)).subarray(0, 40)
  head.writeBigUInt64LE(BigInt(number) * BigInt(MIB16), 8)
  head.writeUInt32LE(9, 4)
  writeFileSync(place(name), head)
  truncateSync(place(name), MIB16)
  return name
}

/** One that is archived, as the server wrote it. */
let real = ''
const target = (): string => sandbox.path('data', 'RECOVERYXLOG')
const push = async (status: number, name: string): Promise<Run> =>
  snap(status, 'wal', 'push', 'cluster', place(name), '--json')
const pushed = async (name: string): Promise<Json> => jsonLines(await push(0, name))[0]
const isFetched = async (name: string, wanted = readFileSync(place(name))): Promise<boolean> => {
  await snap(0, 'wal', 'fetch', 'cluster', name, target())
  const same = readFileSync(target()).equals(wanted)
  rmSync(target())
  return same
}

beforeAll(async () => {
  mkdirSync(place('archive_status'), { recursive: true })
  giveToServer(sandbox.path('data'), place(), place('archive_status'))
  real = await archived()
  writeFileSync(place(real), readFileSync(join(server.data, 'pg_wal', real)))
}, 60_000)

describe('a file of WAL', () => {
  it('that is pushed again is archived once', async () => {
    const before = (await listed('--wal')).length
    expect(await pushed(real)).toMatchObject({ name: real, snapshot_id: null, files: [] })
    expect(await listed('--wal')).toHaveLength(before)
    expect(await isFetched(real)).toBe(true)
  })

  it('with another content replaces nothing', async () => {
    const wanted = readFileSync(place(real))
    const other = Buffer.from(wanted)
    other[5_000_000]! ^= 1
    writeFileSync(place(real), other)
    const refused = await push(1, real)
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'WAL_CONFLICT' })
    expect(await isFetched(real, wanted)).toBe(true)
    writeFileSync(place(real), wanted)
  })

  it('that is none is refused', async () => {
    const name = made(1)
    const bytes = readFileSync(place(name))
    for (const [what, content] of [
      ['too short', bytes.subarray(0, 1_000_000)],
      ['of another place', readFileSync(place(made(2)))],
      ['no WAL', Buffer.alloc(MIB16)],
    ] as const) {
      writeFileSync(place(name), content)
      expect(JSON.parse((await push(1, name)).stderr).error, what).toBe('SOURCE_UNREADABLE')
    }
    writeFileSync(place('postgresql.conf'), 'x')
    expect(JSON.parse((await push(2, 'postgresql.conf')).stderr).error).toBe('USAGE')
    expect((await push(1, '000000090000000000000077')).stderr).toContain('no such file')
    rmSync(place(name))
  })

  it('is taken with 31 that wait behind it, in order, and histories first', { timeout: 60_000 }, async () => {
    const names = Array.from({ length: 34 }, (_, index) => made(index + 16))
    const wait = (name: string): void => writeFileSync(place('archive_status', `${name}.ready`), '')
    for (const name of names) wait(name)
    wait('00000009.history')
    writeFileSync(place('00000009.history'), '1\t0/3000000\tno recovery target specified\n')
    wait('000000090000000000000099') // which is not there
    const first = await pushed(names[0]!)
    expect([...first.files].sort()).toEqual(['00000009.history', ...names.slice(0, 31)].sort())
    const again = await pushed(names[20]!)
    expect(again).toMatchObject({ snapshot_id: null, files: [] })
    const rest = await pushed(names[31]!)
    expect([...rest.files].sort()).toEqual(names.slice(31))
    expect(await isFetched(names[33]!)).toBe(true)
    expect(await isFetched('00000009.history')).toBe(true)
    for (const name of readdirSync(place('archive_status'))) rmSync(place('archive_status', name))
  })

  it.each([50, 150, 250, 350, 500])(
    'is archived by the next push where one was killed after %d ms',
    async (delay) => {
      const name = made(4096 + delay)
      writeFileSync(
        place(name),
        Buffer.concat([readFileSync(place(name)).subarray(0, 8192), Buffer.alloc(MIB16 - 8192, `${delay}`)]),
      )
      const { child, ended } = sandbox.start(['wal', 'push', 'cluster', place(name), '--config', config], AS)
      setTimeout(() => child.kill('SIGKILL'), delay)
      await ended
      await pushed(name)
      expect(await isFetched(name)).toBe(true)
      rmSync(place(name))
    },
  )

  it('stays with the server while the repository is away', { timeout: 60_000 }, async () => {
    const failures = Number(server.sql('postgres', 'SELECT failed_count FROM pg_stat_archiver'))
    renameSync(sandbox.repository, `${sandbox.repository}-away`)
    server.sql('postgres', "SELECT pg_logical_emit_message(true, 'test', 'x')")
    const name = server.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())')
    await server.until('postgres', `SELECT failed_count > ${failures} FROM pg_stat_archiver`)
    expect((await push(10, real)).stderr).toContain('REPOSITORY_MISSING')
    expect(existsSync(join(server.data, 'pg_wal', 'archive_status', `${name}.ready`))).toBe(true)
    renameSync(`${sandbox.repository}-away`, sandbox.repository)
    await archived()
    await snap(0, 'wal', 'fetch', 'cluster', name, target())
    expect(existsSync(join(server.data, 'pg_wal', 'archive_status', `${name}.ready`))).toBe(false)
  })
})

/** A copy of the repository with a cache of its own, and the configuration for it. */
function otherPlace(name: string, change: (repository: string) => void, keyFile = sandbox.keyFile): string {
  const repository = sandbox.path(`repository-${name}`)
  execFileSync('cp', ['-a', sandbox.repository, repository])
  change(repository)
  const file = sandbox.path(`${name}.yaml`)
  const text = readFileSync(config, 'utf8')
    .replace(`path: ${sandbox.repository}`, `path: ${repository}`)
    .replace(sandbox.keyFile, keyFile)
    .replace(sandbox.cache, sandbox.path(`cache-${name}`))
  writeFileSync(file, text, { mode: 0o600 })
  giveToServer(file)
  return file
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

function spoil(file: string): void {
  const bytes = readFileSync(file)
  bytes.fill(0x5a, Math.floor(bytes.length / 3), Math.floor((bytes.length * 2) / 3))
  writeFileSync(file, bytes)
}

describe('a file that PostgreSQL asks for', () => {
  const NEVER = '0000000100000099000000AA'

  /** What the server sees of it; nothing is there that is not whole. */
  async function status(name: string, file = config, ...more: string[]): Promise<number | null> {
    const run = await sandbox.run(['wal', 'fetch', 'cluster', name, target(), '--config', file, ...more], AS)
    expect(existsSync(target())).toBe(run.status === 0)
    expect(readdirSync(sandbox.path('data')).filter((each) => each.includes('part'))).toEqual([])
    rmSync(target(), { force: true })
    return run.status
  }

  it('is missing with status 1, and with that alone', async () => {
    expect(await status(real)).toBe(0)
    expect(await status(NEVER)).toBe(1)
    expect(await status('00000002.history')).toBe(1)
    expect(await status(real, config, '--system', '123')).toBe(1)
  })

  it.each<[string, string, (() => string)?]>([
    [
      'the repository is away',
      real,
      () => otherPlace('away', (repository) => rmSync(repository, { recursive: true })),
    ],
    ['the configuration is away', real, () => '/nowhere/snap.yaml'],
    [
      'its packs are damaged',
      'REAL',
      () =>
        otherPlace('damaged', (repository) => {
          for (const file of filesIn(join(repository, 'packs'))) spoil(file)
        }),
    ],
    [
      'its packs are gone',
      'REAL',
      () => otherPlace('gone', (repository) => rmSync(join(repository, 'packs'), { recursive: true })),
    ],
    [
      'the log is damaged, and nobody knows what it had',
      NEVER,
      () => otherPlace('log', (repository) => spoil(filesIn(join(repository, 'log')).sort().at(-2)!)),
    ],
  ])('is not missing where %s', { timeout: 30_000 }, async (_, name, file) => {
    expect(await status(name === NEVER ? NEVER : real, file?.())).toBe(200)
  })

  it('is not missing where the key is of another repository', async () => {
    const key = sandbox.path('other.key')
    await sandbox.ok(['init', '--repo', sandbox.path('other'), '--key-file', key], {
      through: AS_SERVER,
      env: { SNAP_KEY_FILE: undefined },
    })
    expect(
      await status(
        real,
        otherPlace('key', () => undefined, key),
      ),
    ).toBe(200)
  })

  it('is not missing where the command line is wrong', async () => {
    expect(await status(real, config, '--no-such-option')).toBe(200)
    expect(await status('RECOVERYXLOG')).toBe(200)
    expect((await sandbox.run(['wal', 'fetch', 'cluster', real], AS)).status).toBe(200)
    expect((await sandbox.run(['wal', 'fetch', 'bank', real, target(), '--config', config], AS)).status).toBe(
      200,
    )
    const nowhere = ['wal', 'fetch', 'cluster', real, sandbox.path('nowhere', 'x'), '--config', config]
    expect((await sandbox.run(nowhere, AS)).status).toBe(200)
  })

  it('is not missing where a signal came', async () => {
    for (const delay of [120, 180, 240]) {
      const { child, ended } = sandbox.start(
        ['wal', 'fetch', 'cluster', NEVER, target(), '--config', config],
        AS,
      )
      setTimeout(() => child.kill('SIGTERM'), delay)
      const { status: code, signal } = await ended
      // It may have ended before.
      expect(signal ?? (code === 1 ? 'ended' : (code ?? 0) > 125)).not.toBe(false)
    }
  })
})

describe.runIf(isRoot)('a repository on a full disk', () => {
  it('takes no half of a file, and the whole when there is room', { timeout: 60_000 }, async () => {
    const disk = sandbox.path('disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=9m', 'tmpfs', disk])
    try {
      giveToServer(disk)
      const key = sandbox.path('disk.key')
      const repository = join(disk, 'repository')
      await sandbox.ok(['init', '--repo', repository, '--key-file', key], {
        through: AS_SERVER,
        env: { SNAP_KEY_FILE: undefined },
      })
      const file = sandbox.path('disk.yaml')
      const text = readFileSync(config, 'utf8')
        .replace(sandbox.repository, repository)
        .replace(sandbox.keyFile, key)
      writeFileSync(file, text, { mode: 0o600 })
      giveToServer(file)
      const name = made(8192)
      const head = readFileSync(place(name)).subarray(0, 8192)
      writeFileSync(place(name), Buffer.concat([head, randomBytes(MIB16 - 8192)]))
      const line = ['wal', 'push', 'cluster', place(name), '--config', file, '--json']
      const full = await sandbox.expect(1, line, AS)
      expect(JSON.parse(full.stderr.trim().split('\n').at(-1)!)).toMatchObject({ error: 'REPOSITORY_FULL' })
      await sandbox.expect(1, ['wal', 'fetch', 'cluster', name, target(), '--config', file], AS)
      execFileSync('mount', ['-o', 'remount,size=90m', disk])
      await sandbox.ok(line, AS)
      await sandbox.ok(['wal', 'fetch', 'cluster', name, target(), '--config', file], AS)
      expect(readFileSync(target()).equals(readFileSync(place(name)))).toBe(true)
      rmSync(target())
    } finally {
      execFileSync('umount', ['-l', disk])
    }
  })
})

describe('a base backup that fails is none', () => {
  const backup = async (change: (text: string) => string): Promise<string> => {
    const file = sandbox.path('failing.yaml')
    writeFileSync(file, change(readFileSync(config, 'utf8')).replace('[cluster, bank]', '[cluster]'), {
      mode: 0o600,
    })
    giveToServer(file)
    const before = (await listed()).length
    const run = await sandbox.expect(1, ['backup', '--job', 'both', '--config', file], AS)
    expect(await listed()).toHaveLength(before)
    expect(run.stdout + run.stderr).not.toContain(PASSWORD)
    return run.stderr
  }
  const programs = (name: string, script: string): ((text: string) => string) => {
    const directory = sandbox.path(name)
    mkdirSync(directory)
    symlinkSync(join(server.programs, 'psql'), join(directory, 'psql'))
    writeFileSync(join(directory, 'pg_basebackup'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(directory, 'pg_basebackup'), 0o755)
    return (text) => text.replaceAll(`programs: ${server.programs}`, `programs: ${directory}`)
  }

  it('where its end is missing, though all is said to be well', async () => {
    const whole = join(server.programs, 'pg_basebackup')
    expect(await backup(programs('short', `${whole} "$@" | head -c -1500`))).toContain(
      'base.tar: the archive is cut short',
    )
    expect(await backup(programs('listless', `${whole} "$@" --no-manifest`))).toContain(
      'backup_manifest is not its last file',
    )
    expect(await backup(programs('no-backup', 'echo hello'))).toContain('base.tar: the archive is cut short')
    expect(await backup(programs('failing', `${whole} "$@"; exit 1`))).toContain('ended with status 1')
  })

  it('where the role may not take one', async () => {
    server.sql('postgres', `CREATE ROLE clerk LOGIN PASSWORD '${PASSWORD}'`)
    const said = await backup((text) => text.replaceAll('user: postgres', 'user: clerk'))
    expect(said).toMatch(/base.tar: .*(?:replication|walsender|superuser)/i)
  })

  it('where the cluster has tablespaces of its own', async () => {
    const space = sandbox.path('space')
    mkdirSync(space)
    giveToServer(space)
    server.sql('postgres', `CREATE TABLESPACE elsewhere LOCATION '${space}'`)
    expect(await backup((text) => text)).toContain('the cluster has tablespaces of its own (elsewhere)')
    server.sql('postgres', 'DROP TABLESPACE elsewhere')
  })

  it('and one of a cluster that changed a little adds less than a tenth', { timeout: 60_000 }, async () => {
    // Rows of pgbench are nearly all spaces; those of people are not.
    server.sql(
      'bank',
      `CREATE TABLE letters AS SELECT id, md5(id::text) || md5((id * 7)::text) AS body FROM generate_series(1, 100000) AS id`,
    )
    // Who reads rows for the first time notes in each of them that they are valid: not while it is measured.
    server.sql('bank', 'VACUUM letters')
    const key = sandbox.path('tenth.key')
    const repository = sandbox.path('tenth')
    await sandbox.ok(['init', '--repo', repository, '--key-file', key], {
      through: AS_SERVER,
      env: { SNAP_KEY_FILE: undefined },
    })
    const file = sandbox.path('tenth.yaml')
    const text = readFileSync(config, 'utf8')
      .replace(sandbox.repository, repository)
      .replace(sandbox.keyFile, key)
    writeFileSync(file, text.replace('[cluster, bank]', '[cluster]'), { mode: 0o600 })
    giveToServer(file)
    const added = async (): Promise<number> =>
      (await sandbox.summary(['backup', '--job', 'both', '--config', file], AS)).data_added_packed
    const first = await added()
    server.run('pgbench', ['--transactions', '200', '--no-vacuum', 'bank'])
    server.sql('bank', "UPDATE letters SET body = md5(body) || '!' WHERE id % 1000 = 7")
    expect((await added()) / first).toBeLessThan(0.1)
  })
})

describe('an archive', () => {
  it('is listed with its gaps, which end what recovery can reach', { timeout: 120_000 }, async () => {
    await snap(0, 'backup', '--job', 'both')
    const names = [await archived(), await archived(), await archived()]
    const described = async (): Promise<Json> =>
      jsonLines(await snap(0, 'wal', 'list', 'cluster', '--json'))[0]
    const { ranges, gaps, recovery } = await described()
    expect(gaps.filter(({ timeline }: Json) => timeline === 1)).toEqual([])
    expect(ranges[0]).toMatchObject({ timeline: 1, last: names[2] })
    expect(recovery).toHaveLength(1)
    const [holder] = (await listed('--wal')).filter(({ paths }) => paths.includes(`/@cluster/${names[1]}`))
    expect(
      JSON.parse(
        (
          await snap(
            1,
            'forget',
            holder.id,
            '--repo',
            sandbox.repository,
            '--key-file',
            sandbox.keyFile,
            '--json',
          )
        ).stderr,
      ),
    ).toMatchObject({ error: 'SNAPSHOT_KEPT' })
    const own = ['--repo', sandbox.repository, '--key-file', sandbox.keyFile]
    await snap(0, 'forget', holder.id, '--even-needed', ...own)
    expect((await described()).gaps).toContainEqual({
      timeline: 1,
      first: names[1],
      last: names[1],
      count: 1,
    })
    expect((await snap(0, 'wal', 'list', 'cluster')).stdout).toContain('MISSING')
    const directory = sandbox.path('not-made')
    const refused = await snap(1, 'db', 'recover', 'cluster', '--to', directory, '--json')
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'WAL_MISSING' })
    expect(existsSync(directory)).toBe(false)
    // What was forgotten and not pruned is found for a server that needs it.
    expect(
      (await sandbox.run(['wal', 'fetch', 'cluster', names[1]!, target(), '--config', config], AS)).status,
    ).toBe(0)
    await snap(0, 'forget', '--undo', holder.id, ...own)
    expect((await described()).gaps.filter(({ timeline }: Json) => timeline === 1)).toEqual([])
  })

  it('is stale where none comes any more, which a status says', async () => {
    await snap(0, 'backup', '--job', 'both')
    await archived()
    configure('', ', wal-age: 1h')
    expect((await snap(0, 'status')).stdout).toMatch(/^cluster +local +healthy/m)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    configure('', ', wal-age: 1s')
    const late = await snap(5, 'status')
    expect(late.stderr).toContain('archived WAL of cluster is stale')
    expect(late.stdout).toMatch(/^cluster: its newest archived WAL is \d+s old, and may be 1s$/m)
    configure()
    expect((await snap(0, 'status')).stdout).not.toContain('its newest archived WAL')
  })

  it('does not drown the list of snapshots, and is no state of anything', async () => {
    const run = await sandbox.ok(['snapshots'], { through: AS_SERVER })
    expect(run.stdout).not.toContain('/@cluster/0000')
    expect(run.stderr).toMatch(/^[\d,]+ snapshots of archived WAL left out: --wal lists them too$/m)
    expect((await listed('--wal')).length).toBeGreaterThan((await listed()).length + 5)
    await archived()
    const latest = await sandbox.ok(['ls', 'latest'], { through: AS_SERVER })
    expect(latest.stdout).toContain('@bank')
    await sandbox.ok(['ls', '--at', new Date().toISOString()], { through: AS_SERVER })
    const named = await sandbox.ok(['ls', 'latest', '/@cluster', '--path', `/@cluster/${real}`], {
      through: AS_SERVER,
    })
    expect(named.stdout).toContain(real)
  })

  it('goes with the base backups that need it', { timeout: 60_000 }, async () => {
    const many = (await listed('--wal')).filter(({ job }) => job === 'both/@cluster').length
    configure(', retention: { keep-last: 1 }')
    const saved = summaryOf(await snap(0, 'backup', '--job', 'both', '--json'))
    // What the server archived while the backup ran was not there yet when its retention was applied.
    await archived()
    await sandbox.ok(['forget', '--keep-last', '1'], { through: AS_SERVER })
    const [{ bases, gaps }] = jsonLines(await snap(0, 'wal', 'list', 'cluster', '--json'))
    expect(bases).toMatchObject([{ snapshot_id: saved.snapshot_id }])
    expect(gaps.filter(({ timeline }: Json) => timeline === 1)).toEqual([])
    const kept = (await listed('--wal')).filter(({ job }) => job === 'both/@cluster')
    const start = bases[0].start_segment.slice(8)
    const isNeeded = (path: string): boolean =>
      path.endsWith('.history') || path.split('/').at(-1)!.slice(8, 24) >= start
    // All but the newest have something that the base backup needs.
    expect(kept.slice(0, -1).filter(({ paths }) => !paths.some(isNeeded))).toEqual([])
    expect(kept.length).toBeLessThan(many)
    expect(kept.length).toBeGreaterThan(0)
    configure()
  })
})

describe('a recovery', () => {
  it('stops where the archive is away, and does not take that for its end', {
    timeout: 120_000,
  }, async () => {
    server.sql('bank', 'CREATE TABLE late AS SELECT generate_series(1, 1000) AS i')
    await archived()
    const directory = sandbox.path('recovered-away')
    await snap(0, 'db', 'recover', 'cluster', '--to', directory)
    renameSync(sandbox.repository, `${sandbox.repository}-away`)
    await expect(Postgres.startOn(directory, {}, 'SELECT NOT pg_is_in_recovery()')).rejects.toThrow(
      /FATAL|could not restore/,
    )
    expect(existsSync(join(directory, 'recovery.signal'))).toBe(true)
    renameSync(`${sandbox.repository}-away`, sandbox.repository)
    const copy = await Postgres.startOn(directory, {}, 'SELECT NOT pg_is_in_recovery()')
    expect(copy.sql('bank', 'SELECT count(*) FROM late')).toBe('1000')
    await copy.stop()
  })

  it('writes nothing into a directory that has something', async () => {
    const directory = sandbox.path('occupied')
    mkdirSync(directory)
    writeFileSync(join(directory, 'x'), 'mine')
    giveToServer(directory)
    const refused = await snap(1, 'db', 'recover', 'cluster', '--to', directory, '--json')
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'TARGET_OCCUPIED' })
    expect(readdirSync(directory)).toEqual(['x'])
  })

  it('is for the user of the server, and a cluster does not come back into one that runs', async () => {
    if (AS_SERVER.length > 0) {
      const root = await sandbox.expect(2, [
        'db',
        'recover',
        'cluster',
        '--to',
        sandbox.path('root'),
        '--config',
        config,
      ])
      expect(root.stderr).toContain('sudo -u postgres')
    }
    expect((await snap(2, 'db', 'restore', 'cluster')).stderr).toContain('snap db recover cluster --to')
    const [{ facts }] = jsonLines(await snap(0, 'db', 'info', 'cluster', '--json'))
    expect(facts).toMatchObject({ archive_mode: 'on', timeline: 1, tablespaces: [] })
    expect((await snap(0, 'db', 'test', 'cluster')).stdout).toBe('cluster can be reached\n')
  })

  it('is refused before the first base backup and behind the end of the archive', async () => {
    const to = ['--to', sandbox.path('not-made'), '--json']
    const early = await snap(1, 'db', 'recover', 'cluster', '--at', '2020-01-01', ...to)
    expect(JSON.parse(early.stderr)).toMatchObject({ error: 'SNAPSHOT_UNKNOWN' })
    const late = await snap(1, 'db', 'recover', 'cluster', '--at', '2999-01-01', ...to)
    expect(JSON.parse(late.stderr)).toMatchObject({ error: 'WAL_MISSING' })
    expect(existsSync(sandbox.path('not-made'))).toBe(false)
  })

  it('goes up to what a server on another timeline did', { timeout: 120_000 }, async () => {
    // A copy takes the place of its original, which stops.
    server.sql('bank', 'CREATE TABLE before AS SELECT 1 AS i')
    await archived()
    const directory = sandbox.path('successor')
    await snap(0, 'db', 'recover', 'cluster', '--to', directory, '--archiving')
    const settings = { archive_mode: 'on', archive_command: server.sql('postgres', 'SHOW archive_command') }
    const successor = await Postgres.startOn(directory, settings, 'SELECT NOT pg_is_in_recovery()')
    successor.sql('bank', 'CREATE TABLE after AS SELECT 2 AS i')
    const name = successor.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())')
    expect(name.startsWith('00000002')).toBe(true)
    await successor.until('postgres', `SELECT last_archived_wal >= '${name}' FROM pg_stat_archiver`)
    await successor.stop()
    const { copy, told } = await recovered()
    expect(told).toMatchObject({ timeline: 2 })
    expect(copy.sql('bank', 'SELECT before.i, after.i FROM before, after')).toBe('1|2')
    await copy.stop()
    // The original was not stopped after all, and goes on.
    await archived()
    const both = await snap(2, 'db', 'recover', 'cluster', '--to', sandbox.path('not-made'))
    expect(both.stderr).toContain('timelines 1 and 2 both go on')
  })
})

/** The configurations under docs/examples, as they are: each with what it is for, real databases and real services included. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, Postgres } from '../support/postgres.ts'
import { CREDENTIALS, Radosgw } from '../support/s3/radosgw.ts'
import { type Json, jsonLines, type Run, Sandbox } from '../support/snap.ts'

const EXAMPLES = fileURLToPath(new URL('../../docs/examples', import.meta.url))
const support = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url))
const sandbox = new Sandbox()
const children: ChildProcess[] = []

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** A machine on which the example stands, with what it says of places in the environment. */
class Place {
  readonly #name: string
  readonly env: Record<string, string>

  constructor(name: string, env: Record<string, string> = {}) {
    this.#name = name
    mkdirSync(this.path('backup'), { recursive: true })
    mkdirSync(this.path('app'), { recursive: true })
    this.env = {
      SNAP_REPOSITORY: undefined as never,
      SNAP_KEY_FILE: undefined as never,
      SNAP_CONFIG: join(EXAMPLES, `${name}.yaml`),
      SNAP_STATE_DIR: this.path('state'),
      APP: this.path('app'),
      BACKUP: this.path('backup'),
      ...env,
    }
  }

  path(...names: string[]): string {
    return sandbox.path(this.#name, ...names)
  }

  ok(...args: string[]): Promise<Run> {
    return sandbox.ok(args, { env: this.env })
  }

  expect(status: number, ...args: string[]): Promise<Run> {
    return sandbox.expect(status, args, { env: this.env })
  }

  get repository(): string[] {
    return ['--repo', this.path('backup', 'repository')]
  }

  async snapshots(...args: string[]): Promise<Json[]> {
    return JSON.parse((await this.ok('snapshots', '--json', ...this.repository, ...this.key, ...args)).stdout)
  }

  key: string[] = []

  /** Everything of the newest snapshot of a job that passes the filters; the paths of files below the target. */
  async restored(job: string, ...args: string[]): Promise<string[]> {
    const newest = (await this.snapshots()).filter((snapshot) => snapshot.job === job).at(-1)
    const target = this.path(`back-${job}-${args.join('')}`)
    await this.ok('restore', newest.id, '--target', target, ...this.repository, ...this.key, ...args)
    return readdirSync(target, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(target.length))
      .sort()
  }
}

describe('application.yaml', () => {
  it('keeps categories by the night, the week and the month, each as long as its label says', {
    timeout: 180_000,
  }, async () => {
    const place = new Place('application')
    const app = place.path('app')
    place.key = ['--key-file', place.path('backup', 'app.key')]
    write(`${app}/data/contracts/2025/a.pdf`, 'contract')
    write(`${app}/data/contracts/2025/a.docx`, 'draft')
    write(`${app}/data/ledgers/2025.tmp`, 'half')
    write(`${app}/data/ledgers/2025.csv`, 'ledger')
    write(`${app}/.env`, 'TOKEN=secret')
    chmodSync(`${app}/.env`, 0o600)
    write(`${app}/config/app.yaml`, 'settings')
    write(`${app}/data/reports/q1.csv`, 'report')
    write(`${app}/data/pictures/x.jpg`, 'picture')
    write(`${app}/logs/app.log`, 'log')
    await place.ok('config', 'check')
    await place.ok('init', ...place.repository, ...place.key)

    const day = 86_400_000
    for (let before = 36; before >= 0; before -= 1) {
      write(`${app}/data/ledgers/2025.csv`, `ledger, ${before} days before`)
      const time = new Date(Date.now() - before * day).toISOString()
      await place.ok('backup', '--job', 'daily', '--time', time, '--quiet')
    }
    const daily = await place.snapshots()
    expect(daily).toHaveLength(30)
    expect(daily.every(({ job, label }) => job === 'daily' && label === 'incremental')).toBe(true)
    await place.ok('backup', '--job', 'weekly')
    await place.ok('backup', '--job', 'monthly')
    expect((await place.snapshots()).map(({ label }) => label).slice(-2)).toEqual(['full', 'monthly'])

    const within = (...names: string[]): string[] => names.map((name) => `${app}/${name}`).sort()
    const critical = within('data/contracts/2025/a.pdf', 'data/ledgers/2025.csv', '.env')
    expect(await place.restored('daily')).toEqual(
      [...critical, ...within('config/app.yaml', 'data/reports/q1.csv')].sort(),
    )
    expect(await place.restored('weekly', '--category', 'critical')).toEqual(
      [...critical, ...within('data/ledgers/2025.tmp')].sort(),
    )
    expect(await place.restored('monthly', '--type', 'pictures')).toEqual(within('data/pictures/x.jpg'))
    const tenDaysAgo = new Date(Date.now() - 10 * day + 3_600_000).toISOString()
    const target = place.path('back-then')
    await place.ok(
      'restore',
      'latest',
      '--at',
      tenDaysAgo,
      '--target',
      target,
      ...place.repository,
      ...place.key,
    )
    expect(readFileSync(`${target}${app}/data/ledgers/2025.csv`, 'utf8')).toBe('ledger, 10 days before')

    const { stdout } = await place.ok('schedule', 'list', '--json')
    const at = (job: string): Date =>
      new Date(JSON.parse(stdout).find((each: Json) => each.job === job).next_run)
    expect(at('daily').getUTCHours()).toBe(2)
    expect([at('weekly').getUTCDay(), at('weekly').getUTCHours()]).toEqual([0, 1])
    expect([at('monthly').getUTCDay(), at('monthly').getUTCDate() <= 7]).toEqual([0, true])
    await place.ok('status')
  })
})

describe('service.yaml', () => {
  let server: Postgres
  let hook: Server
  const heard: Json[] = []
  const pinged: string[] = []
  beforeAll(async () => {
    server = await Postgres.start()
    server.sql('postgres', 'CREATE DATABASE shop')
    server.sql('postgres', `CREATE ROLE backup LOGIN PASSWORD '${PASSWORD}'`)
    server.sql('shop', 'CREATE TABLE uploads (number bigint); GRANT SELECT ON uploads TO backup')
    hook = createServer((request, response) => {
      let text = ''
      request.on('data', (part: Buffer) => {
        text += part
      })
      request.on('end', () => {
        if (request.url?.startsWith('/ping') === true) pinged.push(request.url)
        else heard.push(JSON.parse(text))
        response.end()
      })
    })
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => hook.close())

  it('saves uploads and database as they fit each other, and starts the service again whatever happens', {
    timeout: 120_000,
  }, async () => {
    const { port } = hook.address() as AddressInfo
    const bin = sandbox.path('service', 'bin')
    const place = new Place('service', {
      SERVICE: sandbox.path('service', 'app'),
      PGHOST: '127.0.0.1',
      PGPORT: String(server.port),
      PGPASSWORD_FILE: sandbox.path('service', 'pg.password'),
      PING: `http://127.0.0.1:${port}/ping`,
      ALERT_HOOK: `http://127.0.0.1:${port}/alert`,
      PATH: `${bin}:${server.programs}:${process.env['PATH']}`,
    })
    const app = place.path('app')
    write(place.path('backup', 'password'), 'repository password')
    write(place.path('pg.password'), `${PASSWORD}\n`)
    write(`${app}/compose.yaml`, 'services: { web: {} }')
    write(`${app}/.env`, 'X=1')
    write(`${app}/storage/cache/c`, 'cache')
    const uploads = `${app}/storage/uploads`
    mkdirSync(uploads)
    // The two commands of docker that matter, for a service that is a process.
    write(
      `${bin}/docker`,
      `#!/bin/sh
case "$2" in
stop) kill "$(cat web.pid)"; while kill -0 "$(cat web.pid)" 2>/dev/null; do sleep 0.05; done ;;
start) PGUSER=postgres PGPASSWORD='${PASSWORD}' setsid '${process.execPath}' '${support('shop-service.mjs')}' '${uploads}' psql shop >/dev/null 2>&1 & echo $! > web.pid ;;
esac
`,
    )
    chmodSync(`${bin}/docker`, 0o755)
    const docker = async (command: string): Promise<void> => {
      const child = spawn(`${bin}/docker`, ['compose', command, 'web'], {
        cwd: app,
        env: { ...process.env, ...place.env },
        stdio: 'ignore',
      })
      await new Promise((resolve) => child.once('close', resolve))
    }
    const isRunning = (): boolean => {
      try {
        process.kill(Number(readFileSync(`${app}/web.pid`, 'utf8')), 0)
        return true
      } catch {
        return false
      }
    }
    place.key = []
    const secret = { SNAP_PASSWORD: 'repository password' }
    await docker('start')
    try {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      await sandbox.ok(['init', ...place.repository], { env: { ...place.env, ...secret } })
      await place.ok('db', 'test', 'database')
      await place.ok('backup', '--job', 'nightly')
      expect(isRunning()).toBe(true)
      expect(pinged).toEqual(['/ping/start', '/ping'])

      Object.assign(place.env, secret)
      const files = await place.restored('nightly')
      expect(files.filter((path) => path.includes('cache'))).toEqual([])
      const saved = files.flatMap((path) => /\/(\d+)\.upload$/.exec(path)?.[1] ?? [])
      await place.ok('db', 'info', 'database')
      server.sql('postgres', 'CREATE DATABASE shop_back')
      const dump = `${place.path('back-nightly-')}/@database/shop.dump`
      server.run('pg_restore', ['--exit-on-error', '--no-owner', '-d', 'shop_back', dump])
      expect(server.sql('shop_back', 'SELECT number FROM uploads ORDER BY number').split('\n')).toEqual(
        saved.sort(),
      )
      expect(saved.length).toBeGreaterThan(3)

      // The database is away for a night: the service runs again all the same, and people hear of it, and that it is over.
      server.sql('postgres', "ALTER ROLE backup PASSWORD 'another'")
      await place.expect(3, 'backup', '--job', 'nightly')
      expect(isRunning()).toBe(true)
      expect(heard).toMatchObject([{ event: 'raised', kind: 'incomplete', job: 'nightly' }])
      expect(pinged.slice(2)).toEqual(['/ping/start', '/ping/fail'])
      await place.expect(5, 'status')
      server.sql('postgres', `ALTER ROLE backup PASSWORD '${PASSWORD}'`)
      await place.ok('backup', '--job', 'nightly')
      expect(heard.slice(1)).toMatchObject([{ event: 'cleared', kind: 'incomplete' }])
      await place.ok('status')
    } finally {
      await docker('stop')
    }
  })
})

describe('desktop.yaml', () => {
  it('saves files, databases that are written to, and all of it, without what can be had again', {
    timeout: 120_000,
  }, async () => {
    const place = new Place('desktop')
    const app = place.path('app')
    place.key = ['--key-file', place.path('backup', 'desktop.key')]
    write(`${app}/models/large.gguf`, 'x'.repeat(1_000_000))
    write(`${app}/cache/thumb`, 'cache')
    write(`${app}/settings/ui/theme.json`, '{}')
    write(`${app}/notes/one.md`, 'note')
    for (const name of ['conversations', 'vectors']) {
      const child = spawn(process.execPath, [support('sqlite-writer.mjs'), `${app}/${name}.db`, 'WAL'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      children.push(child)
      await new Promise((resolve) => child.stdout?.once('data', resolve))
    }
    await place.ok('init', ...place.repository, ...place.key)
    await place.ok('backup', '--job', 'files')
    expect(await place.restored('files')).toEqual([`${app}/notes/one.md`, `${app}/settings/ui/theme.json`])
    await place.ok('backup', '--job', 'database')
    const run = await place.ok('backup', '--job', 'comprehensive')
    expect(run.stdout).toContain('no damage found')
    const files = await place.restored('comprehensive')
    expect(files.filter((path) => path.startsWith('/@'))).toEqual([
      '/@conversations/conversations.db',
      '/@packages/models.txt',
      '/@vectors/vectors.db',
    ])
    expect(files.filter((path) => /gguf|thumb|-wal$/.test(path))).toEqual([])
    for (const job of ['database', 'comprehensive']) {
      if (job === 'database') await place.restored('database')
      for (const name of ['conversations', 'vectors']) {
        const database = new Sqlite(`${place.path(`back-${job}-`)}/@${name}/${name}.db`)
        expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
        const total = database.prepare('SELECT value, entries FROM total').get()
        expect(
          database.prepare('SELECT sum(value) AS value, count(*) AS entries FROM entries').get(),
        ).toEqual(total)
        database.close()
      }
    }
    // The drill of Sunday, while the databases are written to.
    const drill = jsonLines(await place.ok('drill', 'weekly', '--json')).at(-1)
    expect(drill).toMatchObject({ ok: true, categories: ['critical', 'important'], failures: [] })
    expect(drill.databases.map(({ source, result }: Json) => [source, result])).toEqual([
      ['conversations', 'good'],
      ['vectors', 'good'],
    ])
    expect(drill.probes.map(({ ok }: Json) => ok)).toEqual([true, true])
    expect(readdirSync(place.path('backup', 'drills'))).toEqual([])
    const trail = jsonLines(await place.ok('audit', '--json', ...place.repository, ...place.key))
    expect(trail.at(-2).note).toMatchObject({ operation: 'drill', result: 'ok', drill: { name: 'weekly' } })
    // One is brought back where it lay, once nobody has it open.
    for (const child of children) {
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('exit', resolve))
    }
    await place.ok('db', 'restore', 'conversations', '--job', 'database')
    expect(readFileSync(place.path('backup', 'snap.prom'), 'utf8')).toMatch(
      /^snap_job_healthy\{job="comprehensive",repository="local"\} 1$/m,
    )
    expect(existsSync(place.path('backup', 'told'))).toBe(false)
    const { stdout } = await place.ok('status', '--json')
    expect(JSON.parse(stdout).repositories[0]).toMatchObject({ damaged: false })
    expect(JSON.parse(stdout).drills[0]).toMatchObject({ health: 'healthy', recovery_time_seconds: 900 })
    const next = JSON.parse((await place.ok('schedule', 'list', '--json')).stdout).at(-1)
    expect([next.job, new Date(next.next_run).getDay()]).toEqual(['weekly', 0])
  })
})

describe('sqlite-service.yaml', async () => {
  const store = await Radosgw.start()

  it('keeps checkpoints of a database in use, and copies of them in two tiers', {
    timeout: 240_000,
  }, async () => {
    const at = (...names: string[]): string => sandbox.path('sqlite-service', ...names)
    const place = new Place('sqlite-service', {
      SERVICE: at('app'),
      HOT: at('hot'),
      WARM: at('warm'),
      COLD: await store.makeBucket('cold'),
      COLD_ACCESS_KEY: CREDENTIALS.accessKey,
    })
    write(at('app', 'config', 'service.toml'), 'settings')
    write(at('app', 'config', 'service.toml.bak'), 'old')
    write(at('app', '.env'), 'TOKEN=x')
    chmodSync(at('app', '.env'), 0o600)
    mkdirSync(at('app', 'data'))
    const tiers = ['hot', 'warm', 'cold'] as const
    for (const tier of ['hot', 'warm']) mkdirSync(at(tier))
    write(at('warm', 'password'), 'password of warm')
    write(at('hot', 'cold.password'), 'password of cold')
    write(at('hot', 'cold.secret-key'), `${CREDENTIALS.secretKey}\n`)
    const inTier = (tier: string, ...args: string[]): Promise<Run> => place.ok(...args, '--repo', tier)
    for (const tier of tiers) await inTier(tier, 'init')
    const writer = spawn(
      process.execPath,
      [support('sqlite-writer.mjs'), at('app', 'data', 'ledger.db'), 'WAL'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    children.push(writer)
    await new Promise((resolve) => writer.stdout?.once('data', resolve))

    // Five days of checkpoints, the newest of them each three hours.
    const hours = [
      ...Array.from({ length: 4 }, (_, index) => 120 - 8 * index),
      ...Array.from({ length: 12 }, (_, index) => 33 - 3 * index),
    ]
    for (const before of hours) {
      const time = new Date(Date.now() - before * 3_600_000).toISOString()
      await place.ok('backup', '--job', 'checkpoint', '--time', time, '--quiet')
    }
    await place.ok('backup', '--job', 'checkpoint', '--quiet')
    const kept = async (tier: string): Promise<Json[]> =>
      JSON.parse((await inTier(tier, 'snapshots', '--json')).stdout)
    const ages = (snapshots: Json[]): number[] =>
      snapshots.map(({ time }) => Math.round((Date.now() - Date.parse(time)) / 3_600_000))
    const hot = await kept('hot')
    expect(Math.max(...ages(hot))).toBeLessThan(72)
    expect(hot.length).toBe(13)
    const [warm, cold] = [await kept('warm'), await kept('cold')]
    expect(Math.max(...ages(warm))).toBeGreaterThan(72)
    expect(cold.length).toBeLessThan(warm.length)
    for (const tier of tiers) await inTier(tier, 'verify', '--data')

    // From the coldest tier the database comes back as whole as from the machine's own.
    const target = at('back')
    await inTier('cold', 'restore', 'latest', '--target', target)
    const database = new Sqlite(`${target}/@ledger/ledger.db`)
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    const total = database.prepare('SELECT value, entries FROM total').get()
    expect(database.prepare('SELECT sum(value) AS value, count(*) AS entries FROM entries').get()).toEqual(
      total,
    )
    database.close()
    expect(statSync(`${target}${at('app', '.env')}`).mode & 0o777).toBe(0o600)
    expect(existsSync(`${target}${at('app', 'config', 'service.toml.bak')}`)).toBe(false)
    await place.ok('status')

    // The cold tier is away for a while: that is told, nothing is forgotten meanwhile, and it is caught up.
    await store.killGateway()
    await place.expect(1, 'backup', '--job', 'checkpoint')
    await place.expect(5, 'status')
    await store.startGateway()
    await place.ok('backup', '--job', 'checkpoint', '--quiet')
    expect((await kept('cold')).at(-1).time).toBe((await kept('hot')).at(-1).time)
    const told = readFileSync(at('hot', 'alerts.log'), 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
    expect(told.map(({ event, kind }) => `${event} ${kind}`)).toEqual(
      expect.arrayContaining(['raised failed', 'cleared failed']),
    )
    await place.ok('status')
  })
})

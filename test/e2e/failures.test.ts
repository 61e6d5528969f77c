import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { JobWorld, type WorldConfig } from '../support/job-world.ts'
import { MailServer } from '../support/mail-server.ts'
import { PASSWORD, Postgres } from '../support/postgres.ts'
import { isRoot, Sandbox } from '../support/snap.ts'
import { smallFileSystem } from '../support/storage/scratch.ts'
import { seededBytes } from '../support/tree.ts'

const MIB = 1_048_576
const RIGHT = 'right one'

const sandbox = new Sandbox()
let server: Postgres
let world: JobWorld
let count = 0

beforeAll(async () => {
  server = await Postgres.start()
}, 120_000)

beforeEach(async () => {
  count += 1
  world = await JobWorld.make(sandbox, `world-${count}`)
  onTestFinished(() => world[Symbol.asyncDispose]())
})

type Failure = {
  readonly what: string
  /** While all is well. */
  readonly config?: () => WorldConfig
  /** Before the repository is made. */
  readonly prepare?: () => void
  readonly breaks: () => void | Promise<void>
  readonly mends: () => void | Promise<void>
  readonly status: number
  readonly outcome: 'failed' | 'incomplete'
  readonly code?: string
  readonly message: RegExp
  readonly needsRoot?: true
  /** A snapshot was saved all the same. */
  readonly isSaved?: true
}

const FILES = 'files: { files: [HERE/data] }'
const dump = (database: string, more = ''): string =>
  `shop: { postgres: { database: ${database}, host: 127.0.0.1, port: ${server.port}, user: postgres, password: 'file:HERE/password', programs: ${server.programs} ${more} } }`
const script = (text: string): void => writeFileSync(world.path('dump.sh'), text)
const SCRIPT = 'dump: { command: [sh, HERE/dump.sh] }'
const withFiles = (source: string): WorldConfig => ({ sources: `${FILES}\n${source}` })
const passwordIs = (text: string): void => writeFileSync(world.path('password'), text)
let disk: string

const FAILURES: readonly Failure[] = [
  {
    what: 'the dump of a database that is gone',
    config: () => ({ sources: dump('shop') }),
    prepare: () => {
      passwordIs(PASSWORD)
      server.sql('postgres', 'CREATE DATABASE shop')
    },
    breaks: () => void server.sql('postgres', 'ALTER DATABASE shop RENAME TO elsewhere'),
    mends: () => void server.sql('postgres', 'ALTER DATABASE elsewhere RENAME TO shop'),
    status: 1,
    outcome: 'failed',
    code: 'SOURCE_UNREADABLE',
    message: /\/@shop\/shop\.dump: .*psql ended with status 2: .*database "shop" does not exist/,
  },
  {
    what: 'a dump that fails beside files that do not',
    config: () => withFiles(dump('postgres')),
    prepare: () => passwordIs(PASSWORD),
    breaks: () => world.configure(withFiles(dump('postgres', ', options: [--table=no_such]'))),
    mends: () => world.configure(withFiles(dump('postgres'))),
    status: 3,
    outcome: 'incomplete',
    message: /\/@shop\/postgres\.dump: .*pg_dump ended with status 1: .*no matching tables/,
    isSaved: true,
  },
  {
    what: 'a wrong password of PostgreSQL',
    config: () => withFiles(dump('postgres')),
    prepare: () => passwordIs(PASSWORD),
    breaks: () => passwordIs('not that'),
    mends: () => passwordIs(PASSWORD),
    status: 3,
    outcome: 'incomplete',
    message:
      /\/@shop\/postgres\.dump: .*psql ended with status 2: .*password authentication failed for user "postgres"/,
    isSaved: true,
  },
  {
    what: 'a command that fails in the middle',
    config: () => ({ sources: SCRIPT }),
    prepare: () => script('echo all'),
    breaks: () => script('echo half; echo out of rows >&2; exit 4'),
    mends: () => script('echo all'),
    status: 1,
    outcome: 'failed',
    code: 'SOURCE_UNREADABLE',
    message: /\/@dump\/dump: sh ended with status 4: out of rows/,
  },
  {
    what: 'a hook that fails before',
    config: () => ({ job: "hooks: { before: ['sh HERE/dump.sh'] }" }),
    prepare: () => script('true'),
    breaks: () => script('echo no such service >&2; exit 5'),
    mends: () => script('true'),
    status: 1,
    outcome: 'failed',
    code: 'HOOK_FAILED',
    message: /^the before hook of job nightly failed: sh ended with status 5: no such service/,
  },
  {
    what: 'a hook of a source that fails after',
    config: () => ({ sources: "files: { files: [HERE/data], hooks: { after: ['sh HERE/dump.sh'] } }" }),
    prepare: () => script('true'),
    breaks: () => script('echo it does not start >&2; exit 6'),
    mends: () => script('true'),
    status: 1,
    outcome: 'failed',
    code: 'HOOK_FAILED',
    message: /^the after hook of source files failed: sh ended with status 6: it does not start/,
    isSaved: true,
  },
  {
    what: 'a repository whose disk is full',
    needsRoot: true,
    config: () => ({ place: disk }),
    prepare: () => {
      disk = `${smallFileSystem(20 * MIB)}/repository`
    },
    breaks: () => writeFileSync(world.path('data', 'large'), seededBytes(30 * MIB, 1)),
    mends: () => rmSync(world.path('data', 'large')),
    status: 1,
    outcome: 'failed',
    code: 'REPOSITORY_FULL',
    message: /^cannot store packs.*: no space is left$/,
  },
  {
    what: 'a wrong password of the repository',
    config: () => ({ repository: `password: '${RIGHT}'` }),
    breaks: () => world.configure({ repository: "password: 'wrong one'" }),
    mends: () => world.configure({ repository: `password: '${RIGHT}'` }),
    status: 12,
    outcome: 'failed',
    code: 'KEY_WRONG',
    message: /password/,
  },
  {
    what: 'a command for the password that never answers',
    config: () => ({ repository: "password-command: 'sh HERE/dump.sh'", job: 'time-limit: 5s' }),
    prepare: () => script(`echo ${RIGHT}`),
    breaks: () => script(`test -e ${world.path('hung')} && exit 1; touch ${world.path('hung')}; sleep 600`),
    mends: () => script(`echo ${RIGHT}`),
    status: 1,
    outcome: 'failed',
    code: 'TIME_LIMIT',
    message: /^nightly was ended: it took longer than 5s/,
  },
  {
    what: 'a repository that is not there',
    breaks: () => renameSync(world.path('repository'), world.path('elsewhere')),
    mends: () => renameSync(world.path('elsewhere'), world.path('repository')),
    status: 10,
    outcome: 'failed',
    code: 'REPOSITORY_MISSING',
    message: /repository/,
  },
  {
    what: 'a source that is not there',
    config: () => withFiles(SCRIPT),
    prepare: () => script('echo all'),
    breaks: () => renameSync(world.path('data'), world.path('elsewhere')),
    mends: () => renameSync(world.path('elsewhere'), world.path('data')),
    status: 3,
    outcome: 'incomplete',
    message: /\/.*\/data: no such file or directory/,
    isSaved: true,
  },
  {
    what: 'a run that takes too long',
    config: () => ({ sources: SCRIPT, job: 'time-limit: 5s' }),
    prepare: () => script('echo all'),
    breaks: () => script('echo begun; sleep 600'),
    mends: () => script('echo all'),
    status: 1,
    outcome: 'failed',
    code: 'TIME_LIMIT',
    message: /^nightly was ended: it took longer than 5s/,
  },
]

/** A repository, and a good run of the job, of which nobody but the pings hears. */
async function allIsWell(config: WorldConfig = {}): Promise<void> {
  world.configure(config)
  await world.init(config.place, config.repository === undefined ? undefined : RIGHT)
  const run = await world.backup()
  expect(run).toMatchObject({ status: 0 })
  expect(world.heard()).toEqual({ alerts: [], subjects: [], pings: ['/start', ''] })
  expect(await world.status()).toMatchObject({ status: 0, job: { health: 'healthy', reasons: [] } })
}

/** The next good run is on record, and told to everybody who was told of the trouble. */
async function isClearedByTheNextRun(kinds: readonly string[]): Promise<void> {
  const run = await world.backup()
  expect(run, run.stderr).toMatchObject({ status: 0 })
  expect((await world.runs())[0]).toMatchObject({ outcome: 'ok', snapshot_id: expect.any(String) })
  expect(await world.status()).toMatchObject({ status: 0, job: { health: 'healthy', reasons: [] } })
  const { alerts, subjects, pings } = world.heard()
  expect(alerts.map(({ event, kind }) => `${event} ${kind}`)).toEqual(kinds.map((kind) => `cleared ${kind}`))
  expect(subjects).toEqual(kinds.map(() => expect.stringContaining('[snap] over: nightly')))
  expect(pings).toEqual(['/start', ''])
  expect([world.metric('job_healthy'), world.outcomeInMetrics()]).toEqual(['1', 'ok'])
}

describe('is on record and told, and the next good run clears it:', () => {
  const possible = FAILURES.filter(({ needsRoot }) => isRoot || needsRoot !== true)
  it.each(possible)('$what', { timeout: 120_000 }, async (failure) => {
    const { config = () => ({}), outcome, message, code, status } = failure
    failure.prepare?.()
    await allIsWell(config())
    await failure.breaks()

    const run = await world.backup()
    expect(run, run.stderr).toMatchObject({ status })
    const [onRecord] = await world.runs()
    expect(onRecord).toMatchObject({ outcome, message: expect.stringMatching(message) })
    expect([onRecord.error, onRecord.snapshot_id !== undefined]).toEqual([code, failure.isSaved === true])
    const lines = await world.log()
    expect(lines[0]).toMatchObject({ level: 'info', message: 'began', run: onRecord.run_id })
    expect(lines.at(-1)).toMatchObject({ level: outcome === 'failed' ? 'error' : 'info', outcome })
    const said = lines.map(({ path, message: text }) => (path === undefined ? text : `${path}: ${text}`))
    expect(said).toContainEqual(expect.stringMatching(message))

    const { alerts, subjects, pings } = world.heard()
    const severity = outcome === 'failed' ? 'critical' : 'warning'
    expect(alerts).toMatchObject([
      { event: 'raised', kind: outcome, severity, job: 'nightly', run: onRecord.run_id },
    ])
    expect(alerts[0].reason).toMatch(message)
    expect(subjects).toEqual([
      expect.stringContaining(`[snap] nightly ${outcome === 'failed' ? 'failed' : 'left something out'}`),
    ])
    expect(pings).toEqual(['/start', '/fail'])
    expect([world.metric('job_healthy'), world.outcomeInMetrics()]).toEqual(['0', outcome])

    const health = outcome === 'failed' ? 'critical' : 'stale'
    const told = await world.status()
    expect(told).toMatchObject({ status: 5, job: { health, last_run: { outcome } } })
    expect(told.job.reasons.join('; ')).toMatch(new RegExp(message.source.replace(/^\^/, '')))

    await failure.mends()
    await isClearedByTheNextRun([outcome])
  })
})

/** Until the disk takes no more. */
function fill(path: string): void {
  for (let size = 65_536; size >= 512; ) {
    try {
      appendFileSync(path, Buffer.alloc(size))
    } catch {
      size /= 2
    }
  }
}

describe('nobody is left in the dark where', () => {
  /** A run that is under way, until its script is told to go on. */
  async function underWay(): Promise<ReturnType<JobWorld['start']>> {
    script(`touch ${world.path('begun')}; while test ! -e ${world.path('go')}; do sleep 0.05; done; echo all`)
    rmSync(world.path('begun'), { force: true })
    const running = world.start(['backup', '--job', 'nightly'])
    while (!existsSync(world.path('begun'))) await wait(20)
    return running
  }

  it('the process is killed: the next that looks finds it dead, and tells', {
    timeout: 120_000,
  }, async () => {
    script('echo all')
    await allIsWell({ sources: SCRIPT })
    const { child, ended } = await underWay()
    expect((await world.runs())[0]).toMatchObject({ outcome: 'running' })
    child.kill('SIGKILL')
    expect((await ended).signal).toBe('SIGKILL')
    writeFileSync(world.path('go'), '')
    const died = 'its process ended without a word: it was killed, or the machine stopped'
    expect((await world.runs())[0]).toMatchObject({ outcome: 'died', message: died })
    expect((await world.log()).map(({ message }) => message)).toEqual(['began'])
    expect(world.heard()).toEqual({ alerts: [], subjects: [], pings: ['/start'] })
    const told = await world.status('--notify')
    expect(told).toMatchObject({
      status: 5,
      job: { health: 'critical', reasons: [`the last run died: ${died}`] },
    })
    expect(world.heard()).toMatchObject({
      alerts: [{ event: 'raised', kind: 'failed', severity: 'critical', reason: died }],
      subjects: [expect.stringContaining('[snap] nightly died')],
    })
    expect(world.outcomeInMetrics()).toBe('died')
    await isClearedByTheNextRun(['failed'])
  })

  it('a second run begins: it ends with 11, and the first goes on', { timeout: 120_000 }, async () => {
    script('echo all')
    await allIsWell({ sources: SCRIPT })
    const { ended } = await underWay()
    const [{ run_id }] = await world.runs()
    const second = await world.backup()
    expect(second.status).toBe(11)
    expect(second.stderr).toMatch(new RegExp(`^snap: nightly is running since \\d+s \\(${run_id}\\)$`, 'm'))
    writeFileSync(world.path('go'), '')
    expect((await ended).status).toBe(0)
    expect((await world.runs()).map(({ outcome }) => outcome)).toEqual(['ok', 'ok'])
    expect(world.heard()).toEqual({ alerts: [], subjects: [], pings: ['/start', ''] })
    expect(await world.status()).toMatchObject({ status: 0, job: { health: 'healthy' } })
  })

  it('and is renamed then: nobody is told that it is over', async () => {
    script('exit 7')
    world.configure({ sources: SCRIPT })
    await world.init()
    await world.backup()
    expect(world.heard().alerts).toMatchObject([{ event: 'raised', kind: 'failed' }])
    writeFileSync(world.config, readFileSync(world.config, 'utf8').replace('nightly:', 'every-night:'))
    await world.run(['status', '--notify'])
    const { alerts, subjects } = world.heard()
    expect(alerts).toMatchObject([{ event: 'dropped', kind: 'failed', job: 'nightly', until: null }])
    expect(alerts[0].text).toContain('Now: nobody knows')
    expect(subjects).toEqual([expect.stringContaining('[snap] not watched any more: nightly failed on ')])
  })

  it('the mail server is down: others hear of both, and it is told when it is back', {
    timeout: 120_000,
  }, async () => {
    script('echo all')
    await allIsWell({ sources: SCRIPT })
    const { port } = world.mail
    await world.mail[Symbol.asyncDispose]()
    script('exit 7')
    const run = await world.backup()
    expect(run.status).toBe(1)
    expect(run.stderr).toContain(
      `warning: ops was not told: 127.0.0.1:${port} cannot be reached: connection refused`,
    )
    expect(world.heard()).toMatchObject({
      alerts: [
        { event: 'raised', kind: 'failed', job: 'nightly' },
        { event: 'raised', kind: 'undelivered', title: 'channel ops cannot be told' },
      ],
      subjects: [],
      pings: ['/start', '/fail'],
    })
    world.mail = await MailServer.start({})
    world.configure({ sources: SCRIPT })
    expect(await world.status('--notify')).toMatchObject({ status: 5 })
    const { alerts, subjects } = world.heard()
    expect(alerts).toMatchObject([{ event: 'cleared', kind: 'undelivered' }])
    expect(subjects).toEqual([expect.stringContaining('[snap] nightly failed')])
    script('echo all')
    await isClearedByTheNextRun(['failed'])
  })

  it.runIf(isRoot)(
    'the disk of the history is full: it is saved, and what fails is told',
    { timeout: 120_000 },
    async () => {
      const small = smallFileSystem(MIB)
      world.env = { ...world.env, SNAP_STATE_DIR: `${small}/state` }
      script('echo all')
      await allIsWell({ sources: SCRIPT })
      fill(`${small}/filler`)
      const good = await world.backup()
      expect(good, good.stderr).toMatchObject({ status: 0 })
      expect(good.stderr).toMatch(
        /warning: the history of runs cannot be kept at .*full.*: this run is not on record/,
      )
      expect(world.heard()).toMatchObject({
        alerts: [{ event: 'raised', kind: 'unrecorded' }],
        subjects: [expect.stringContaining('the history of runs cannot be kept')],
        pings: ['/start', ''],
      })
      script('echo no rows >&2; exit 8')
      const bad = await world.backup()
      expect(bad.status).toBe(1)
      const { alerts, subjects, pings } = world.heard()
      expect(alerts).toMatchObject([{ event: 'raised', kind: 'failed', job: 'nightly' }])
      expect(alerts[0].reason).toContain('no rows')
      expect(subjects).toHaveLength(1)
      expect(pings).toEqual(['/start', '/fail'])
      expect((await world.runs()).map(({ outcome }) => outcome)).toEqual(['ok'])
      rmSync(`${small}/filler`)
      script('echo all')
      const mended = await world.backup()
      expect(mended).toMatchObject({ status: 0, stderr: expect.not.stringContaining('warning') })
      expect(await world.status()).toMatchObject({ status: 0, job: { health: 'healthy' } })
    },
  )
})

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Sqlite } from '../../src/sqlite/database.ts'
import { kept } from '../../src/sqlite/kept-alive.ts'
import { JobWorld } from '../support/job-world.ts'
import { isRoot, Sandbox } from '../support/snap.ts'

const sandbox = new Sandbox()
let world: JobWorld
let count = 0

beforeEach(async () => {
  count += 1
  world = await JobWorld.make(sandbox, `world-${count}`)
  onTestFinished(() => world[Symbol.asyncDispose]())
  world.configure()
  await world.init()
})

const isSaved = async (): Promise<void> => {
  const run = await world.backup()
  expect(run, run.stderr).toMatchObject({ status: 0 })
}

describe('a run is done, whatever becomes of the history:', () => {
  it.runIf(isRoot)('the state directory is on a file system that is read-only', async () => {
    await isSaved()
    const state = world.path('state')
    execFileSync('mount', ['--bind', state, state])
    onTestFinished(() => void execFileSync('umount', ['-l', state]))
    execFileSync('mount', ['-o', 'remount,ro,bind', state])
    const run = await world.backup()
    expect(run, run.stderr).toMatchObject({ status: 0 })
    expect(run.stderr).toContain('this run is not on record')
    expect((await world.runs()).map(({ outcome }) => outcome)).toEqual(['ok'])
    expect((await world.log()).at(-1)).toMatchObject({ message: 'ended' })
    const status = await world.run(['status', '--notify'])
    expect(status, status.stderr).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('nightly  healthy'),
      stderr: expect.stringContaining('the history of runs cannot be kept'),
    })
  })

  it('it was of a part of the scope: the job is as stale as it was', async () => {
    const categories = 'categories: { a: { f: [files] }, b: { g: [HERE/data] } }'
    const scoped = { job: 'scope: [a, b]', more: categories }
    world.configure(scoped)
    await isSaved()
    world.configure(scoped)
    writeFileSync(world.config, readFileSync(world.config, 'utf8').replace('max-age: 26h', 'max-age: 1s'))
    await wait(1_100)
    expect(await world.run(['backup', '--job', 'nightly', '--scope', 'a'])).toMatchObject({ status: 0 })
    const { status, job } = await world.status()
    expect(status).toBe(5)
    expect(['stale', 'critical']).toContain(job.health)
    const kinds = (await world.runs()).map(({ kind, outcome }) => `${kind} ${outcome}`)
    expect(kinds).toEqual(['part ok', 'backup ok'])
    writeFileSync(world.config, readFileSync(world.config, 'utf8').replace('max-age: 1s', 'max-age: 26h'))
    expect((await world.status()).job).toMatchObject({ health: 'healthy', runs: 1 })
  })

  it('the state directory cannot be used at all: people hear of it, and of what is stale, from the repositories', async () => {
    await isSaved()
    world.heard()
    rmSync(world.path('state'), { recursive: true })
    writeFileSync(world.path('state'), 'a file')
    await isSaved()
    const titles = (): string[] => world.heard().alerts.map(({ title }) => title)
    expect(titles()).toEqual(['the history of runs cannot be kept'])
    const good = await world.run(['status', '--json'])
    expect(good).toMatchObject({ status: 0, stderr: expect.stringContaining('cannot be kept') })
    expect(good.stdout).toContain('last_good_snapshot')
    writeFileSync(world.config, readFileSync(world.config, 'utf8').replace('max-age: 26h', 'max-age: 1s'))
    await wait(1_100)
    const stale = await world.run(['status', '--notify'])
    expect(stale).toMatchObject({ status: 5, stderr: expect.stringContaining('nightly is') })
    expect(titles()).toContain('nightly is stale')
  })

  it.runIf(isRoot)('the state directory belongs to another user', async () => {
    world.env = { ...world.env, SNAP_STATE_DIR: world.path('theirs', 'state') }
    mkdirSync(world.path('theirs'))
    chownSync(world.path('theirs'), 65_534, 65_534)
    chmodSync(world.path('theirs'), 0o755)
    const user = ['setpriv', '--reuid', '65533', '--regid', '65533', '--clear-groups']
    for (const path of [sandbox.root, sandbox.path('home'), world.root]) chmodSync(path, 0o755)
    for (const path of [world.path('repository'), world.keyFile, world.config])
      execFileSync('chown', ['-R', '65533:65533', path])
    mkdirSync(world.path('home'))
    chownSync(world.path('home'), 65_533, 65_533)
    const env = { HOME: world.path('home') }
    const run = await world.backup({ through: user, env })
    expect(run, run.stderr).toMatchObject({ status: 0 })
    expect(run.stderr.match(/this run is not on record/g)).toHaveLength(1)
    expect(run.stderr).toContain('permission denied')
  })

  it('the state directory is a link, or one that leads nowhere', async () => {
    const state = world.path('state')
    mkdirSync(world.path('real'))
    symlinkSync(world.path('real'), state)
    await isSaved()
    expect(existsSync(world.path('real', 'state.sqlite'))).toBe(true)
    expect(await world.runs()).toHaveLength(1)
    rmSync(state)
    symlinkSync(world.path('nowhere'), state)
    const run = await world.backup()
    expect(run).toMatchObject({ status: 0, stderr: expect.stringContaining('this run is not on record') })
  })

  it('HOME is not set', async () => {
    const env = {
      HOME: undefined,
      XDG_STATE_HOME: world.path('xdg'),
      XDG_CACHE_HOME: world.path('cache'),
      SNAP_STATE_DIR: undefined,
    }
    expect(await world.backup({ env })).toMatchObject({ status: 0, stderr: '' })
    expect(existsSync(world.path('xdg', 'snap', 'state.sqlite'))).toBe(true)
  })

  it('it is damaged: it is set aside, and a new one begins', async () => {
    await isSaved()
    writeFileSync(world.path('state', 'state.sqlite'), 'x'.repeat(100_000))
    await isSaved()
    expect(await world.runs()).toHaveLength(1)
    expect(await world.status()).toMatchObject({ status: 0, job: { health: 'healthy' } })
  })
})

describe('hooks may print', () => {
  const size = (): number => readFileSync(world.path('state', 'logs', `${runId}.log`)).length
  let runId: string
  const printed = async (print: string): Promise<string> => {
    writeFileSync(world.path('print.sh'), print)
    world.configure({ job: "hooks: { before: ['sh HERE/print.sh'] }" })
    const run = await world.backup()
    expect(run, run.stderr.slice(0, 2_000)).toMatchObject({ status: 0 })
    runId = (await world.runs())[0].run_id
    return run.stderr
  }

  it('a line of ten megabytes, of which the beginning is passed on', async () => {
    const stderr = await printed(
      `head -c 10000000 /dev/zero | tr '\\0' 'x'; head -c 10000000 /dev/zero | tr '\\0' 'y' >&2; echo; echo end`,
    )
    expect(stderr).toContain('before hook of job nightly: end')
    expect(stderr.length).toBeLessThan(20_000)
    expect(size()).toBeLessThan(20_000)
  })

  it('what is no text, and what drives a terminal', async () => {
    const stderr = await printed(
      `head -c 300000 /dev/urandom; printf '\\033[2J\\033]0;title\\007'; printf '\\377\\376\\n' >&2`,
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    const lines = await world.log()
    expect(lines.at(-1)).toMatchObject({ message: 'ended', outcome: 'ok' })
    const text = await world.run(['logs'])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })

  it('more than a log holds, which says so and how it ended', { timeout: 120_000 }, async () => {
    await printed(`yes 'the same line again and again, as long as it likes to be' | head -n 400000`)
    expect(size()).toBeGreaterThan(15_000_000)
    expect(size()).toBeLessThan(17_000_000)
    expect((await world.log()).slice(-3).map(({ message }) => message)).toEqual([
      'the log is full: what else was said is left out',
      'saved',
      'ended',
    ])
    expect((await world.log()).at(-2)).toMatchObject({
      read_bytes: expect.any(Number),
      added_bytes: expect.any(Number),
    })
  })

  it('and run another job, which is a run of its own', async () => {
    world.configure({
      job: `hooks: { before: ['${process.execPath} ${new URL('../../bin/main.js', import.meta.url).pathname} backup --job other --config HERE/snap.yaml'] }`,
    })
    const text = readFileSync(world.config, 'utf8')
    writeFileSync(
      world.config,
      text.replace('notifications:', '  other: { sources: [files] }\nnotifications:'),
    )
    const env = {
      SNAP_RUN_ID: '20251119-020000-k3fp',
      SNAP_RUN_TRIGGER: 'schedule',
      SNAP_RUN_DUE: '1763517600000',
    }
    expect(await world.backup({ env })).toMatchObject({
      status: 0,
      stderr: expect.not.stringContaining('warning'),
    })
    expect(await world.runs()).toMatchObject([
      { job: 'other', trigger: 'hand', outcome: 'ok' },
      { job: 'nightly', trigger: 'schedule', run_id: env.SNAP_RUN_ID, outcome: 'ok' },
    ])
  })
})

describe('the history', () => {
  it('of two configurations with the same names of jobs is kept apart', async () => {
    await isSaved()
    const other = world.path('other.yaml')
    writeFileSync(other, readFileSync(world.config))
    chmodSync(other, 0o600)
    const runs = (file: string) =>
      sandbox.run(['runs', '--json', '--config', file], { env: { ...world.env } })
    expect(JSON.parse((await runs(other)).stdout)).toEqual([])
    expect(JSON.parse((await runs(world.config)).stdout)).toHaveLength(1)
  })

  it('of a job that the configuration has no more is there still', async () => {
    await isSaved()
    const text = readFileSync(world.config, 'utf8').replaceAll('nightly', 'hourly')
    writeFileSync(world.config, text)
    expect((await world.runs()).map(({ job }) => job)).toEqual(['nightly'])
    expect(await world.run(['runs', '--job', 'nightly'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('ok'),
    })
    expect(await world.run(['logs', 'nightly'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('ended'),
    })
    expect((await world.run(['runs', '--job', 'hourly'])).stdout).toBe('no runs\n')
    expect((await world.run(['runs', '--job', 'nobody'])).status).toBe(2)
    expect((await world.run(['logs', 'hourly'])).stderr).toContain('hourly was never run')
  })

  it('takes names of jobs as long and as strange as they may be', async () => {
    const names = ['x'.repeat(64), 'constructor', '9..-_', 'toString']
    const text = readFileSync(world.config, 'utf8')
    const jobs = names.map((name) => `  ${name}: { sources: [files] }\n`).join('')
    writeFileSync(world.config, text.replace('notifications:', `${jobs}notifications:`))
    for (const name of names) expect((await world.run(['backup', '--job', name])).status).toBe(0)
    expect((await world.runs()).map(({ job }) => job)).toEqual(names.toReversed())
    expect((await world.run(['status'])).status).toBe(0)
    for (const name of names) expect((await world.run(['logs', name])).stdout).toContain('ended')
    writeFileSync(
      world.config,
      text.replace('notifications:', `  ${'x'.repeat(65)}: { sources: [files] }\nnotifications:`),
    )
    expect((await world.run(['config', 'check'])).status).toBe(2)
  })

  it('whose directory was moved has its logs where it is', async () => {
    await isSaved()
    execFileSync('mv', [world.path('state'), world.path('moved')])
    world.env = { ...world.env, SNAP_STATE_DIR: world.path('moved') }
    expect((await world.log()).at(-1)).toMatchObject({ message: 'ended' })
  })

  it('of 100,000 runs is listed, and judged, in a second or two', { timeout: 120_000 }, async () => {
    await isSaved()
    const database = kept(new Sqlite(world.path('state', 'state.sqlite')))
    const row = database.prepare('SELECT config FROM runs').get() as { config: string }
    const insert = database.prepare(
      "INSERT INTO runs (id, config, job, repository, trigger, started_ms, ended_ms, pid, outcome, message) VALUES (?, ?, ?, 'local', 'schedule', ?, ?, 1, ?, ?)",
    )
    database.transaction(() => {
      for (let number = 0; number < 100_000; number++) {
        const at = Date.now() - number * 60_000
        insert.run(
          `run-${number}`,
          row.config,
          number % 20 === 0 ? 'nightly' : `job${number % 20}`,
          at,
          at + 5,
          'ok',
          'x'.repeat(50),
        )
      }
    })()
    database.close()
    const took = async (...args: string[]): Promise<number> => {
      const began = performance.now()
      expect((await world.run(args)).status).toBe(0)
      return performance.now() - began
    }
    // Each takes about 0.3 s, most of it the start of Node; the bound is for a machine that does ten other things.
    const times = [
      await took('runs'),
      await took('runs', '--job', 'job7'),
      await took('runs', '--json', '--limit', '100000'),
      await took('status'),
    ]
    expect(Math.max(...times), times.join()).toBeLessThan(10_000)
    console.info(
      `100,000 runs: runs, runs --job, all as JSON, status: ${times.map((ms) => `${Math.round(ms)} ms`).join(', ')}`,
    )
    await isSaved()
  })
})

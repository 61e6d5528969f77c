import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { jsonLines, Sandbox } from '../support/snap.ts'

const sandbox = new Sandbox()
let count = 0
let config: string

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** A directory of this test's own. */
let place: (...names: string[]) => string

beforeAll(() => sandbox.init())
beforeEach(() => {
  count += 1
  const own = `test-${count}`
  place = (...names) => sandbox.path(own, ...names)
  config = place('snap.yaml')
})

function configure(text: string): void {
  write(
    config,
    `repositories:\n  local: { path: ${sandbox.repository}, key-file: ${sandbox.keyFile} }\n${text.replaceAll('HERE', place())}`,
  )
}

const withConfig = (...args: string[]): string[] => [...args, '--config', config]
/** What the environment says of the repository must not be needed. */
const BARE = { env: { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined } }

describe('a job', () => {
  beforeEach(() => {
    write(place('app', 'contracts', 'a.pdf'), 'contract')
    write(place('app', 'contracts', 'a.tmp'), 'draft')
    write(place('app', 'contracts', 'old', 'b.pdf'), 'old contract')
    write(place('app', 'pictures', 'c.jpg'), 'picture')
    write(place('etc', 'app.conf'), 'settings')
    configure(
      `
sources:
  settings: { files: [HERE/etc] }
  ledger: { command: [sh, -c, 'echo rows of "$$BOOK"; echo dumping >&2'], as: ledger.sql, env: { BOOK: 2025 } }
categories:
  critical:
    contracts: ['HERE/app/contracts/**/*.pdf', 'HERE/app/contracts/**/*.sig']
    books: [ledger]
  optional:
    pictures: [HERE/app/pictures]
jobs:
  nightly:
    sources: [settings]
    scope: [critical]
    label: incremental
    tags: [night]
    retention: { keep-last: 2 }
    after: { verify: data, prune: true }
`.replace('BOOK: 2025', "BOOK: '2025'"),
    )
  })

  it('saves files, categories and the output of commands in one snapshot', async () => {
    const run = await sandbox.ok(withConfig('backup', '--job', 'nightly'), BARE)
    expect(run.stderr).toContain('ledger: dumping')
    const target = place('back')
    await sandbox.ok(['restore', 'latest', '--tag', 'night', '--target', target])
    const back = (...names: string[]): string => `${target}${place(...names)}`
    expect(readFileSync(back('etc', 'app.conf'), 'utf8')).toBe('settings')
    expect(readFileSync(back('app', 'contracts', 'old', 'b.pdf'), 'utf8')).toBe('old contract')
    expect(readdirSync(back('app', 'contracts')).sort()).toEqual(['a.pdf', 'old'])
    expect(existsSync(back('app', 'pictures'))).toBe(false)
    expect(readFileSync(`${target}/@ledger/ledger.sql`, 'utf8')).toBe('rows of 2025\n')
  })

  it('is a series of its own, whatever it consists of, and follows its retention', async () => {
    for (let day = 0; day < 3; day++) {
      write(place('etc', 'app.conf'), `settings ${day}`)
      await sandbox.ok(withConfig('backup', '--job', 'nightly', '--host', `web${count}`), BARE)
    }
    const listed = await sandbox.snapshots(['--host', `web${count}`])
    expect(listed).toHaveLength(2)
    expect(listed.map(({ tags, label }) => ({ tags, label }))).toEqual([
      { tags: ['night'], label: 'incremental' },
      { tags: ['night'], label: 'incremental' },
    ])
  })

  it('with other categories is another series, which retention leaves alone', async () => {
    const host = `web${count}`
    for (let day = 0; day < 3; day++)
      await sandbox.ok(withConfig('backup', '--job', 'nightly', '--host', host), BARE)
    const optional = withConfig('backup', '--job', 'nightly', '--scope', 'optional', '--host', host)
    await sandbox.ok(optional, BARE)
    const series = new Set((await sandbox.snapshots(['--host', host])).map(({ paths }) => paths.length))
    expect(await sandbox.snapshots(['--host', host])).toHaveLength(3)
    expect(series.size).toBe(2)
  })

  it('is found by its name, whatever other jobs have saved since', async () => {
    const host = `web${count}`
    await sandbox.ok(withConfig('backup', '--job', 'nightly', '--host', host), BARE)
    await sandbox.ok(['backup', place('app', 'pictures'), '--host', host])
    const target = place('back')
    await sandbox.ok(['restore', '--at', 'now', '--host', host, '--job', 'nightly', '--target', target])
    expect(existsSync(`${target}${place('etc', 'app.conf')}`)).toBe(true)
    expect(await sandbox.snapshots(['--host', host, '--job', 'nightly'])).toHaveLength(1)
    const wrong = await sandbox.expect(1, ['restore', '--job', 'hourly', '--host', host, '--target', target])
    expect(wrong.stderr).toContain('no snapshot matches')
    expect(wrong.stderr).toMatch(/jobs.*nightly/)
    const several = await sandbox.expect(1, ['restore', '--at', 'now', '--host', host, '--target', target])
    expect(several.stderr).toContain('--job')
  })

  it('is restored by category, data type and source', async () => {
    await sandbox.ok(withConfig('backup', '--job', 'nightly'), BARE)
    const restored = async (...args: string[]): Promise<string[]> => {
      const target = place('back', args.join('-'))
      await sandbox.ok(['restore', 'latest', '--tag', 'night', '--target', target, ...args])
      const files = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      )
      return files.map(({ name }) => name).sort()
    }
    expect(await restored('--category', 'critical')).toEqual(['a.pdf', 'b.pdf', 'ledger.sql'])
    expect(await restored('--type', 'contracts')).toEqual(['a.pdf', 'b.pdf'])
    expect(await restored('--category', 'critical', '--type', 'books')).toEqual(['ledger.sql'])
    expect(await restored('--source', 'settings,ledger')).toEqual(['app.conf', 'ledger.sql'])
    const unknown = await sandbox.expect(1, ['restore', 'latest', '--tag', 'night', '--category', 'optional'])
    expect(unknown.stderr).toContain('the snapshot has no category "optional"\nhint: It has critical.')
  })

  it('says what it would do, and does nothing, in a dry run', async () => {
    const before = await sandbox.snapshots()
    const dry = withConfig('backup', '--job', 'nightly', '-n', '-v', '--host', `web${count}`)
    const run = await sandbox.ok(dry, BARE)
    expect(run.stdout).toContain(`new        ${place('app', 'contracts', 'a.pdf')}\n`)
    expect(run.stdout).toContain('new        /@ledger/ledger.sql\n')
    expect(run.stderr).not.toContain('dumping')
    expect(await sandbox.snapshots()).toEqual(before)
  })

  it('names what is not known, with what is', async () => {
    const job = await sandbox.expect(2, withConfig('backup', '--job', 'nigthly'), BARE)
    expect(job.stderr).toContain('hint: There are nightly.')
    const scope = await sandbox.expect(2, withConfig('backup', '--job', 'nightly', '--scope', 'minor'), BARE)
    expect(scope.stderr).toContain('hint: There are critical, optional.')
    const both = await sandbox.expect(2, withConfig('backup', '--job', 'nightly', '/etc'), BARE)
    expect(both.stderr).toContain('a job and what else to save were both given')
    await sandbox.expect(2, withConfig('backup', '--scope', 'critical', '/etc'), BARE)
  })
})

it('a command that fails is no dump: the rest is saved, status 3, and nothing is forgotten for it', async () => {
  write(place('file'), 'x')
  configure(`
sources:
  file: { files: [HERE/file] }
  dump: { command: [sh, -c, 'echo half a dump; echo no such table >&2; exit 3'] }
jobs:
  nightly: { sources: [file, dump], tags: [failing-${count}], retention: { keep-last: 1 } }
`)
  const good = config
  await sandbox.expect(3, withConfig('backup', '--job', 'nightly'), BARE)
  const run = await sandbox.expect(3, withConfig('backup', '--job', 'nightly', '--json'), BARE)
  expect(run.stderr).toContain('sh ended with status 3: no such table')
  const [snapshot] = await sandbox.snapshots(['--tag', `failing-${count}`])
  const listed = jsonLines(await sandbox.ok(['ls', snapshot.id, '/@dump', '--json']))
  expect(listed.filter(({ message_type }) => message_type === 'node')).toMatchObject([
    { name: 'dump', size: 0 },
  ])
  expect(good).toBe(config)
})

it('a command that takes too long has failed', async () => {
  configure(`
sources:
  dump: { command: [sh, -c, 'echo begun; sleep 60'], timeout: 1s }
jobs:
  nightly: { sources: [dump] }
`)
  const run = await sandbox.expect(1, withConfig('backup', '--job', 'nightly'), BARE)
  expect(run.stderr).toContain(
    'snap: /@dump/dump: sh was ended: it took longer than 1s\nhint: Nothing was saved.',
  )
})

describe('a service that is stopped for a backup', () => {
  const configureService = (source: string): void =>
    configure(`
sources:
  app: { ${source}, hooks: { before: ['touch HERE/stopped'], finally: ['rm HERE/stopped', 'echo "$SNAP_STATUS" > HERE/started'] } }
jobs:
  nightly: { sources: [app] }
`)
  const isStopped = (): boolean => existsSync(place('stopped'))
  const started = (): string => readFileSync(place('started'), 'utf8').trim()

  beforeEach(() => mkdirSync(place()))

  it('runs again after it', async () => {
    configureService(`command: [sh, -c, 'ls HERE']`)
    await sandbox.ok(withConfig('backup', '--job', 'nightly'), BARE)
    const [{ id }] = (await sandbox.snapshots(['--path', '/@app/app'])).slice(-1)
    expect((await sandbox.ok(['dump', id, '/@app/app'])).stdout).toContain('stopped')
    expect([isStopped(), started()]).toEqual([false, 'ok'])
  })

  it('runs again where it fails', async () => {
    configureService(`command: ['false']`)
    await sandbox.expect(1, withConfig('backup', '--job', 'nightly'), BARE)
    expect([isStopped(), started()]).toEqual([false, 'failed'])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('runs again where %s ends it', async (signal) => {
    configureService(`command: [sh, -c, 'touch HERE/reading; sleep 60']`)
    const running = sandbox.start(withConfig('backup', '--job', 'nightly'), BARE)
    while (!existsSync(place('reading'))) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isStopped()).toBe(true)
    running.child.kill(signal)
    expect((await running.ended).status).toBe(130)
    expect([isStopped(), started()]).toEqual([false, 'interrupted'])
  })
})

it('paths that lead through links are followed', async () => {
  write(place('real', 'data', 'file'), 'x')
  symlinkSync(place('real'), place('link'))
  configure(`
sources: { data: { files: [HERE/link/data] } }
categories: { all: { files: ['HERE/link/**/f*'] } }
jobs: { nightly: { sources: [data], scope: [all], tags: [links-${count}] } }
`)
  const run = await sandbox.ok(withConfig('backup', '--job', 'nightly'), BARE)
  expect(run.stderr).toContain(`${place('link', 'data')} leads to ${place('real', 'data')}, which is saved`)
  const [{ paths }] = await sandbox.snapshots(['--tag', `links-${count}`])
  expect(paths).toEqual([place('real', 'data'), place('real')])
})

it('a password that others can read gives a warning, and never appears', async () => {
  write(config, `repositories: { a: { path: ${place('r')}, password: hunter2 } }\njobs: {}\n`)
  chmodSync(config, 0o644)
  const run = await sandbox.ok(withConfig('config', 'check', '-v'))
  expect(run.stderr).toContain('can be read by others, and has repositories.a.password in it')
  expect(run.stdout + run.stderr).not.toContain('hunter2')
  chmodSync(config, 0o600)
  expect((await sandbox.ok(withConfig('config', 'check'))).stderr).toBe('')
})

describe('snap config', () => {
  it('init writes a file that check finds fine, once', async () => {
    const file = place('new.yaml')
    mkdirSync(place())
    expect((await sandbox.ok(['config', 'init', file])).stdout).toContain(`wrote ${file}`)
    expect((await sandbox.ok(['config', 'check', '--config', file])).stdout).toContain('3 jobs')
    const again = await sandbox.expect(2, ['config', 'init', file])
    expect(again.stderr).toContain('it exists')
    expect((await sandbox.ok(['config', 'init', '--print'])).stdout).toBe(readFileSync(file, 'utf8'))
  })

  it('check names every problem with its line, for people and programs', async () => {
    write(config, 'repositories:\n  a: { pth: /x }\n')
    const run = await sandbox.expect(2, withConfig('config', 'check'))
    expect(run.stderr.split('\n').slice(0, 2)).toEqual([
      `snap: ${config}:2:6: repositories.a.path is missing`,
      `snap: ${config}:2:8: repositories.a: there is no key "pth"; did you mean "path"?`,
    ])
    const json = JSON.parse((await sandbox.expect(2, withConfig('config', 'check', '--json'))).stderr)
    expect(json).toMatchObject({ error: 'USAGE', also: [expect.stringContaining('did you mean "path"?')] })
  })

  it('check warns of what this machine has not', async () => {
    write(place('here'), 'x')
    write(place('no-program'), 'x')
    const gone = (name: string): string => place('gone', name)
    const text = (base: (name: string) => string): string => `
repositories: { a: { path: ${place('r')}, key-file: ${base('key')} } }
sources:
  files: { files: [${place('here')}, ${base('files')}] }
  notes: { sqlite: ${base('sqlite')} }
  shop: { command: [${base === gone ? 'no-such-program' : 'sh'}], cwd: ${base === gone ? gone('cwd') : place()} }
jobs:
  nightly:
    sources: [files]
    ping: 'file:${base('ping')}'
    hooks: { before: [{ command: [${base === gone ? place('no-program') : '/bin/sh'}] }] }
notifications:
  hook: { webhook: 'file:${base('hook')}', headers: { Authorization: 'file:${base('header')}' } }
  mail: { mail: { to: [a@example.org], from: b@example.org, server: 'smtps://example.org', user: u, password: 'file:${base('mail')}' } }
  pager: { command: [${base === gone ? 'no-such-pager' : 'sh'}] }
daemon: { listen: '127.0.0.1:1', token: 'file:${base('token')}' }
`
    write(config, text(gone))
    chmodSync(config, 0o600)
    const run = await sandbox.ok(withConfig('config', 'check'))
    const missing = 'no such file or directory'
    expect(run.stderr.trimEnd().split('\n').sort()).toEqual(
      [
        `daemon.token: ${gone('token')} cannot be read: ${missing}`,
        `jobs.nightly.hooks.before: there is no program ${place('no-program')}`,
        `jobs.nightly.ping: ${gone('ping')} cannot be read: ${missing}`,
        `notifications.hook.headers.Authorization: ${gone('header')} cannot be read: ${missing}`,
        `notifications.hook.webhook: ${gone('hook')} cannot be read: ${missing}`,
        `notifications.mail.mail.password: ${gone('mail')} cannot be read: ${missing}`,
        'notifications.pager.command: there is no program no-such-pager in PATH',
        `repositories.a.key-file: ${gone('key')} cannot be read: ${missing}`,
        `sources.files.files: ${gone('files')} is not there: ${missing}`,
        `sources.notes.sqlite: ${gone('sqlite')} cannot be read: ${missing}`,
        'sources.shop.command: there is no program no-such-program in PATH',
        `sources.shop.command: ${gone('cwd')} is no directory: ${missing}`,
      ]
        .map((line) => `warning: ${line}`)
        .sort(),
    )
    expect(run.stdout).toContain('1 job, 3 channels')
    write(
      config,
      text(() => place('here')),
    )
    expect((await sandbox.ok(withConfig('config', 'check'))).stderr).toBe('')
  })

  it('is found where it usually lies, and missed with a hint', async () => {
    const none = await sandbox.expect(2, ['config', 'check'])
    expect(none.stderr).toContain('there is no configuration: none at')
    write(sandbox.path('home', '.config', 'snap', 'snap.yaml'), 'repositories: { a: { path: /x } }')
    expect((await sandbox.ok(['config', 'check'])).stdout).toContain('1 repository')
  })

  it('schema prints a JSON Schema', async () => {
    const schema = JSON.parse((await sandbox.ok(['config', 'schema'])).stdout)
    expect(Object.keys(schema.properties).slice(0, 4)).toEqual([
      'repositories',
      'sources',
      'categories',
      'jobs',
    ])
  })
})

describe('a service that a hook has stopped', () => {
  /** A job that is under way for a while, whose finally hooks say that they ran. */
  const stopping = (): void =>
    configure(
      `sources: { slow: { command: [sh, -c, 'touch HERE/begun; sleep 3; echo x'] } }
jobs:
  slow:
    sources: [slow]
    hooks: { before: ['touch HERE/stopped'], finally: ['exit 7', 'touch HERE/again'] }
`,
    )
  const begun = async (): Promise<void> => {
    while (!existsSync(place('begun'))) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  it('is started again although the first of its commands fails', async () => {
    stopping()
    const run = await sandbox.expect(1, withConfig('backup', '--job', 'slow'), BARE)
    expect(run.stderr).toContain('the finally hook of job slow failed')
    expect(existsSync(place('again'))).toBe(true)
  })

  it('is started again where the terminal goes', async () => {
    stopping()
    const { child, ended } = sandbox.start(withConfig('backup', '--job', 'slow'), BARE)
    await begun()
    child.kill('SIGHUP')
    expect((await ended).status).toBe(130)
    expect(existsSync(place('again'))).toBe(true)
  })

  it('is started again where whoever read what the run prints has gone, and the run is saved', async () => {
    stopping()
    const { child, ended } = sandbox.start(withConfig('backup', '--job', 'slow', '--json'), BARE)
    await begun()
    child.stdout?.destroy()
    await ended
    expect(existsSync(place('again'))).toBe(true)
    const { stdout } = await sandbox.ok(withConfig('runs', '--job', 'slow', '--json'), BARE)
    expect(JSON.parse(stdout)[0]).toMatchObject({ snapshot_id: expect.any(String) })
  })

  it('is not waited for where a hook leaves it in the background, and keeps what it prints to itself', async () => {
    configure(
      `sources: { app: { files: [HERE/etc] } }
jobs:
  server:
    sources: [app]
    hooks: { finally: ['sleep 20 & echo $! > HERE/pid', 'touch HERE/again'] }
`,
    )
    write(place('etc', 'app.conf'), 'settings')
    const begin = Date.now()
    await sandbox.ok(withConfig('backup', '--job', 'server'), BARE)
    expect(Date.now() - begin).toBeLessThan(10_000)
    const pid = Number(readFileSync(place('pid'), 'utf8'))
    expect(() => process.kill(pid, 0)).not.toThrow()
    process.kill(pid)
  })
})

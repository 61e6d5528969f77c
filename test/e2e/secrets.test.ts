import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { watchCommandLines } from '../support/command-lines.ts'
import { HttpServer, status } from '../support/http-server.ts'
import { MailServer } from '../support/mail-server.ts'
import { LaxStore } from '../support/s3/lax-store.ts'
import { type Run, Sandbox } from '../support/snap.ts'
import { filesBelow } from '../support/tree.ts'

/** Each has a core that stands nowhere else: it is looked for by itself, so that half a secret is found too. */
const CORES = {
  repositoryText: 'kW3nP8sZ',
  repositoryFile: 'Qv6bT1yD',
  repositoryCommand: 'mJ9cX4rL',
  environment: 'Zp2fH7wK',
  postgres: 'tB5gN0uS',
  mail: 'yE8dV3qA',
  hookPath: 'Hc1jM6oF',
  hookHeader: 'xR4kG9zI',
  ping: 'Lu7aY2vW',
  daemon: 'sD0eC5nB',
  storeKey: 'bG6yR1mX',
  otherStoreKey: 'Nf3kU8qJ',
  sessionToken: 'Vd5wE0pT',
} as const
type Secret = keyof typeof CORES
const secretOf = (name: Secret): string => `${name}/${CORES[name]}-of+it`
/** As JSON, terminals and addresses write them they look different. */
const AWKWARD: Readonly<Partial<Record<Secret, string>>> = {
  repositoryText: `quote"back\\slash ${CORES.repositoryText} zero\u200bwidth`,
  repositoryCommand: `tab\t${CORES.repositoryCommand} é`,
  hookPath: `${CORES.hookPath}aa11`,
  ping: `${CORES.ping}-1b2c-uuid`,
}
const SECRETS = (Object.keys(CORES) as Secret[]).map(
  (name) => [name, AWKWARD[name] ?? secretOf(name)] as const,
)
const text = (name: Secret): string => AWKWARD[name] ?? secretOf(name)

const sandbox = new Sandbox()
const config = sandbox.path('snap.yaml')
const said: string[] = []
let http: HttpServer
let mail: MailServer
let store: LaxStore

const write = (name: string, content: string, mode = 0o600): void => {
  writeFileSync(sandbox.path(name), content)
  chmodSync(sandbox.path(name), mode)
}

beforeAll(async () => {
  http = await HttpServer.start()
  mail = await MailServer.start({})
  store = await LaxStore.start()
  mkdirSync(sandbox.path('data'))
  write('data/file', 'what is saved')
  write('repository.password', `${text('repositoryFile')}\n`)
  write('command.password', text('repositoryCommand'))
  write('postgres.password', text('postgres'))
  // What talks: everything that there is to be said, in every way.
  // What a command prints is a secret from then on that it was asked for it.
  const told = SECRETS.flatMap(([name, secret]) => (name === 'repositoryCommand' ? [] : [secret]))
  const header = `Authorization: Bearer ${text('hookHeader')}`
  const request = `POST /hooks/${text('hookPath')} HTTP/1.1`
  write(
    'all',
    `${told.join('\n')}\n${header}\n${request}\nGET /ping/${text('ping')}/start\nerror: ${told.join(' and ')}\n`,
  )
  write(
    'talk.sh',
    `cat ${sandbox.path('all')} "$2"; cat ${sandbox.path('all')} "$2" >&2; echo PASSWORD IN "$SNAP_PASSWORD" >&2; exit "$1"`,
  )
  const long = `${'x'.repeat(4_090)}${text('mail')}${'y'.repeat(100_000)} ${text('daemon')}`
  write('long.sh', `cat ${sandbox.path('long')}; cat ${sandbox.path('long')} >&2`)
  write('long', long)
  configure()
  for (const [name, env] of [
    ['text', { SNAP_PASSWORD: text('repositoryText') }],
    ['file', { SNAP_PASSWORD: text('repositoryFile') }],
    ['command', { SNAP_PASSWORD: text('repositoryCommand') }],
    ['environment', {}],
  ] as const)
    await snap(['init'], { SNAP_REPOSITORY: sandbox.path('repositories', name), ...env })
  await snap(withConfig('init', '--repo', 'stored'))
  return async () => {
    await http[Symbol.asyncDispose]()
    await mail[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
}, 120_000)

function configure(): void {
  const job = (repository: string, sources: string, more = ''): string =>
    `{ repository: ${repository}, sources: [${sources}], ping: '${http.address}/ping/${text('ping')}', ${more} }`
  write(
    'snap.yaml',
    `
repositories:
  text: { path: HERE/repositories/text, password: ${JSON.stringify(text('repositoryText'))} }
  file: { path: HERE/repositories/file, password: file:HERE/repository.password }
  command: { path: HERE/repositories/command, password-command: cat HERE/command.password }
  environment: { path: HERE/repositories/environment }
  stored: { path: '${store.address('stored').text}', access-key: anybody, secret-key: '${text('storeKey')}', password: file:HERE/repository.password }
sources:
  files: { files: [HERE/data] }
  chatty: { command: [sh, HERE/talk.sh, '0'] }
  failing: { command: [sh, HERE/talk.sh, '3'] }
  long: { command: [sh, HERE/long.sh] }
  bank: { postgres: { database: bank, host: 127.0.0.1, port: 1, user: me, password: file:HERE/postgres.password } }
jobs:
  good: ${job('text', 'files, chatty, long', "hooks: { before: ['sh HERE/talk.sh 0', 'sh HERE/long.sh'], finally: ['sh HERE/talk.sh 0'] }")}
  incomplete: ${job('file', 'files, failing, bank')}
  hooked: ${job('command', 'files', "hooks: { after: ['sh HERE/talk.sh 4 HERE/command.password'], finally: ['sh HERE/talk.sh 5 HERE/command.password'] }")}
  refused: ${job('environment', 'files', "hooks: { before: ['sh HERE/talk.sh 6'] }")}
  failing: ${job('environment', 'failing', "hooks: { failed: ['sh HERE/talk.sh 0'] }")}
  plain: ${job('environment', 'files')}
  stored: ${job('stored', 'files, chatty', "hooks: { before: [env, 'sh HERE/talk.sh 0'] }, after: { verify: data }")}
notifications:
  ops: { mail: { to: [a@example.org], from: b@example.org, server: 'smtp://127.0.0.1:${mail.port}', user: me, password: '${text('mail')}' } }
  open: { mail: { to: [a@example.org], from: b@example.org, server: 'smtp://127.0.0.1:${mail.port}' } }
  chat: { webhook: '${http.address}/hooks/${text('hookPath')}?token=${text('hookPath')}', headers: { Authorization: 'Bearer ${text('hookHeader')}' } }
  nowhere: { webhook: 'http://127.0.0.1:1/hooks/${text('hookPath')}', on: [objective] }
  pager: { command: [sh, -c, 'cat >> HERE/paged; env >> HERE/paged-env; sh HERE/talk.sh 7'] }
  record: { log: HERE/alerts.log }
metrics: { textfile: HERE/snap.prom }
daemon: { listen: 'unix:HERE/daemon.socket', token: '${text('daemon')}' }
`.replaceAll('HERE', sandbox.root),
  )
}

const ENVIRONMENT = {
  SNAP_REPOSITORY: undefined,
  SNAP_KEY_FILE: undefined,
  SNAP_PASSWORD: text('environment'),
  AWS_SECRET_ACCESS_KEY: text('otherStoreKey'),
  AWS_SESSION_TOKEN: text('sessionToken'),
}

let traces = 0
async function snap(args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Run> {
  traces += 1
  const trace = sandbox.path(`trace-${traces}.json`)
  const run = await sandbox.run(args, { env: { ...ENVIRONMENT, SNAP_TRACE: trace, ...env } })
  said.push(run.stdout, run.stderr)
  return run
}

const withConfig = (...args: string[]): string[] => [...args, '--config', config]

/** Of a secret, as it may be written; `undefined` where nothing of it is there. */
function found(bytes: Buffer | string): string | undefined {
  const whole = Buffer.from(bytes).toString('latin1')
  for (const [name, secret] of SECRETS) {
    const shapes = [
      CORES[name],
      Buffer.from(secret).toString('base64').slice(4, -4),
      Buffer.from(`\0me\0${secret}`).toString('base64').slice(8, -4),
      Buffer.from(secret).toString('hex'),
    ]
    const shape = shapes.find((each) => whole.includes(each))
    if (shape !== undefined) {
      const at = whole.indexOf(shape)
      return `${name} as ${shape}: ...${whole.slice(Math.max(0, at - 100), at + 60)}...`
    }
  }
  return undefined
}

it('no secret stands where it does not belong, however much others talk', { timeout: 240_000 }, async () => {
  const watch = watchCommandLines(Object.values(CORES))
  http.answer = (response) =>
    void response.writeHead(500, { location: `/${text('hookPath')}` }).end(text('hookHeader'))
  await snap(withConfig('backup', '--job', 'refused', '-v'))
  http.answer = status(200)
  const statuses: (number | null)[] = []
  for (const args of [['-v', '-v'], ['--json'], ['--quiet']])
    for (const job of ['good', 'incomplete', 'hooked', 'refused', 'failing', 'plain', 'stored'])
      statuses.push((await snap(withConfig('backup', '--job', job, ...args))).status)
  const ofEach = [0, 3, 1, 1, 1, 0, 0]
  expect(statuses).toEqual([...ofEach, ...ofEach, ...ofEach])
  // Who cannot open anything, by a wrong password and a command that fails and talks.
  write('command.password', text('repositoryText'))
  await snap(withConfig('backup', '--job', 'hooked', '-v'))
  rmSync(sandbox.path('command.password'))
  for (const args of [['--json'], ['-v']]) {
    await snap(withConfig('backup', '--job', 'hooked', ...args))
    await snap(withConfig('status', '--notify', ...args))
    await snap(withConfig('status', ...args))
    await snap(withConfig('runs', ...args))
    await snap(withConfig('schedule', 'list', ...args))
    await snap(withConfig('config', 'check', ...args))
    await snap(withConfig('notify', 'test', ...args))
    await snap(withConfig('db', 'info', 'bank', ...args))
    for (const job of ['good', 'incomplete', 'hooked', 'refused', 'failing', 'stored'])
      await snap(withConfig('logs', job, ...args))
  }
  await throughTheDaemon()
  const watched = await watch()

  // That they talked, and were heard, is not in doubt.
  expect(said.join('')).toContain('before hook of job good: ***')
  expect(mail.mails.length).toBeGreaterThan(3)
  expect(http.asked.map(({ path }) => path)).toContain(`/hooks/${text('hookPath')}?token=${text('hookPath')}`)
  expect(watched.looks).toBeGreaterThan(100)
  expect(found(readFileSync(sandbox.path('all')))).toBeDefined()
  expect(found(`said of ${text('mail')}`)).toBeDefined()

  expect(watched.found).toEqual([])
  for (const each of said) expect(found(each)).toBeUndefined()
  expect(store.objects.size).toBeGreaterThan(5)
  for (const [name, { bytes }] of store.objects) expect(found(bytes), name).toBeUndefined()
  for (const asked of store.asked) expect(found(asked)).toBeUndefined()
  for (const { body } of http.asked) expect(found(body)).toBeUndefined()
  for (const each of mail.mails) expect(found(each.text)).toBeUndefined()
  const state = sandbox.path('home', '.local', 'state')
  const written = [
    ...['snap.prom', 'alerts.log', 'paged'].map((name) => sandbox.path(name)),
    ...Array.from({ length: traces }, (_, at) => sandbox.path(`trace-${at + 1}.json`)).filter(existsSync),
    ...filesBelow(state),
    ...filesBelow(sandbox.path('repositories')),
    ...filesBelow(sandbox.path('home', '.cache')),
  ]
  expect(written.filter((path) => path.endsWith('.log')).length).toBeGreaterThan(10)
  expect(written.some((path) => path.endsWith('state.sqlite'))).toBe(true)
  for (const path of written) {
    expect(found(path), path).toBeUndefined()
    expect(found(readFileSync(path)), path).toBeUndefined()
  }
  for (const path of filesBelow(state)) expect(statSync(path).mode & 0o077, path).toBe(0)
})

/** Runs a job, and asks with and without the token. */
async function throughTheDaemon(): Promise<void> {
  const { child, ended } = sandbox.start(withConfig('daemon', '-v'), { env: ENVIRONMENT })
  const socket = sandbox.path('daemon.socket')
  for (let tries = 0; !existsSync(socket) && tries < 200; tries++) await wait(50)
  const ask = async (path: string, method: string, token: string): Promise<string> => {
    const { request } = await import('node:http')
    return await new Promise((resolve, reject) => {
      const asking = request(
        { socketPath: socket, path, method, headers: { authorization: `Bearer ${token}` } },
        (answer) => {
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('end', () => resolve(`${answer.statusCode} ${Buffer.concat(parts)}`))
        },
      )
      asking.on('error', reject)
      asking.end()
    })
  }
  said.push(await ask('/v1/status', 'GET', 'wrong'))
  said.push(await ask('/v1/status', 'GET', text('daemon')))
  const started = await ask('/v1/jobs/incomplete/runs', 'POST', text('daemon'))
  expect(started).toMatch(/^202 /)
  const { run_id } = JSON.parse(started.slice(4))
  let run = ''
  for (let tries = 0; tries < 600 && !run.includes('"incomplete"'); tries++) {
    await wait(50)
    run = await ask(`/v1/runs/${run_id}`, 'GET', text('daemon'))
    if (!run.includes('"outcome":"incomplete"')) run = ''
  }
  said.push(run, await ask(`/v1/runs/${run_id}/log`, 'GET', text('daemon')))
  said.push(await ask('/metrics', 'GET', text('daemon')))
  child.kill('SIGTERM')
  const { stdout, stderr } = await ended
  said.push(stdout, stderr)
}

it('what a program of a database says of its password is not repeated by snap db', async () => {
  const programs = sandbox.path('programs')
  mkdirSync(programs)
  for (const name of ['psql', 'pg_dump', 'pg_basebackup']) {
    writeFileSync(`${programs}/${name}`, '#!/bin/sh\necho "wrong: $PGPASSWORD" >&2\nexit 2\n')
    chmodSync(`${programs}/${name}`, 0o755)
  }
  const file = sandbox.path('db.yaml')
  const place = `host: 127.0.0.1, port: 1, programs: ${programs}, password: ${CORES.postgres}`
  writeFileSync(
    file,
    `repositories: { r: { path: ${sandbox.path('r')} } }
sources:
  bank: { postgres: { database: bank, ${place} } }
  cluster: { postgres-cluster: { ${place} } }
`,
    { mode: 0o600 },
  )
  for (const source of ['bank', 'cluster'])
    for (const args of [
      ['db', 'test', source],
      ['db', 'info', source, '--json'],
      ['db', 'test', source, '-vv'],
    ]) {
      const { stderr, stdout, status } = await snap([...args, '--config', file])
      expect([status, stderr]).toEqual([1, expect.stringContaining('wrong: ***')])
      expect(stdout + stderr).not.toContain(CORES.postgres)
    }
})

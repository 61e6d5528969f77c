/** The daemon for real: its own process, real minutes, real signals, its API over real sockets, and a real listener for sd_notify. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Json, type Running, Sandbox } from '../support/snap.ts'

const TOKEN = 'a token of some length'
const MINUTE = 60_000

const sandbox = new Sandbox()
let count = 0
let place: (...names: string[]) => string
let config: string
let running: Daemon[] = []

beforeAll(() => sandbox.init())
beforeEach(() => {
  count += 1
  const own = `test-${count}`
  place = (...names) => sandbox.path(own, ...names)
  mkdirSync(place('app'), { recursive: true })
  writeFileSync(place('app', 'a.txt'), 'text')
  config = place('snap.yaml')
})
afterEach(async () => {
  for (const { run } of running) run.child.kill('SIGKILL')
  await Promise.all(running.map(({ run }) => run.ended))
  running = []
})

function configure(text: string): void {
  writeFileSync(
    config,
    `repositories:\n  local: { path: ${sandbox.repository}, key-file: ${sandbox.keyFile} }\nsources:\n  app: { files: [${place('app')}] }\n${text.replaceAll('HERE', place())}`,
  )
}

const environment = (): Record<string, string | undefined> => ({
  SNAP_REPOSITORY: undefined,
  SNAP_KEY_FILE: undefined,
  SNAP_STATE_DIR: place('state'),
  SNAP_CONFIG: config,
})

type Daemon = {
  readonly run: Running
  readonly said: () => string
  readonly until: (text: string) => Promise<void>
}

/** Resolves when it watches. */
async function start(
  env: Record<string, string | undefined> = {},
  through: readonly string[] = [],
): Promise<Daemon> {
  const run = sandbox.start(['daemon'], { env: { ...environment(), ...env }, through })
  let said = ''
  run.child.stderr?.on('data', (part: Buffer) => {
    said += part
  })
  const until = async (text: string): Promise<void> => {
    for (let tries = 0; !said.includes(text); tries++) {
      if (tries === 1_500) throw new Error(`"${text}" is not said:\n${said}`)
      await wait(100)
    }
  }
  const daemon = { run, said: () => said, until }
  running.push(daemon)
  await until('watching')
  return daemon
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function runs(...args: string[]): Promise<Json[]> {
  return JSON.parse((await sandbox.ok(['runs', '--json', ...args], { env: environment() })).stdout)
}

type Reply = { readonly status: number; readonly body: string; readonly json: Json }

/** `at`: `http://HOST:PORT` or `unix:PATH`. */
function ask(
  at: string,
  path: string,
  options: { token?: string; method?: string; body?: string } = {},
): Promise<Reply> {
  const { token = TOKEN, method = 'GET', body } = options
  const where = at.startsWith('unix:')
    ? { socketPath: at.slice(5) }
    : { host: new URL(at).hostname, port: new URL(at).port }
  return new Promise((resolve, reject) => {
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
    const sent = request({ ...where, path, method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        const isJson = text !== '' && response.headers['content-type'] === 'application/json'
        resolve({ status: response.statusCode ?? 0, body: text, json: isJson ? JSON.parse(text) : undefined })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const placeOf = (daemon: Daemon): string => /the API is at (\S+)/.exec(daemon.said())?.[1] ?? ''
const API = `daemon: { listen: '127.0.0.1:0', token: '${TOKEN}' }`

/** Until a run of the job has ended. */
async function ended(at: string, id: string): Promise<Json> {
  for (let tries = 0; tries < 300; tries++) {
    const { json, status } = await ask(at, `/v1/runs/${id}`)
    if (status === 200 && json.outcome !== 'running') return json
    await wait(100)
  }
  throw new Error(`${id} does not end`)
}

describe('the daemon', () => {
  it('runs a job each minute, at the minute, and never twice', { timeout: 240_000 }, async () => {
    configure("jobs:\n  often: { sources: [app], schedule: '* * * * *', retention: { keep-last: 1 } }")
    const daemon = await start()
    // Another one beside it, as somebody may start by mistake, does not run anything again.
    await start()
    const begun = Date.now()
    for (;;) {
      if ((await runs()).filter(({ outcome }) => outcome === 'ok').length >= 2) break
      expect(Date.now() - begun, daemon.said()).toBeLessThan(3 * MINUTE)
      await wait(1_000)
    }
    const good = (await runs()).filter(({ outcome }) => outcome === 'ok')
    const due = good.map((run) => Date.parse(run.due)).sort((a, b) => a - b)
    expect(due.every((ms) => ms % MINUTE === 0)).toBe(true)
    expect(due.slice(1).map((ms, index) => ms - due[index]!)).toEqual(due.slice(1).map(() => MINUTE))
    for (const run of good) {
      expect(run.trigger).toBe('schedule')
      expect(Date.parse(run.started) - Date.parse(run.due)).toBeLessThan(5_000)
    }
    expect((await runs()).filter(({ outcome }) => outcome === 'failed')).toEqual([])
  })

  it('is called each minute by cron instead, and runs what is due once', { timeout: 150_000 }, async () => {
    configure("jobs:\n  often: { sources: [app], schedule: '* * * * *' }")
    const once = () => sandbox.ok(['schedule', 'run'], { env: environment() })
    await once()
    expect(await runs()).toEqual([])
    await wait(MINUTE - (Date.now() % MINUTE) + 500)
    await Promise.all([once(), once()])
    await once()
    expect((await runs()).map(({ outcome }) => outcome)).toEqual(['ok'])
  })

  it('ends jobs with their hooks where Ctrl-C goes to all of its group', async () => {
    configure(
      `  slow: { command: [sh, -c, 'touch HERE/begun; sleep 600'] }\njobs:\n  slow: { sources: [slow], hooks: { finally: ['sleep 0.5; touch HERE/again'] } }\n${API}`,
    )
    const daemon = await start({}, ['setsid'])
    await ask(placeOf(daemon), '/v1/jobs/slow/runs', { method: 'POST' })
    while (!existsSync(place('begun'))) await wait(50)
    process.kill(-daemon.run.child.pid!, 'SIGINT')
    expect((await daemon.run.ended).status).toBe(0)
    expect(existsSync(place('again'))).toBe(true)
  })

  it('ends jobs that run with their hooks, and then itself, when it is told to', async () => {
    configure(
      `  slow: { command: [sh, -c, 'touch HERE/begun; sleep 600'] }\njobs:\n  slow: { sources: [slow], hooks: { finally: ['touch HERE/again'] } }\n${API}`,
    )
    const daemon = await start()
    const { json } = await ask(placeOf(daemon), '/v1/jobs/slow/runs', { method: 'POST' })
    while (!existsSync(place('begun'))) await wait(50)
    daemon.run.child.kill('SIGTERM')
    const { status } = await daemon.run.ended
    expect(status).toBe(0)
    expect(existsSync(place('again'))).toBe(true)
    expect(await runs()).toMatchObject([{ run_id: json.run_id, outcome: 'interrupted', trigger: 'api' }])
  })

  it('starts drills, one at a time, tells of them, and ends one with all that it has made', async () => {
    configure(
      `jobs:\n  one: { sources: [app] }\ndrills:\n  trial: { job: one, into: HERE/drills, probes: ['touch HERE/probing; sleep 600'] }\n${API}`,
    )
    await sandbox.ok(['backup', '--job', 'one'], { env: environment() })
    const daemon = await start()
    const at = placeOf(daemon)
    const ask1 = (): Promise<Reply> => ask(at, '/v1/drills/trial/runs', { method: 'POST' })
    const started = await ask1()
    expect(started.status).toBe(202)
    while (!existsSync(place('probing'))) await wait(50)
    expect((await ask1()).status).toBe(409)
    expect((await ask(at, '/v1/drills/one/runs', { method: 'POST' })).status).toBe(404)
    expect((await ask(at, '/v1/drills')).json.drills).toMatchObject([
      { drill: 'trial', job: 'one', running: true },
    ])
    expect(readdirSync(place('drills'))).toHaveLength(1)
    daemon.run.child.kill('SIGTERM')
    expect((await daemon.run.ended).status).toBe(0)
    expect(readdirSync(place('drills'))).toEqual([])
    expect((await runs())[0]).toMatchObject({
      run_id: started.json.run_id,
      kind: 'drill',
      outcome: 'interrupted',
      trigger: 'api',
    })
  })

  it('reads its configuration again on SIGHUP, and keeps the former one where it has a problem', async () => {
    configure(`jobs:\n  one: { sources: [app] }\n${API}`)
    const daemon = await start()
    const at = placeOf(daemon)
    const names = async (): Promise<string[]> =>
      (await ask(at, '/v1/jobs')).json.jobs.map(({ job }: Json) => job)
    expect(await names()).toEqual(['one'])
    configure(`jobs:\n  one: { sources: [app] }\n  two: { sources: [app], schedule: daily }\n${API}`)
    daemon.run.child.kill('SIGHUP')
    await daemon.until('the configuration was read again')
    expect(await names()).toEqual(['one', 'two'])
    configure('jobs:\n  three: { sourcs: [app] }')
    daemon.run.child.kill('SIGHUP')
    await daemon.until('stays as it was')
    expect(daemon.said()).toContain('did you mean "sources"?')
    expect(await names()).toEqual(['one', 'two'])
  })

  it('records what could not even begin, and tells of it', async () => {
    configure(`jobs:\n  one: { sources: [app] }\nnotifications: { own: { log: HERE/alerts.log } }\n${API}`)
    const daemon = await start()
    const at = placeOf(daemon)
    const good = readFileSync(config, 'utf8')
    writeFileSync(config, good.replace('sources: [app]', 'sources: [nothing]'))
    const { json } = await ask(at, '/v1/jobs/one/runs', { method: 'POST' })
    expect(await ended(at, json.run_id)).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('there is no source "nothing"'),
    })
    writeFileSync(config, good)
    for (let tries = 0; !existsSync(place('alerts.log')); tries++) {
      expect(tries, daemon.said()).toBeLessThan(200)
      await wait(100)
    }
    expect(JSON.parse(readFileSync(place('alerts.log'), 'utf8').split('\n')[0]!)).toMatchObject({
      event: 'raised',
      key: 'failed:one',
    })
  })

  it('knows of a run whose process was killed', async () => {
    configure(
      `  slow: { command: [sh, -c, 'touch HERE/begun; sleep 600'] }\njobs:\n  slow: { sources: [slow] }\n${API}`,
    )
    const daemon = await start()
    const at = placeOf(daemon)
    const { json } = await ask(at, '/v1/jobs/slow/runs', { method: 'POST' })
    while (!existsSync(place('begun'))) await wait(50)
    const children = readFileSync(
      `/proc/${daemon.run.child.pid}/task/${daemon.run.child.pid}/children`,
      'utf8',
    )
    for (const pid of children
      .trim()
      .split(' ')
      .filter((text) => text !== ''))
      process.kill(Number(pid), 'SIGKILL')
    expect(await ended(at, json.run_id)).toMatchObject({ outcome: 'died' })
    const { stdout } = await sandbox.expect(5, ['status', '--json'], { env: environment() })
    expect(JSON.parse(stdout).jobs[0]).toMatchObject({ health: 'critical' })
  })

  it('tells systemd when it is ready, reloads and stops', async () => {
    configure("jobs:\n  one: { sources: [app], schedule: 'daily at 02:00' }")
    const socket = place('notify.sock')
    const listener = spawn('python3', [
      '-u',
      '-c',
      'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nprint("bound")\nwhile True: print(s.recv(4096).decode())',
      socket,
    ])
    let heard = ''
    listener.stdout.on('data', (part: Buffer) => {
      heard += part
    })
    const until = async (text: string): Promise<void> => {
      for (let tries = 0; !heard.includes(text); tries++) {
        expect(tries, heard).toBeLessThan(100)
        await wait(100)
      }
    }
    try {
      await until('bound')
      const daemon = await start({ NOTIFY_SOCKET: socket })
      await until('READY=1')
      await until('STATUS=next at ')
      daemon.run.child.kill('SIGHUP')
      await until('RELOADING=1\nMONOTONIC_USEC=')
      daemon.run.child.kill('SIGTERM')
      await until('STOPPING=1')
      expect((await daemon.run.ended).status).toBe(0)
    } finally {
      listener.kill()
    }
  })
})

describe('the API', () => {
  it('starts a job, tells of its progress as it comes, and of its end', async () => {
    configure(
      `  noise: { command: [sh, -c, 'head -c 30000000 /dev/urandom; sleep 1.2; echo x'] }\njobs:\n  noisy: { sources: [noise] }\n${API}`,
    )
    const daemon = await start()
    const at = placeOf(daemon)
    const events = ask(at, '/v1/events?run=none').catch(() => undefined)
    void events
    const { status, json } = await ask(at, '/v1/jobs/noisy/runs', {
      method: 'POST',
      body: '{"label":"by-hand","tags":["x"]}',
    })
    expect(status).toBe(202)
    const stream = await ask(at, `/v1/events?run=${json.run_id}`)
    const told = [...stream.body.matchAll(/^data: (.*)$/gm)].map(([, text]) => JSON.parse(text!))
    expect(told.map(({ event }) => event)).toContain('run_progress')
    expect(told.at(-1)).toMatchObject({ event: 'run_ended', run_id: json.run_id, outcome: 'ok' })
    expect(await ended(at, json.run_id)).toMatchObject({ outcome: 'ok', trigger: 'api' })
    const log = await ask(at, `/v1/runs/${json.run_id}/log`)
    expect(
      log.body
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text).message),
    ).toContain('ended')
    const [snapshot] = await sandbox.snapshots(['--tag', 'x'])
    expect(snapshot).toMatchObject({ label: 'by-hand', job: 'noisy' })
    const report = (await ask(at, '/v1/status')).json
    expect(report.jobs).toMatchObject([{ job: 'noisy', health: 'healthy' }])
    expect((await ask(at, '/metrics')).body).toMatch(
      /^snap_job_healthy\{job="noisy",repository="local"\} 1$/m,
    )
    expect((await ask(at, '/v1/runs?job=noisy&limit=1')).json.runs).toHaveLength(1)
  })

  it('lets nobody in without the token, and says what it does not understand', async () => {
    configure(`  slow: { command: [sleep, '600'] }\njobs:\n  slow: { sources: [slow] }\n${API}`)
    const at = placeOf(await start())
    const statusOf = async (path: string, options = {}): Promise<number> =>
      (await ask(at, path, options)).status
    for (const token of ['', 'wrong', `${TOKEN}x`, TOKEN.slice(0, -1)])
      for (const path of ['/v1/status', '/v1/jobs', '/metrics', '/v1/events', '/nothing'])
        expect([path, await statusOf(path, { token })]).toEqual([path, 401])
    expect(await statusOf('/v1/jobs/slow/runs', { token: 'wrong', method: 'POST' })).toBe(401)
    expect(await statusOf('/v1/health', { token: '' })).toBe(200)
    expect(await statusOf('/nothing')).toBe(404)
    expect(await statusOf('/v1/status', { method: 'POST' })).toBe(405)
    expect(await statusOf('/v1/runs/20261122-181645-none')).toBe(404)
    expect(await statusOf('/v1/runs?limit=x')).toBe(400)
    const trigger = (body: string) => statusOf('/v1/jobs/slow/runs', { method: 'POST', body })
    expect(await statusOf('/v1/jobs/none/runs', { method: 'POST' })).toBe(404)
    for (const body of [
      'no json',
      '[]',
      '{"label":"--repo"}',
      '{"tags":["a,b"]}',
      '{"label":""}',
      '{"more":1}',
      `"${'x'.repeat(70_000)}"`,
    ])
      expect([body.slice(0, 20), await trigger(body)]).toEqual([body.slice(0, 20), 400])
    expect(await runs()).toEqual([])
    expect(await trigger('{}')).toBe(202)
    expect(await trigger('{}')).toBe(409)
  })

  it('says what is wrong with an address, a limit and a body, to those who may ask', async () => {
    configure(
      `  slow: { command: [sleep, '600'] }\ncategories: { papers: { all: ['/srv/papers'] } }\njobs:\n  slow: { sources: [slow] }\n${API}`,
    )
    const daemon = await start()
    const at = placeOf(daemon)
    for (const path of ['//', '//x:y:z/', 'http://[::bad/', '//v1/health']) {
      expect([path, (await ask(at, path, { token: '' })).status]).toEqual([path, 401])
      expect([path, (await ask(at, path)).status]).toEqual([path, 400])
    }
    for (const limit of ['0x10', '1e3', '%205', '5.0', '0', '-1', '', '1001'])
      expect([limit, (await ask(at, `/v1/runs?limit=${limit}`)).status]).toEqual([limit, 400])
    expect((await ask(at, '/v1/runs?limit=1000')).status).toBe(200)
    const head = await ask(at, '/v1/health', { token: '', method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect((await ask(at, '/v1/events', { method: 'HEAD' })).status).toBe(405)
    const said = async (body: unknown): Promise<string> => {
      const reply = await ask(at, '/v1/jobs/slow/runs', { method: 'POST', body: JSON.stringify(body) })
      expect(reply.status).toBe(400)
      return reply.json.message
    }
    expect(await said({ scope: ['papers', 'nope'] })).toBe('scope.1: there is no category "nope"')
    expect(await said({ ful: true })).toContain('ful')
    expect(await said({ tags: [5] })).toContain('tags.0')
    expect(await said([1])).toContain('an object')
    expect(await runs()).toEqual([])
    expect(daemon.said()).not.toContain('a request failed')
  })

  it('answers while others hold connections without asking, or listen without reading', {
    timeout: 60_000,
  }, async () => {
    configure(`jobs:\n  one: { sources: [app] }\n${API}`)
    const daemon = await start()
    const at = placeOf(daemon)
    const { hostname, port } = new URL(at)
    const sockets: Socket[] = []
    const open = async (text: string): Promise<Socket> => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined)
      sockets.push(socket)
      await new Promise((resolve) => socket.once('connect', resolve))
      if (text !== '') socket.write(text)
      return socket
    }
    /** Until it is answered: one that is not yet counts as idle, and gives way to the next. */
    const listen = async (): Promise<void> => {
      const request = `GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`
      const socket = await open(request)
      await Promise.race(['data', 'close'].map((event) => once(socket, event)))
      socket.pause()
    }
    try {
      for (let count = 0; count < 200; count++) await open(count % 2 === 0 ? '' : 'GET /v1/health HT')
      expect((await ask(at, '/v1/status')).status).toBe(200)
      for (let count = 0; count < 150; count++) await listen()
      expect((await ask(at, '/v1/status')).status).toBe(200)
      expect(await ask(at, '/v1/events')).toMatchObject({ status: 503, json: { error: 'BUSY' } })
      expect((await ask(at, '/v1/jobs/one/runs', { method: 'POST' })).status).toBe(202)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
    for (let tries = 0; (await ask(at, '/v1/runs/x/log')).status !== 404; tries++) {
      expect(tries).toBeLessThan(50)
      await wait(100)
    }
  })

  it('describes every operation that it has', async () => {
    configure(`jobs:\n  one: { sources: [app] }\n${API}`)
    const at = placeOf(await start())
    const { json } = await ask(at, '/v1/openapi.json', { token: '' })
    expect(json.openapi).toBe('3.1.0')
    const started = json.paths['/v1/jobs/{job}/runs'].post.responses['202'].content['application/json'].schema
    expect(started.required).toEqual(['job', 'run_id'])
    const documented = Object.entries(json.paths as Record<string, Json>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(documented.sort()).toEqual([
      'get /metrics',
      'get /v1/drills',
      'get /v1/events',
      'get /v1/health',
      'get /v1/jobs',
      'get /v1/runs',
      'get /v1/runs/{run}',
      'get /v1/runs/{run}/log',
      'get /v1/status',
      'post /v1/drills/{drill}/runs',
      'post /v1/jobs/{job}/runs',
    ])
    for (const [path, methods] of Object.entries(json.paths as Record<string, Json>))
      for (const operation of Object.values(methods as Record<string, Json>)) {
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
        const named = operation.parameters
          .filter((each: Json) => each.in === 'path')
          .map((each: Json) => each.name)
        expect(named).toEqual(inPath)
        expect(Object.keys(operation.responses)).toContain(path === '/v1/health' ? '200' : '401')
      }
  })

  it('answers on a Unix socket that is its owner alone, also where a killed daemon left one', async () => {
    configure("jobs:\n  one: { sources: [app] }\ndaemon: { listen: 'unix:snap.sock' }")
    const first = await start()
    expect(placeOf(first)).toBe(`unix:${place('snap.sock')}`)
    expect(statSync(place('snap.sock')).mode & 0o777).toBe(0o600)
    expect((await ask(placeOf(first), '/v1/jobs', { token: '' })).json.jobs).toHaveLength(1)
    first.run.child.kill('SIGKILL')
    await first.run.ended
    const second = await start()
    expect((await ask(placeOf(second), '/v1/health')).status).toBe(200)
  })

  it('is refused on an address that others reach, and without a token', async () => {
    const problem = async (daemon: string): Promise<string> => {
      configure(`jobs:\n  one: { sources: [app] }\ndaemon: { ${daemon} }`)
      return (await sandbox.expect(2, ['daemon'], { env: environment() })).stderr
    }
    expect(await problem(`listen: '0.0.0.0:7070', token: '${TOKEN}'`)).toContain('proxy with TLS')
    expect(await problem("listen: '127.0.0.1:7070'")).toContain('daemon.token: is missing')
    expect(await problem("listen: '127.0.0.1:7070', token: short")).toContain('at least 16 characters')
    writeFileSync(place('file'), 'not a socket')
    expect(await problem("listen: 'unix:file'")).toContain('cannot listen')
    expect(readFileSync(place('file'), 'utf8')).toBe('not a socket')
  })
})

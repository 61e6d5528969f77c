/** A real S3 store of one test file: Ceph's gateway with its monitor and one store of objects, on free ports of the loopback, ended and removed with the tests. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, assert } from 'vitest'
import { parseS3Address } from '../../../src/storage/s3/address.ts'
import { S3Client } from '../../../src/storage/s3/client.ts'
import type { S3Credentials } from '../../../src/storage/s3/credentials.ts'
import { type Certificate, makeCertificate } from '../certificate.ts'
import { freePort } from '../free-port.ts'
import { cephConf } from './ceph-conf.ts'

const START_MS_MAX = 60_000
const USER = 'snap'

export const CREDENTIALS: S3Credentials = {
  accessKey: 'AKSNAPTEST',
  secretKey: 'correct/horse+battery',
  sessionToken: undefined,
}

/** What a command takes for the store. */
export const S3_ENVIRONMENT: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKey,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretKey,
}

export class Radosgw {
  readonly port: number
  readonly securePort: number
  readonly certificate: Certificate
  readonly #directory: string
  readonly #processes: ChildProcess[] = []
  #gateway: ChildProcess | undefined

  static async start(): Promise<Radosgw> {
    const ports = await Promise.all([freePort(), freePort(), freePort()])
    const store = new Radosgw(ports)
    afterAll(() => store.#end())
    await store.#startCluster()
    await store.startGateway()
    const key = ['--access-key', CREDENTIALS.accessKey, '--secret-key', CREDENTIALS.secretKey]
    store.administer('user', 'create', '--uid', USER, '--display-name', USER, ...key)
    return store
  }

  private constructor([port, securePort, monitorPort]: readonly [number, number, number]) {
    this.port = port
    this.securePort = securePort
    this.#directory = mkdtempSync(join(tmpdir(), 'snapkeep-ceph-'))
    this.certificate = makeCertificate(this.#directory)
    const { path } = this.certificate
    const secure = `ssl_endpoint=127.0.0.1:${securePort} ssl_certificate=${path} ssl_private_key=${this.#path('server.key')}`
    const endpoints = [`endpoint=127.0.0.1:${port}`, secure]
    mkdirSync(this.#path('mon'))
    mkdirSync(this.#path('osd'))
    writeFileSync(
      this.#conf,
      cephConf({ directory: this.#directory, id: randomUUID(), monitorPort, endpoints }),
    )
    this.#call('monmaptool', [
      '--create',
      ...['--fsid', execFileSync('sed', ['-n', 's/^fsid = //p', this.#conf], { encoding: 'utf8' }).trim()],
      ...['--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, this.#path('monmap')],
    ])
    this.#call('ceph-mon', ['-i', 'a', '--mkfs', '--monmap', this.#path('monmap'), '-c', this.#conf])
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  get #conf(): string {
    return this.#path('ceph.conf')
  }

  /** As an address begins: `s3:http://127.0.0.1:PORT`. */
  get place(): string {
    return `s3:http://127.0.0.1:${this.port}`
  }

  get securePlace(): string {
    return `s3:https://127.0.0.1:${this.securePort}`
  }

  async #startCluster(): Promise<void> {
    this.#processes.push(this.#spawn('ceph-mon', ['-i', 'a', '-f']))
    await until('the monitor', () => this.#ceph('-s') !== undefined)
    const uuid = randomUUID()
    assert(this.#ceph('osd', 'new', uuid) !== undefined, 'no object store could be made')
    this.#call('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', uuid, '-c', this.#conf, '--no-mon-config'])
    this.#processes.push(this.#spawn('ceph-osd', ['-i', '0', '-f']))
    await until('the object store', () => this.#ceph('osd', 'stat')?.includes('1 up') === true)
  }

  async startGateway(): Promise<void> {
    this.#gateway = this.#spawn('radosgw', ['-n', 'client.rgw', '-f'])
    await until('the gateway', () =>
      fetch(`http://127.0.0.1:${this.port}/`).then(
        () => true,
        () => false,
      ),
    )
  }

  /** Without a word to anybody; what was stored stays. */
  async killGateway(): Promise<void> {
    await ended(this.#gateway, 'SIGKILL')
  }

  /** `radosgw-admin` with these arguments. */
  administer(...args: readonly string[]): void {
    this.#call('radosgw-admin', ['-n', 'client.rgw', '-c', this.#conf, ...args])
  }

  /** So many bytes in all may its user keep; -1: as many as there is room for. */
  limit(bytes: number): void {
    const quota = ['--quota-scope', 'user', '--uid', USER]
    this.administer('quota', 'set', ...quota, '--max-size', `${bytes}`)
    this.administer('quota', bytes < 0 ? 'disable' : 'enable', ...quota)
  }

  /** Returns the place of the bucket. */
  async makeBucket(name: string): Promise<string> {
    const place = `${this.place}/${name}`
    await this.ask(place, '')
    return place
  }

  /** A PUT of `query` at a bucket. */
  async ask(place: string, query: string, body = ''): Promise<void> {
    using client = new S3Client(parseS3Address(place, undefined), CREDENTIALS)
    await client.ask(
      {
        method: 'PUT',
        name: '',
        query: query === '' ? {} : { [query]: '' },
        parts: [Buffer.from(body)],
        action: 'ask',
        statuses: [200],
      },
      async ({ message }) => {
        message.resume()
        await new Promise((resolve) => message.once('end', resolve))
      },
    )
  }

  #ceph(...args: readonly string[]): string | undefined {
    try {
      return this.#call('ceph', ['-c', this.#conf, '--connect-timeout', '5', ...args])
    } catch {
      return undefined
    }
  }

  #call(program: string, args: readonly string[]): string {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: 'pipe',
      env: cephEnvironment(),
      timeout: START_MS_MAX,
    })
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const log = openSync(this.#path(`${program}.out`), 'a')
    return spawn(program, [...args, '-c', this.#conf], {
      stdio: ['ignore', log, log],
      env: cephEnvironment(),
    })
  }

  async #end(): Promise<void> {
    for (const child of [this.#gateway, ...this.#processes.toReversed()]) await ended(child, 'SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

const cephEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C.UTF-8' })

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await exited
}

async function until(what: string, isThere: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + START_MS_MAX
  while (!(await isThere())) {
    assert(
      Date.now() < deadline,
      `${what} of Ceph did not start: install Debian's ceph-mon, ceph-osd and radosgw`,
    )
    await sleep(50)
  }
}

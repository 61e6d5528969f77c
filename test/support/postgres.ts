/** A real PostgreSQL server of one test file: its own cluster on a free port of the loopback, ended and removed with the tests. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, assert } from 'vitest'
import { freePort } from './free-port.ts'

const VERSIONS = '/usr/lib/postgresql'
export const PASSWORD = 'correct horse'

function programsDirectory(): string {
  const [newest] = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : []
  assert(newest !== undefined, "PostgreSQL is not there: install Debian's package postgresql")
  return join(VERSIONS, newest, 'bin')
}

/** The server refuses to run as root. */
export const AS_SERVER: readonly string[] =
  process.getuid?.() === 0 ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : []

/** Gives paths to the user that servers run as. */
export function giveToServer(...paths: readonly string[]): void {
  if (AS_SERVER.length === 0) return
  const id = (option: string): number =>
    Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  for (const path of paths) chownSync(path, id('-u'), id('-g'))
}

export type ServerSettings = Readonly<Record<string, string | number>>

export class Postgres {
  readonly programs: string = programsDirectory()
  readonly port: number
  /** Its data directory. */
  readonly data: string
  readonly #directory: string
  #server: ChildProcess | undefined

  /** With the superuser `postgres`, whose password is `PASSWORD`. */
  static async start(settings: ServerSettings = {}): Promise<Postgres> {
    const postgres = new Postgres(await freePort())
    postgres.#make()
    await postgres.#start(settings)
    return postgres
  }

  /** Over a data directory that is there; `isUp` says when it can be worked with. */
  static async startOn(data: string, settings: ServerSettings = {}, isUp?: string): Promise<Postgres> {
    const postgres = new Postgres(await freePort(), data)
    await postgres.#start(settings, isUp)
    return postgres
  }

  private constructor(port: number, data?: string) {
    this.port = port
    this.#directory = mkdtempSync(join(tmpdir(), 'snapkeep-postgres-'))
    this.data = data ?? join(this.#directory, 'data')
    giveToServer(this.#directory)
    afterAll(async () => {
      await this.stop()
      rmSync(this.#directory, { recursive: true, force: true })
    })
  }

  #make(): void {
    const password = join(this.#directory, 'password')
    writeFileSync(password, PASSWORD, { mode: 0o644 })
    const setUp = [
      '--pgdata',
      this.data,
      '--username',
      'postgres',
      '--pwfile',
      password,
      '--auth',
      'scram-sha-256',
      '--no-sync',
    ]
    this.#asServer('initdb', [...setUp, '--encoding', 'UTF8', '--locale', 'C'])
  }

  async #start(more: ServerSettings, isUp = 'SELECT true'): Promise<void> {
    const settings: ServerSettings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#directory,
      fsync: 'off',
      max_connections: 20,
      shared_buffers: '32MB',
      ...more,
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const line = [...AS_SERVER, join(this.programs, 'postgres'), '-D', this.data, ...options]
    const log = openSync(this.logFile, 'a')
    this.#server = spawn(line[0]!, line.slice(1), { stdio: ['ignore', log, log], cwd: this.#directory })
    closeSync(log)
    await this.until('postgres', isUp, true)
  }

  get logFile(): string {
    return join(this.#directory, 'log')
  }

  /** Asks again until the answer is true; throws after half a minute, with what the server has said last. */
  async until(database: string, query: string, isStarting = false): Promise<void> {
    for (let tries = 0; ; tries++) {
      let last: unknown
      try {
        if (this.sql(database, query) === 't') return
      } catch (error) {
        if (!isStarting) throw error
        last = error
      }
      const hasEnded = this.#server === undefined || this.#server.exitCode !== null
      if (tries === 300 || hasEnded)
        throw new Error(`${query}\n${readFileSync(this.logFile, 'utf8').slice(-4000)}`, { cause: last })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  #asServer(program: string, args: readonly string[]): void {
    const line = [...AS_SERVER, join(this.programs, program), ...args]
    execFileSync(line[0]!, line.slice(1), { stdio: 'ignore', cwd: this.#directory })
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined || server.exitCode !== null) return
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGINT')
    await ended
  }

  get #environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PGHOST: '127.0.0.1',
      PGPORT: String(this.port),
      PGUSER: 'postgres',
      PGPASSWORD: PASSWORD,
    }
  }

  /** Runs a program of PostgreSQL beside the test; resolves when it has ended well. */
  background(program: string, args: readonly string[]): Promise<void> {
    const child = spawn(join(this.programs, program), args, { env: this.#environment, stdio: 'ignore' })
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`)),
      )
    })
  }

  /** What a program of PostgreSQL prints; throws where it fails. */
  run(program: string, args: readonly string[], input?: Uint8Array | string): string {
    return execFileSync(join(this.programs, program), args, {
      env: this.#environment,
      encoding: 'utf8',
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      maxBuffer: 1_000_000_000,
      ...(input === undefined ? {} : { input }),
    })
  }

  /** The rows of the answer, their fields parted by `|`. */
  sql(database: string, query: string): string {
    return this.run('psql', [
      '-X',
      '-A',
      '-t',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      database,
      '-c',
      query,
    ]).trim()
  }
}

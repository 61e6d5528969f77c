/** A real PostgreSQL server of one test file: its own cluster on a free port of the loopback, ended and removed with the tests. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, assert } from 'vitest'

const VERSIONS = '/usr/lib/postgresql'
export const PASSWORD = 'correct horse'

function programsDirectory(): string {
  const [newest] = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : []
  assert(newest !== undefined, "PostgreSQL is not there: install Debian's package postgresql")
  return join(VERSIONS, newest, 'bin')
}

/** The server refuses to run as root. */
const AS_SERVER: readonly string[] =
  process.getuid?.() === 0 ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : []

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  assert(typeof address === 'object' && address !== null)
  return address.port
}

export class Postgres {
  readonly programs: string = programsDirectory()
  readonly port: number
  readonly #directory: string
  #server: ChildProcess | undefined

  /** With the superuser `postgres`, whose password is `PASSWORD`. */
  static async start(): Promise<Postgres> {
    const postgres = new Postgres(await freePort())
    await postgres.#start()
    return postgres
  }

  private constructor(port: number) {
    this.port = port
    this.#directory = mkdtempSync(join(tmpdir(), 'snapkeep-postgres-'))
    if (AS_SERVER.length > 0) {
      const id = (option: string): number =>
        Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
      chownSync(this.#directory, id('-u'), id('-g'))
    }
    afterAll(async () => {
      await this.stop()
      rmSync(this.#directory, { recursive: true, force: true })
    })
  }

  async #start(): Promise<void> {
    const data = join(this.#directory, 'data')
    const password = join(this.#directory, 'password')
    writeFileSync(password, PASSWORD, { mode: 0o644 })
    const setUp = [
      '--pgdata',
      data,
      '--username',
      'postgres',
      '--pwfile',
      password,
      '--auth',
      'scram-sha-256',
      '--no-sync',
    ]
    this.#asServer('initdb', [...setUp, '--encoding', 'UTF8', '--locale', 'C'])
    const settings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#directory,
      fsync: 'off',
      max_connections: 20,
      shared_buffers: '32MB',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const line = [...AS_SERVER, join(this.programs, 'postgres'), '-D', data, ...options]
    this.#server = spawn(line[0]!, line.slice(1), { stdio: 'ignore', cwd: this.#directory })
    for (let tries = 0; ; tries++) {
      try {
        this.sql('postgres', 'SELECT 1')
        return
      } catch (error) {
        if (tries === 100) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
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

  /** What a program of PostgreSQL prints; throws where it fails. */
  run(program: string, args: readonly string[], input?: Uint8Array | string): string {
    return execFileSync(join(this.programs, program), args, {
      env: {
        ...process.env,
        PGHOST: '127.0.0.1',
        PGPORT: String(this.port),
        PGUSER: 'postgres',
        PGPASSWORD: PASSWORD,
      },
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

/** Runs the built command as a user would: its own process, with a home directory and caches of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, statfsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, assert } from 'vitest'

export const PROGRAM: string = new URL('../../bin/main.js', import.meta.url).pathname
assert(existsSync(PROGRAM), `${PROGRAM} is not there: run \`npm run build\` first`)

const SHARED_MEMORY = '/dev/shm'
const TMPFS_MAGIC = 0x01021994

export type Run = {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

// biome-ignore lint/suspicious/noExplicitAny: what a program prints is looked at field by field
export type Json = any

export type RunOptions = {
  readonly cwd?: string
  /** Over the sandbox's own; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Put before the command, as `['setpriv', '--reuid', '65534']`. */
  readonly through?: readonly string[]
  /** Instead of the built command. */
  readonly program?: string
}

export type Running = { readonly child: ChildProcess; readonly ended: Promise<Run> }

/** A home and a scratch directory of one test file. Removed when its tests have ended. */
export class Sandbox {
  readonly root: string
  readonly repository: string
  readonly #running = new Set<ChildProcess>()

  /** `scratch`: where the directories are made. */
  constructor(scratch: string = tmpdir()) {
    this.root = mkdtempSync(join(scratch, 'snapkeep-e2e-'))
    mkdirSync(this.path('home'))
    this.repository = this.path('repository')
    afterAll(async () => {
      for (const child of this.#running) child.kill('SIGKILL')
      await rm(this.root, { recursive: true, force: true })
    })
  }

  path(...names: string[]): string {
    return join(this.root, ...names)
  }

  get keyFile(): string {
    return this.path('home', 'test.key')
  }

  get cache(): string {
    return this.path('home', '.cache', 'snap')
  }

  environment(more: RunOptions['env'] = {}): NodeJS.ProcessEnv {
    const { PATH } = process.env
    return {
      PATH,
      HOME: this.path('home'),
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      SNAP_REPOSITORY: this.repository,
      SNAP_KEY_FILE: this.keyFile,
      ...more,
    }
  }

  start(args: readonly string[], options: RunOptions = {}): Running {
    const line = [...(options.through ?? []), process.execPath, options.program ?? PROGRAM, ...args]
    const child = spawn(line[0]!, line.slice(1), {
      cwd: options.cwd ?? this.root,
      env: this.environment(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#running.add(child)
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => out.push(part))
    child.stderr.on('data', (part: Buffer) => err.push(part))
    const ended = new Promise<Run>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (status, signal) => {
        this.#running.delete(child)
        resolve({ status, signal, stdout: `${Buffer.concat(out)}`, stderr: `${Buffer.concat(err)}` })
      })
    })
    return { child, ended }
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return this.start(args, options).ended
  }

  /** Runs, and fails the test where the exit status is another than `status`. */
  async expect(status: number, args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const run = await this.run(args, options)
    assert.equal(run.status, status, `snap ${args.join(' ')}\n${run.stdout.slice(-2000)}\n${run.stderr}`)
    return run
  }

  ok(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return this.expect(0, args, options)
  }

  /** The summary line of a command that must succeed. */
  async summary(args: readonly string[], options: RunOptions = {}): Promise<Json> {
    return summaryOf(await this.ok([...args, '--json'], options))
  }

  /** Makes the repository with a key file. */
  async init(): Promise<void> {
    await this.ok(['init', '--key-file', this.keyFile], { env: { SNAP_KEY_FILE: undefined } })
  }

  /** `snap snapshots --json`. */
  async snapshots(args: readonly string[] = [], options: RunOptions = {}): Promise<Json[]> {
    return JSON.parse((await this.ok(['snapshots', '--json', ...args], options)).stdout)
  }
}

/** Every line of NDJSON. */
export function jsonLines(run: Run): Json[] {
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

export function summaryOf(run: Run): Json {
  const summary = jsonLines(run).find((line) => line.message_type === 'summary')
  assert(summary !== undefined, `no summary in ${run.stdout}`)
  return summary
}

/** A directory on the fastest file system that has room for `bytes`: shared memory, else the temporary directory. */
export function fastScratch(bytes: number): string {
  if (!existsSync(SHARED_MEMORY)) return tmpdir()
  const { type, bavail, bsize } = statfsSync(SHARED_MEMORY)
  return type === TMPFS_MAGIC && bavail * bsize > bytes ? SHARED_MEMORY : tmpdir()
}

export const isRoot: boolean = process.getuid?.() === 0

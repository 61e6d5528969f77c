/** A configuration with one job and everybody who hears of it: a mail server, a webhook, pings, a file of metrics; each with what it got. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { assert } from 'vitest'
import { HttpServer } from './http-server.ts'
import { MailServer } from './mail-server.ts'
import { type Json, jsonLines, type Run, type RunOptions, type Sandbox } from './snap.ts'

export type WorldConfig = {
  /** Keys of the repository but `path`. */
  readonly repository?: string
  /** Where it lies. */
  readonly place?: string
  readonly sources?: string
  /** Keys of the job, besides its sources and its ping. */
  readonly job?: string
  /** Lines at the end. */
  readonly more?: string
  /** The port of the mail server, where it is another. */
  readonly mailPort?: number
}

export class JobWorld {
  readonly sandbox: Sandbox
  readonly root: string
  readonly config: string
  readonly http: HttpServer
  mail: MailServer
  /** Over the sandbox's own. */
  env: Record<string, string | undefined>
  #heard = { mails: 0, asked: 0 }

  static async make(sandbox: Sandbox, name: string): Promise<JobWorld> {
    return new JobWorld(sandbox, sandbox.path(name), await HttpServer.start(), await MailServer.start({}))
  }

  private constructor(sandbox: Sandbox, root: string, http: HttpServer, mail: MailServer) {
    mkdirSync(`${root}/data`, { recursive: true })
    this.sandbox = sandbox
    this.root = root
    this.http = http
    this.mail = mail
    this.config = `${root}/snap.yaml`
    this.env = { SNAP_STATE_DIR: `${root}/state`, SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined }
    writeFileSync(`${root}/data/file`, 'what is to be saved')
  }

  get keyFile(): string {
    return this.path('repository.key')
  }

  path(...names: string[]): string {
    return [this.root, ...names].join('/')
  }

  /** `HERE` in texts is the directory of this world. */
  configure({ repository, place, sources, job = '', more = '', mailPort }: WorldConfig = {}): void {
    const key = repository ?? `key-file: ${this.keyFile}`
    const own = sources ?? 'files: { files: [HERE/data] }'
    const names = own.split('\n').flatMap((line) => /^ {0,2}([a-z]+):/.exec(line)?.[1] ?? [])
    const text = `
repositories: { local: { path: ${place ?? 'HERE/repository'}, ${key} } }
sources:
${own.replaceAll(/^ */gm, '  ')}
jobs:
  nightly: { sources: [${names}], max-age: 26h, ping: '${this.http.address}/ping', ${job} }
notifications:
  ops: { mail: { to: [ops@example.org], from: snap@example.org, server: 'smtp://127.0.0.1:${mailPort ?? this.mail.port}' } }
  chat: { webhook: '${this.http.address}/hook' }
metrics: { textfile: HERE/snap.prom }
alerts: { free-percent: 0, free-space: 0, days-until-full: 0 }
${more}`
    writeFileSync(this.config, text.replaceAll('HERE', this.root), { mode: 0o600 })
  }

  /** With its key file, or with `password`. */
  async init(place: string = this.path('repository'), password?: string): Promise<void> {
    const env = { SNAP_REPOSITORY: place, SNAP_KEY_FILE: undefined, SNAP_PASSWORD: password }
    await this.sandbox.ok(['init', ...(password === undefined ? ['--key-file', this.keyFile] : [])], { env })
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return this.sandbox.run([...args, '--config', this.config], { ...options, env: this.#env(options) })
  }

  start(args: readonly string[], options: RunOptions = {}): ReturnType<Sandbox['start']> {
    return this.sandbox.start([...args, '--config', this.config], { ...options, env: this.#env(options) })
  }

  #env({ env }: RunOptions): RunOptions['env'] & object {
    return { ...this.env, ...env }
  }

  backup(options: RunOptions = {}): Promise<Run> {
    return this.run(['backup', '--job', 'nightly'], options)
  }

  /** `snap runs --json`. */
  async runs(): Promise<Json[]> {
    const run = await this.run(['runs', '--json'])
    assert.equal(run.status, 0, run.stderr)
    return JSON.parse(run.stdout)
  }

  /** The log of the newest run, line by line. */
  async log(): Promise<Json[]> {
    const run = await this.run(['logs', '--json'])
    assert.equal(run.status, 0, run.stderr)
    return jsonLines(run)
  }

  /** The exit status of `snap status`, and what it says of the job. */
  async status(...args: string[]): Promise<{ readonly status: number | null; readonly job: Json }> {
    const run = await this.run(['status', '--json', ...args])
    const [report] = jsonLines(run)
    assert(report !== undefined, run.stderr)
    return { status: run.status, job: report.jobs[0] }
  }

  /** What everybody has heard since this was last asked. */
  heard(): { readonly alerts: Json[]; readonly subjects: string[]; readonly pings: string[] } {
    const asked = this.http.asked.slice(this.#heard.asked)
    const mails = this.mail.mails.slice(this.#heard.mails)
    this.#heard = { mails: this.mail.mails.length, asked: this.http.asked.length }
    return {
      alerts: asked.flatMap(({ path, body }) => (path === '/hook' ? [JSON.parse(body)] : [])),
      subjects: mails.map(
        ({ text }) => /^Subject: (.*(?:\r\n .*)*)/m.exec(text)?.[1]?.replace(/\r\n/g, '') ?? '',
      ),
      pings: asked.flatMap(({ path }) => (path.startsWith('/ping') ? [path.slice('/ping'.length)] : [])),
    }
  }

  /** A figure of the job in the file for Prometheus. */
  metric(name: string): string | undefined {
    const text = readFileSync(this.path('snap.prom'), 'utf8')
    return new RegExp(`^snap_${name}\\{job="nightly"[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]
  }

  /** The outcome that the metrics have of the last run. */
  outcomeInMetrics(): string | undefined {
    const text = readFileSync(this.path('snap.prom'), 'utf8')
    return /^snap_job_last_run_status\{[^}]*outcome="(\w+)"[^}]*\} 1$/m.exec(text)?.[1]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]()
    await this.mail[Symbol.asyncDispose]()
  }
}

/**
 * Real processes of the built command on one repository, each kind in loops, some with a cache that others use too, killed and
 * stopped at random. It keeps what every backup that said "saved" must restore to; judging is for others.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Chance } from '../builders.ts'
import { type Run, type Sandbox, summaryOf } from '../snap.ts'

export type CrowdPlan = {
  readonly seed: number
  /** It ends when so many were saved ... */
  readonly commits: number
  /** ... but not before this, and at last after this. */
  readonly secondsMin: number
  readonly secondsMax: number
  readonly backups: number
  readonly prunes: number
  readonly forgets: number
  readonly verifies: number
}

/** What a process may take, times at which it was stopped not counted. */
const STUCK_MS = 120_000
const KILL_SHARE = 4
const STOP_SHARE = 5
/** Others wait for a stopped process that holds the local database, for up to 30 s. */
const STOPPED_MS_MAX = 2_500
const LIFE_MS_MAX = 1_500
const CACHES = ['shared', 'shared', 'shared', 'own 1', 'own 2', 'own 1']
const FILES = 8
const POOL = Array.from({ length: 12 }, (_, index) => new Chance(500 + index).bytes(20_000 + index * 9_000))
/** Images are edited in place, so that they are stored as differences, over what a prune may be about to take: nobody else has it. */
const IMAGE_BYTES = 400_000
const EDITS_MAX = 6

type Kind = 'backup' | 'prune' | 'forget' | 'verify'

export class Crowd {
  readonly #sandbox: Sandbox
  readonly #plan: CrowdPlan
  readonly #chance: Chance
  readonly #told: (done: number, of: number) => void
  #started = 0
  #isOver = false
  /** By snapshot id: the digest of what was backed up. */
  readonly saved = new Map<string, string>()
  /** Ids that a `forget` was asked to forget. */
  readonly forgotten = new Set<string>()
  readonly unexpected: string[] = []
  readonly stuck: string[] = []
  /** How many of each kind ended with exit status 0. */
  readonly ended = new Map<Kind, number>()
  /** Verifications and prunes that gave up since others pruned all the time. */
  overtaken = 0
  started = 0
  killed = 0
  stopped = 0
  seconds = 0

  constructor(sandbox: Sandbox, plan: CrowdPlan, told: (done: number, of: number) => void) {
    this.#sandbox = sandbox
    this.#plan = plan
    this.#chance = new Chance(plan.seed)
    this.#told = told
  }

  async run(): Promise<void> {
    this.#started = performance.now()
    const { backups, prunes, forgets, verifies } = this.#plan
    const loop = (count: number, one: (index: number) => Promise<void>): Promise<void>[] =>
      Array.from({ length: count }, async (_, index) => {
        while (!this.#isDone()) await one(index)
      })
    await Promise.all([
      ...loop(backups, (index) => this.#backup(index)),
      ...loop(prunes, (index) => this.#prune(index)),
      ...loop(forgets, () => this.#forget()),
      ...loop(verifies, (index) => this.#verify(index)),
    ])
    this.seconds = (performance.now() - this.#started) / 1_000
  }

  #isDone(): boolean {
    const { commits, secondsMin, secondsMax } = this.#plan
    const seconds = (performance.now() - this.#started) / 1_000
    this.#told(this.saved.size, commits)
    this.#isOver ||= seconds >= secondsMax || (seconds >= secondsMin && this.saved.size >= commits)
    return this.#isOver
  }

  async #backup(index: number): Promise<void> {
    const source = this.#sandbox.path(`source ${index}`)
    this.#change(source)
    const digest = digestOfDirectory(source)
    const args = ['backup', source, '--host', `host ${index}`, '--json', '--no-progress', '--threads', '1']
    const run = await this.#process('backup', args, CACHES[index % CACHES.length] ?? 'shared')
    if (run?.status === 0) this.saved.set(String(summaryOf(run).snapshot_id), digest)
  }

  /** A few files of a pool of contents, so that what was pruned comes back. */
  #change(source: string): void {
    mkdirSync(join(source, 'below'), { recursive: true })
    for (let change = this.#chance.int(3); change >= 0; change--) {
      const file = this.#chance.int(FILES)
      const path = join(source, file % 2 === 0 ? '.' : 'below', `file ${file}`)
      if (this.#chance.int(5) === 0) rmSync(path, { force: true })
      else writeFileSync(path, POOL[this.#chance.int(POOL.length)] ?? '')
    }
    this.#edit(join(source, 'image'))
  }

  #edit(path: string): void {
    const isNew = !existsSync(path) || this.#chance.int(6) === 0
    const image = isNew ? this.#chance.bytes(IMAGE_BYTES) : readFileSync(path)
    for (let edit = this.#chance.int(EDITS_MAX); edit > 0; edit--)
      image[this.#chance.int(IMAGE_BYTES)] = this.#chance.int(256)
    writeFileSync(path, image)
  }

  async #prune(index: number): Promise<void> {
    // Now and then what other backups are about to name goes too.
    const strays = this.#chance.int(4) === 0 ? '0' : '1h'
    const options = ['--undelete-window', '0', '--stray-age', strays, '--no-progress']
    const isPolicy = this.#plan.forgets === 0
    if (isPolicy) for (const id of this.saved.keys()) this.forgotten.add(id)
    const args = isPolicy ? ['forget', '--keep-last', '5', '--prune', ...options] : ['prune', ...options]
    await this.#process('prune', args, index === 0 ? 'shared' : 'pruner')
    await sleep(this.#chance.int(300))
  }

  async #forget(): Promise<void> {
    const ids = [...this.saved.keys()].filter((id) => !this.forgotten.has(id))
    // At first nearly all go, so that much comes and goes; later few, so that much is there that must not be lost.
    const most = ids.length > 10 ? 2 : ids.length - 3
    const chosen = this.#chance.shuffle(ids).slice(0, Math.max(0, most))
    if (chosen.length > 0) {
      for (const id of chosen) this.forgotten.add(id)
      await this.#process('forget', ['forget', ...chosen, '--even-last'], 'shared')
    }
    await sleep(100 + this.#chance.int(400))
  }

  async #verify(index: number): Promise<void> {
    const data = this.#chance.int(3) === 0 ? ['--data', '--threads', '1'] : []
    await this.#process('verify', ['verify', '--no-progress', ...data], index === 0 ? 'verifier' : 'shared')
    await sleep(this.#chance.int(1_000))
  }

  /** `undefined` where it was killed. */
  async #process(kind: Kind, args: readonly string[], cache: string): Promise<Run | undefined> {
    const { child, ended } = this.#sandbox.start(args, {
      env: { SNAP_CACHE_DIR: this.#sandbox.path('caches', cache) },
    })
    this.started += 1
    let isOver = false
    const over = ended.finally(() => {
      isOver = true
    })
    let wasKilled = false
    const stopsFor = this.#chance.int(STOP_SHARE) === 0 ? this.#chance.int(STOPPED_MS_MAX) : 0
    const stopsAt = this.#chance.int(LIFE_MS_MAX)
    const diesAt = this.#chance.int(KILL_SHARE) === 0 ? this.#chance.int(LIFE_MS_MAX) : undefined
    const meddle = async (): Promise<void> => {
      if (stopsFor > 0) {
        await sleep(stopsAt)
        if (isOver) return
        this.stopped += 1
        child.kill('SIGSTOP')
        await sleep(stopsFor)
        child.kill('SIGCONT')
      }
      if (diesAt === undefined) return
      await sleep(diesAt)
      if (isOver) return
      wasKilled = child.kill('SIGKILL')
    }
    const alarm = setTimeout(() => {
      this.stuck.push(args.join(' '))
      child.kill('SIGKILL')
    }, STUCK_MS + STOPPED_MS_MAX)
    try {
      await Promise.all([over, meddle()])
    } finally {
      clearTimeout(alarm)
    }
    const run = await ended
    if (run.signal !== null) {
      if (wasKilled) this.killed += 1
      else this.unexpected.push(`${args.join(' ')}: ended by ${run.signal}`)
      return undefined
    }
    if (run.status === 0) this.ended.set(kind, (this.ended.get(kind) ?? 0) + 1)
    else if (/others pruned \d+ times/.test(run.stderr)) this.overtaken += 1
    else
      this.unexpected.push(
        `${args.join(' ')}: exit status ${run.status}: ${run.stdout.slice(-600)}${run.stderr.slice(-600)}`,
      )
    return run
  }
}

/** `<path> <size> ` and the bytes of every file, in the order of their paths. */
function digestOfDirectory(directory: string): string {
  const digest = createHash('sha256')
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const path of paths.sort()) {
    const bytes = readFileSync(path)
    digest.update(`${path} ${bytes.length} `).update(bytes)
  }
  return digest.digest('hex')
}

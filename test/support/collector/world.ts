/**
 * Machines with a manifest each, processes on them that back up, forget and prune one repository at the same time, and what
 * each of them was told. Which one goes on is the scheduler's; what must be true in the end is `checks.ts`'s.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createIgnoreRules } from '../../../src/filesystem/ignore-rules.ts'
import { repositoryIdOfConfig } from '../../../src/keys/config.ts'
import { encodeState } from '../../../src/log/checkpoint.ts'
import { SnapError } from '../../../src/model/errors.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import type { Storage } from '../../../src/model/storage.ts'
import { CONFIG_KEY } from '../../../src/object/object-keys.ts'
import { backup } from '../../../src/ops/backup/backup.ts'
import { forgetByIds, forgetByPolicy } from '../../../src/ops/forget/forget.ts'
import type { RetentionPolicy } from '../../../src/ops/forget/policy.ts'
import { undoForget } from '../../../src/ops/forget/undo.ts'
import { setHeld } from '../../../src/ops/hold.ts'
import { whileThere } from '../../../src/ops/overtaken.ts'
import { type PruneRequest, prune } from '../../../src/ops/prune/prune.ts'
import { changeTags } from '../../../src/ops/tag.ts'
import {
  manifestPathOf,
  openRepository,
  type RepositoryPorts,
} from '../../../src/repository/open-repository.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import type { MemoryStorage } from '../../../src/storage/memory.ts'
import type { Processes } from '../../../src/storage/processes.ts'
import type { Executor, ExecutorFactory } from '../../../src/workers/executor.ts'
import { createInThreadExecutor } from '../../../src/workers/in-thread.ts'
import { Chance } from '../builders.ts'
import { MemorySource } from '../memory-source.ts'
import { SECRET } from '../repository.ts'
import { readSnapshot } from './read-snapshot.ts'
import { ScheduledProcess, Scheduler } from './scheduler.ts'
import { copyOf, type SmallRepository } from './small-repository.ts'

const BLOCKS = Array.from({ length: 6 }, (_, index) => new Chance(100 + index).bytes(3_000))
/** Few enough that contents come back. */
const CONTENTS: readonly Uint8Array[] = [[0], [1, 2], [2, 1, 3], [0, 4], [5], [3, 3, 5], [4, 0, 1]].map(
  (blocks) => Buffer.concat(blocks.map((block) => BLOCKS[block] ?? new Uint8Array(0))),
)
const NAMES = ['a', 'b', 'below/c', 'below/d', 'below/deeper/e']
const ROOT = '/data'
const WALK = {
  full: false,
  oneFileSystem: false,
  largestFile: undefined,
  excludeCaches: false,
  rulesAt: () => createIgnoreRules([]),
  ignoreFile: undefined,
  isCacheDirectory: () => false,
  neverPaths: new Set<string>(),
}
/** A signal of its own for each: a killed process listens to it for ever. */
const silent = (): { progress: () => undefined; signal: AbortSignal } => ({
  progress: () => undefined,
  signal: new AbortController().signal,
})

type Change = 'unforget' | 'hold' | 'unhold' | 'tag' | 'read'

export type Work =
  | { readonly kind: 'backup'; readonly host: string }
  | { readonly kind: 'forget'; readonly which: number; readonly evenLast: boolean }
  | { readonly kind: Change; readonly which: number }
  | { readonly kind: 'policy'; readonly policy: RetentionPolicy }
  | { readonly kind: 'prune'; readonly request: Omit<PruneRequest, 'dryRun'> }
  | { readonly kind: 'checkpoint' }

export type Machine = { readonly cacheDirectory: string; readonly clock: { offsetMs: number } }

export class Process extends ScheduledProcess {
  readonly machine: Machine
  repository: Repository | undefined
  /** Of its backup: reads the manifest through a connection of its own. */
  executor: Executor | undefined

  constructor(machine: Machine) {
    super()
    this.machine = machine
  }
}

/** `digest`: of what must come back. */
type Sources = { readonly source: MemorySource; readonly digest: string }

export type Failure = { readonly work: Work; readonly error: unknown }

export class World implements Disposable {
  readonly directory: string
  readonly storage: MemoryStorage
  readonly scheduler: Scheduler
  readonly machines: Machine[] = []
  processes: Process[] = []
  /** What a snapshot that was reported as saved must restore to. */
  readonly saved = new Map<SnapshotId, string>()
  /** Of every backup that began, reported or not. */
  readonly begun = new Set<string>()
  readonly failures: Failure[] = []
  readonly ended = new Map<string, number>()
  /** ms, true time. */
  now = Date.UTC(2025, 10, 19, 12)
  /** All that opened the repository, by their mark. */
  readonly #begun: Process[] = []
  readonly #random: Chance
  readonly #files = new Map<string, { readonly content: number; readonly version: number }>()
  #version = 0

  constructor(scratch: string, repository: SmallRepository, seed: number) {
    this.directory = mkdtempSync(join(scratch, 'world-'))
    this.storage = copyOf(repository, { now: () => this.now })
    this.#random = new Chance(seed)
    this.scheduler = new Scheduler(new Chance(seed ^ 0x5eed))
    this.edit(0, 0)
    this.edit(2, 1)
  }

  addMachine(offsetMs = 0): Machine {
    const cacheDirectory = join(this.directory, `machine-${this.machines.length}`)
    mkdirSync(cacheDirectory)
    const machine = { cacheDirectory, clock: { offsetMs } }
    this.machines.push(machine)
    return machine
  }

  /** Time goes on, for everybody's clock. */
  pass(ms: number): void {
    this.now += ms
  }

  clockOf({ clock }: Machine): { now: () => number } {
    return { now: () => this.now + clock.offsetMs }
  }

  /** Puts a content of the pool at a name; one more than there are removes the file. */
  edit(name: number, content: number): void {
    const path = NAMES[name % NAMES.length] ?? ''
    const chosen = content % (CONTENTS.length + 1)
    if (chosen === CONTENTS.length) this.#files.delete(path)
    else this.#files.set(path, { content: chosen, version: ++this.#version })
  }

  /** The sources as they are now, for good. */
  #source(): Sources {
    const source = new MemorySource()
    source.put(ROOT, 'dir')
    const digest = createHash('sha256')
    for (const [path, { content, version }] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const bytes = CONTENTS[content] ?? new Uint8Array(0)
      const times = { mtimeSec: 1_000_000 + version, ctimeSec: 1_000_000 + version }
      source.file(`${ROOT}/${path}`, Uint8Array.from(bytes), { stat: { ...times, inode: 50 + version } })
      digest.update(`${ROOT}/${path} ${bytes.length} `).update(bytes)
    }
    return { source, digest: digest.digest('hex') }
  }

  /** One that is idle there, else a new one that has yet to open the repository. */
  idleProcess(machine: Machine): Process {
    const idle = this.processes.find((one) => one.machine === machine && !one.isRunning && !one.isKilled)
    if (idle !== undefined) return idle
    const process = new Process(machine)
    this.processes.push(process)
    this.scheduler.processes.push(process)
    return process
  }

  /** Begins; it goes on as the scheduler wants. */
  async start(process: Process, work: Work): Promise<void> {
    // The sources may change while it waits: what it saves was decided here.
    const sources = this.#source()
    await this.scheduler.start(process, async () => {
      let how = 'done'
      try {
        const repository = process.repository ?? (await this.open(process))
        // Killed when it had read the last that opening takes: nobody else closes its manifest.
        if (process.isKilled) return void repository.manifest[Symbol.dispose]()
        process.repository = repository
        await this.#run(process, repository, work, sources)
      } catch (error) {
        if (process.isKilled) return
        how = error instanceof SnapError ? error.code : 'broken'
        this.failures.push({ work, error })
      }
      const name = `${work.kind} ${how}`
      this.ended.set(name, (this.ended.get(name) ?? 0) + 1)
    })
  }

  /** On the storage that the scheduler rules, or on another. */
  open(process: Process, storage: Storage = process.through(this.storage)): Promise<Repository> {
    const processes: Processes = {
      own: String(this.#begun.push(process) - 1),
      stateOf: (mark) => (this.#begun[Number(mark)]?.isKilled === false ? 'running' : 'ended'),
    }
    return openRepository({ ...this.ports(process.machine), storage, processes }, SECRET)
  }

  ports(machine: Machine): Omit<RepositoryPorts, 'storage'> {
    const { cacheDirectory } = machine
    return { cacheDirectory, clock: this.clockOf(machine), random: this.#random }
  }

  manifestPath({ cacheDirectory }: Machine): string {
    const config = this.storage.objects.get(CONFIG_KEY)?.bytes ?? new Uint8Array(0)
    return manifestPathOf(cacheDirectory, repositoryIdOfConfig(config))
  }

  /** It is as if the machine had lost power: its manifest stays, everything in memory is gone. */
  kill(process: Process): void {
    process.isKilled = true
    if (process.repository === undefined) process.doom()
    this.close(process)
    void process.executor?.[Symbol.asyncDispose]()
    this.processes = this.processes.filter((one) => one !== process)
    this.scheduler.processes.splice(this.scheduler.processes.indexOf(process), 1)
  }

  close(process: Process): void {
    process.repository?.manifest[Symbol.dispose]()
    process.repository = undefined
  }

  /** A machine without running processes loses its manifest. False where some run. */
  forgetManifest(machine: Machine): boolean {
    const here = this.processes.filter((process) => process.machine === machine)
    if (here.some(({ isRunning }) => isRunning)) return false
    for (const process of here) this.close(process)
    rmSync(machine.cacheDirectory, { recursive: true })
    mkdirSync(machine.cacheDirectory)
    return true
  }

  async #run(process: Process, repository: Repository, work: Work, sources: Sources): Promise<void> {
    switch (work.kind) {
      case 'backup':
        return this.#backup(process, repository, work.host, sources)
      case 'prune':
        await prune(repository, { ...work.request, dryRun: false }, silent())
        return
      case 'policy': {
        const request = { policy: work.policy, groupBy: ['series' as const], concerns: () => true }
        await forgetByPolicy(repository, request, { dryRun: false })
        return
      }
      case 'checkpoint':
        await repository.log.append((state) => ({ kind: 'checkpoint', state: encodeState(state) }))
        return
      default:
        return this.#change(repository, work)
    }
  }

  async #backup(
    process: Process,
    repository: Repository,
    hostname: string,
    { source, digest }: Sources,
  ): Promise<void> {
    const executor: ExecutorFactory = (...parts) => {
      process.executor = createInThreadExecutor(...parts)
      return process.executor
    }
    const request = {
      paths: [ROOT],
      hostname,
      username: 'user',
      tags: [],
      excludes: [],
      program: { name: 'snap', version: '0' },
      walk: WALK,
      write: { compression: 'fast' as const, recheck: false, deltas: true, executor },
    }
    this.begun.add(digest)
    const { snapshot } = await backup(repository, request, { ...silent(), source, clock: repository.clock })
    this.saved.set(snapshot, digest)
  }

  async #change(repository: Repository, work: Work & { which: number }): Promise<void> {
    await repository.log.follow()
    const all = [...repository.log.state.snapshots.values()]
    const id = all[work.which % Math.max(all.length, 1)]?.id
    if (id === undefined) return
    if (work.kind === 'forget') {
      await forgetByIds(repository, [id], { dryRun: false, evenLast: work.evenLast })
    } else if (work.kind === 'unforget') await undoForget(repository, [id])
    else if (work.kind === 'tag') await changeTags(repository, [id], { set: [`tag ${work.which}`] })
    else if (work.kind === 'read') await this.#read(repository, id)
    else await setHeld(repository, [id], work.kind === 'hold')
  }

  /** What it is told must be right, however much goes on meanwhile. */
  async #read(repository: Repository, id: SnapshotId): Promise<void> {
    const snapshot = repository.log.state.snapshots.get(id)
    const digest = this.saved.get(id)
    if (snapshot === undefined) return
    const found = await whileThere(repository, id, () => readSnapshot(repository, snapshot.root))
    if (digest !== undefined && found !== digest) throw new Error(`snapshot ${id} reads as something else`)
  }

  /** Closes every process; nothing goes on afterwards. */
  [Symbol.dispose](): void {
    for (const process of this.processes) this.close(process)
    rmSync(this.directory, { recursive: true, force: true })
  }
}

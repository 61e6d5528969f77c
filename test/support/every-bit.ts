/**
 * A small repository with an object of every type, changed in one place at a time and put back: what a client that knows the
 * repository, and one that sees it for the first time, make of each change.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SlotSecret } from '../../src/keys/slot.ts'
import { openManifest } from '../../src/manifest/open-manifest.ts'
import { SnapError } from '../../src/model/errors.ts'
import { dump } from '../../src/ops/dump/dump.ts'
import { verify } from '../../src/ops/verify/verify.ts'
import { manifestPathOf, openRepository } from '../../src/repository/open-repository.ts'
import { Repository } from '../../src/repository/repository.ts'
import { PackChecker, type PackCheckResult, type PackCheckTask } from '../../src/workers/pack-check.ts'
import { createInThreadPool, type TaskPool } from '../../src/workers/task-pool.ts'
import type { DeltaSnapshot } from './delta-repository.ts'
import { addEveryKind, PASSWORD } from './every-kind.ts'
import { restoreInto } from './hostile/sandbox.ts'
import { SECRET, TestRepository } from './repository.ts'

const ports = { progress: () => undefined, signal: new AbortController().signal }

/** What one client made of a change. */
export type Finding = {
  /** It was told of something: a refusal, or damage in a report. */
  readonly noticed: boolean
  /** And of the very object. */
  readonly named: boolean
  /** Of a refusal. */
  readonly code: string | undefined
  /** A file that was handed out with other bytes than it has. */
  readonly wrong: boolean
  /** Processor time: what other processes do meanwhile is not this client's slowness. */
  readonly ms: number
}

export type Client = 'knows it' | 'opens it anew'

export class EveryBit implements AsyncDisposable {
  readonly repo: TestRepository
  readonly delta: DeltaSnapshot
  /** Slots by who has the secret. */
  readonly slots: { readonly keyFile: string; readonly password: string }
  readonly #root: Uint8Array
  readonly #pristine: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly storedAt: number }>
  readonly #template: string
  readonly #pool: TaskPool<PackCheckTask, PackCheckResult>
  /** A new client's, taken in before any change: for changes to objects that opening does not read. */
  #unchanged: Repository | undefined

  static async create(): Promise<EveryBit> {
    const repo = await TestRepository.create()
    const delta = await addEveryKind(repo)
    return new EveryBit(repo, delta)
  }

  private constructor(repo: TestRepository, delta: DeltaSnapshot) {
    this.repo = repo
    this.delta = delta
    this.#root = repo.snapshot(delta.snapshot).root
    this.#pristine = new Map(repo.storage.objects)
    const own = `slots/${repo.repository.slot}`
    this.slots = { keyFile: own, password: repo.keys('slots/').find((key) => key !== own) ?? '' }
    this.#template = join(repo.directory, 'empty-manifest.db')
    openManifest(this.#template)[Symbol.dispose]()
    const checker = new PackChecker(repo.repository.keys.idKey)
    this.#pool = createInThreadPool((task) => checker.check(task))
  }

  get keys(): string[] {
    return [...this.#pristine.keys()].sort()
  }

  bytesOf(key: string): Uint8Array {
    const object = this.#pristine.get(key)
    if (object === undefined) throw new Error(`no object ${key}`)
    return object.bytes
  }

  /** Objects as they are now; `undefined` takes one away. */
  plant(changes: Readonly<Record<string, Uint8Array | undefined>>): void {
    for (const [key, bytes] of Object.entries(changes)) {
      if (bytes === undefined) this.repo.storage.objects.delete(key)
      else this.repo.storage.objects.set(key, { bytes: new Uint8Array(bytes), storedAt: 0 })
    }
  }

  /** Everything as it was made. */
  mend(): void {
    const { objects } = this.repo.storage
    objects.clear()
    for (const [key, object] of this.#pristine) objects.set(key, object)
  }

  /** Another client, which has never seen the rest, adds `count` entries to the log as it is. */
  async goOn(count: number): Promise<void> {
    const { repository, close } = await this.#openAnew(SECRET, 'other')
    try {
      for (let n = 0; n < count; n++) await repository.log.append(() => ({ kind: 'forget', snapshots: [] }))
    } finally {
      close()
    }
  }

  secretOf(key: string): SlotSecret {
    return key === this.slots.password ? PASSWORD : SECRET
  }

  /** What a client makes of the objects as they are, where `key` is the changed one. */
  async examine(
    key: string,
    client: Client,
    options: { restore?: boolean; secret?: SlotSecret } = {},
  ): Promise<Finding> {
    const { restore = false, secret = this.secretOf(key) } = options
    const before = process.cpuUsage()
    const found = { noticed: false, named: false, code: undefined as string | undefined, wrong: false }
    const logEntry = `log entry ${key.startsWith('log/') ? Number(key.slice('log/'.length)) : '-'},`
    const note = (names: readonly string[]): void => {
      if (names.length > 0) found.noticed = true
      if (names.some((name) => name.includes(key) || name.includes(logEntry))) found.named = true
    }
    let opened: { repository: Repository; close: () => void } | undefined
    try {
      opened = await this.#open(key, client, secret)
      const { repository } = opened
      const report = await verify(repository, { data: true, secret }, { ...ports, pool: this.#pool })
      note(report.damages.map(({ object }) => object))
      found.wrong = await this.#handsOutWrongBytes(repository, restore)
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      found.code = error.code
      note(whatIsSaid(error))
    } finally {
      opened?.close()
    }
    const { user, system } = process.cpuUsage(before)
    return { ...found, ms: (user + system) / 1_000 }
  }

  async #open(
    key: string,
    client: Client,
    secret: SlotSecret,
  ): Promise<{ repository: Repository; close: () => void }> {
    if (client === 'knows it') {
      // As a new process with the manifest of the last one.
      const repository = new Repository({ ...this.repo.repository, ...this.#slotOf(secret) })
      await repository.log.begin()
      return { repository, close: () => undefined }
    }
    if (key.startsWith('packs/')) {
      this.#unchanged ??= (await this.#openAnew(SECRET, 'unchanged')).repository
      const repository = new Repository(this.#unchanged)
      await repository.log.begin()
      return { repository, close: () => undefined }
    }
    return await this.#openAnew(secret, 'anew')
  }

  #slotOf(secret: SlotSecret): Pick<Repository, 'slot' | 'slotsAtOpening'> {
    const idOf = (key: string): Repository['slot'] => key.slice('slots/'.length) as Repository['slot']
    return {
      slot: idOf(secret.kind === 'password' ? this.slots.password : this.slots.keyFile),
      slotsAtOpening: new Set(Object.values(this.slots).map(idOf)),
    }
  }

  async #openAnew(secret: SlotSecret, name: string): Promise<{ repository: Repository; close: () => void }> {
    const cacheDirectory = join(this.repo.directory, name)
    const path = manifestPathOf(cacheDirectory, this.repo.repository.id)
    rmSync(cacheDirectory, { recursive: true, force: true })
    mkdirSync(dirname(path), { recursive: true })
    copyFileSync(this.#template, path)
    const repository = await openRepository({ ...this.repo.ports, cacheDirectory }, secret)
    return { repository, close: () => repository.manifest[Symbol.dispose]() }
  }

  async #handsOutWrongBytes(repository: Repository, restore: boolean): Promise<boolean> {
    const names = Object.keys(this.delta.files) as (keyof DeltaSnapshot['files'])[]
    for (const name of names) {
      const bytes = await this.#dumped(repository, name)
      if (bytes !== undefined && Buffer.compare(bytes, this.delta.files[name]) !== 0) return true
    }
    return restore && (await this.#restoresWrong(repository))
  }

  async #dumped(repository: Repository, name: string): Promise<Uint8Array | undefined> {
    try {
      const { bytes } = await dump(repository, { root: this.#root, path: `/${name}`, archive: 'tar' }, ports)
      const parts: Uint8Array[] = []
      for await (const part of bytes) parts.push(part)
      return Buffer.concat(parts)
    } catch (error) {
      if (error instanceof SnapError) return undefined
      throw error
    }
  }

  async #restoresWrong(repository: Repository): Promise<boolean> {
    const target = join(this.repo.directory, 'target')
    rmSync(target, { recursive: true, force: true })
    const { failures } = await restoreInto({ repository } as TestRepository, target, this.#root)
    const isReported = (name: string): boolean =>
      failures.some(({ path }) => path === '/' || path === `/${name}`)
    return Object.entries(this.delta.files).some(
      ([name, wanted]) => !isReported(name) && !holds(join(target, name), wanted),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend()
    this.#unchanged?.manifest[Symbol.dispose]()
    await this.repo[Symbol.asyncDispose]()
  }
}

function holds(path: string, wanted: Uint8Array): boolean {
  return existsSync(path) && Buffer.compare(readFileSync(path), wanted) === 0
}

/** The message, the hint, and those of what caused it. */
function whatIsSaid(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const hint = error instanceof SnapError ? (error.hint ?? '') : ''
  return [error.message, hint, ...whatIsSaid(error.cause)]
}

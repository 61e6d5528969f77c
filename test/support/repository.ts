/**
 * A real repository for tests of operations: on memory storage, with the executor and the pool that need no threads, and
 * sources in a directory of its own. Everything on disk goes with it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemRandom } from '../../src/crypto/random.ts'
import { createIgnoreRules } from '../../src/filesystem/ignore-rules.ts'
import { createSourceFiles } from '../../src/filesystem/source-files.ts'
import { createTargetFiles } from '../../src/filesystem/target-files.ts'
import type { SlotSecret } from '../../src/keys/slot.ts'
import type { SnapshotSource } from '../../src/log/details.ts'
import type { LoggedSnapshot } from '../../src/log/log-state.ts'
import type { SourceFiles } from '../../src/model/files.ts'
import type { SnapshotId } from '../../src/model/ids.ts'
import type { Storage } from '../../src/model/storage.ts'
import { backup } from '../../src/ops/backup/backup.ts'
import type { BackupPorts, BackupRequest, BackupResult } from '../../src/ops/backup/request.ts'
import type { WalkOptions } from '../../src/ops/backup/walk.ts'
import type { RestoreReport } from '../../src/ops/restore/report.ts'
import { restore } from '../../src/ops/restore/restore.ts'
import {
  createRepository,
  openRepository,
  type RepositoryPorts,
} from '../../src/repository/open-repository.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { createMemoryStorage, type MemoryStorage } from '../../src/storage/memory.ts'
import type { ExecutorFactory } from '../../src/workers/executor.ts'
import { createInThreadExecutor } from '../../src/workers/in-thread.ts'
import { PackChecker, type PackCheckResult, type PackCheckTask } from '../../src/workers/pack-check.ts'
import { RestoreWriter } from '../../src/workers/restore-writer.ts'
import { createInThreadPool, type TaskPool } from '../../src/workers/task-pool.ts'

export const SECRET: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(9) }
const CHUNK_BYTES = 4096

/** What is not as for every client of the tests. `through`: the storage as this client sees it. */
export type ClientPorts = Partial<Pick<RepositoryPorts, 'random' | 'processes'>> & {
  readonly through?: (storage: MemoryStorage) => Storage
}

/** What is not as in every backup of the tests. */
export type BackupChanges = {
  readonly decided?: NonNullable<BackupPorts['decided']>
  readonly executor?: ExecutorFactory
  readonly hostname?: string
  /** Instead of the files in `source`. */
  readonly source?: SourceFiles
  readonly scan?: boolean
  readonly walk?: Partial<WalkOptions>
  /** With these alone where no path is given. */
  readonly streamed?: BackupRequest['streamed']
  readonly sources?: readonly SnapshotSource[]
  readonly signal?: AbortSignal
}

export class TestRepository implements AsyncDisposable {
  readonly directory: string
  readonly storage: MemoryStorage
  readonly ports: RepositoryPorts
  /** ms; tests set it. */
  now = Date.UTC(2025, 10, 19, 12)
  /** What a backup reads through: tests let it change the sources meanwhile. */
  meddle: (source: SourceFiles) => SourceFiles = (source) => source
  #repository: Repository | undefined
  readonly #isGuest: boolean

  static async create(ports: ClientPorts = {}): Promise<TestRepository> {
    const test = new TestRepository(ports)
    const request = { secret: async () => SECRET, slotName: 'test', chunkBytes: CHUNK_BYTES }
    test.#repository = await createRepository(test.ports, request)
    return test
  }

  private constructor(
    { through = (storage) => storage, ...ports }: ClientPorts,
    of?: TestRepository,
    sharesManifest = false,
  ) {
    this.directory = of?.directory ?? mkdtempSync(join(tmpdir(), 'snap-ops-'))
    if (of !== undefined) this.now = of.now
    const clock = { now: () => this.now }
    this.storage = of?.storage ?? createMemoryStorage(clock)
    this.#isGuest = of !== undefined
    this.ports = {
      storage: through(this.storage),
      cacheDirectory:
        of === undefined || sharesManifest
          ? join(this.directory, 'cache')
          : mkdtempSync(join(this.directory, 'cache-')),
      clock,
      random: systemRandom,
      ...ports,
    }
  }

  get repository(): Repository {
    if (this.#repository === undefined) throw new Error('the repository is closed')
    return this.#repository
  }

  /** Another client of the same storage and sources, with a manifest of its own or as another process on this one's. */
  async another({
    sharesManifest = false,
    ...ports
  }: ClientPorts & { readonly sharesManifest?: boolean } = {}): Promise<TestRepository> {
    const other = new TestRepository(ports, this, sharesManifest)
    other.#repository = await openRepository(other.ports, SECRET)
    return other
  }

  /** A path in a directory for sources. */
  source(...names: string[]): string {
    return join(this.directory, 'source', ...names)
  }

  backup(...paths: string[]): Promise<BackupResult> {
    return this.backupWith({}, ...paths)
  }

  async backupWith(
    {
      hostname = 'host',
      source,
      scan,
      decided,
      executor = createInThreadExecutor,
      walk: changed = {},
      streamed,
      sources,
      signal = new AbortController().signal,
    }: BackupChanges,
    ...paths: string[]
  ): Promise<BackupResult> {
    this.now += 60_000
    const walk = {
      full: false,
      oneFileSystem: false,
      largestFile: undefined,
      excludeCaches: false,
      rulesAt: () => createIgnoreRules([]),
      ignoreFile: undefined,
      isCacheDirectory: () => false,
      neverPaths: new Set<string>(),
      ...changed,
    }
    return backup(
      this.repository,
      {
        paths: paths.length === 0 && streamed === undefined ? [this.source()] : paths,
        ...(streamed === undefined ? {} : { streamed }),
        ...(sources === undefined ? {} : { sources: () => sources }),
        hostname,
        username: 'user',
        tags: [],
        excludes: [],
        program: { name: 'snap', version: '0' },
        walk,
        write: { compression: 'auto', recheck: true, deltas: true, executor },
      },
      {
        source: source ?? this.meddle(standingStill(createSourceFiles(), this.directory)),
        clock: this.ports.clock,
        progress: () => undefined,
        signal,
        ...(scan === undefined ? {} : { scan }),
        ...(decided === undefined ? {} : { decided }),
      },
    )
  }

  snapshot(id: SnapshotId): LoggedSnapshot {
    const snapshot = this.repository.log.state.snapshots.get(id)
    if (snapshot === undefined) throw new Error(`no snapshot ${id}`)
    return snapshot
  }

  /** Restores all of a snapshot below `target`; `strip`: a directory of it, whose entries come right below. */
  async restore(
    id: SnapshotId,
    target: string,
    strip?: string,
    { deleteExtra = false } = {},
  ): Promise<RestoreReport> {
    const files = createTargetFiles()
    using root = files.openRoot(target)
    using writer = new RestoreWriter(files, root, this.repository.keys.idKey)
    return await restore(
      this.repository,
      {
        root: this.snapshot(id).root,
        select: [],
        strip,
        target,
        overwrite: 'always',
        deleteExtra,
        sources: [this.source()],
        keep: new Set(),
        dryRun: false,
        keepOwner: false,
      },
      {
        target: files,
        pool: createInThreadPool((task) => writer.run(task)),
        progress: () => undefined,
        signal: new AbortController().signal,
      },
    )
  }

  async close(): Promise<void> {
    await this.#repository?.[Symbol.asyncDispose]()
    this.#repository = undefined
  }

  /** Closes it and opens it again; `forgetting`: with a new manifest. */
  async reopen(options: { forgetting?: boolean; secret?: SlotSecret } = {}): Promise<Repository> {
    await this.close()
    if (options.forgetting === true) rmSync(this.ports.cacheDirectory, { recursive: true, force: true })
    this.#repository = await openRepository(this.ports, options.secret ?? SECRET)
    return this.#repository
  }

  /** Keys of stored objects that begin with `prefix`, sorted. */
  keys(prefix = ''): string[] {
    return [...this.storage.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  bytesOf(key: string): Uint8Array {
    const object = this.storage.objects.get(key)
    if (object === undefined) throw new Error(`no object ${key}`)
    return object.bytes
  }

  /** Flips a bit of the byte at `at` (from the end where negative). Returns what puts it back. */
  damage(key: string, at: number): () => void {
    const bytes = this.bytesOf(key)
    const index = at < 0 ? bytes.length + at : at
    bytes[index]! ^= 1
    return () => {
      bytes[index]! ^= 1
    }
  }

  pool(): TaskPool<PackCheckTask, PackCheckResult> {
    const checker = new PackChecker(this.repository.keys.idKey)
    return createInThreadPool((task) => checker.check(task))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    if (!this.#isGuest) rmSync(this.directory, { recursive: true, force: true })
  }
}

/** The directories above `directory`, in which other tests make and remove theirs, seem not to change. */
function standingStill(source: SourceFiles, directory: string): SourceFiles {
  const time = { mtimeSec: 1, mtimeNsec: 0, ctimeSec: 1, ctimeNsec: 0, links: 2 }
  return {
    ...source,
    lstat: (path) => {
      const stat = source.lstat(path)
      return directory === path || directory.startsWith(path === '/' ? '/' : `${path}/`)
        ? { ...stat, ...time }
        : stat
    },
  }
}

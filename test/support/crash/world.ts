/**
 * A small world that can be forked and looked at: a disk in memory with a repository on it, the manifests of its clients,
 * the user's files, and what was reported as saved. Processes of it are killed, see faults or lose power; the world tells
 * afterwards whether anything that was promised is gone.
 */
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createIgnoreRules } from '../../../src/filesystem/ignore-rules.ts'
import type { SlotSecret } from '../../../src/keys/slot.ts'
import type { Random } from '../../../src/model/clock.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { backup } from '../../../src/ops/backup/backup.ts'
import { openRepository, type RepositoryPorts } from '../../../src/repository/open-repository.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'
import type { Processes } from '../../../src/storage/processes.ts'
import type { StorageFs } from '../../../src/storage/storage-fs.ts'
import { createInThreadExecutor } from '../../../src/workers/in-thread.ts'
import { Chance } from '../builders.ts'
import { MemorySource } from '../memory-source.ts'
import { fastScratch } from '../snap.ts'
import type { Disk } from '../storage/disk-model.ts'
import { RecordingMachine } from '../storage/recording-fs.ts'

export const ROOT = '/srv/repository'
export const CHUNK_BYTES = 4096
export const SECRET: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(9) }
export const OTHER_SECRET: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(10) }
export const never: AbortSignal = new AbortController().signal
export const silent = (): void => undefined

/** What a file holds: bytes, or for a large one pieces of bytes in a hole of `size`. */
export type Content = { readonly bytes: Uint8Array; readonly size?: number; readonly at?: readonly number[] }

/** Hex digests by path: what a snapshot must give back. */
export type Digests = ReadonlyMap<string, string>

export class World {
  readonly machine: RecordingMachine
  /** A real directory: manifests and restore targets. */
  readonly directory: string
  /** Where the manifest of the client that knows the repository is. */
  cache: string
  readonly files: Map<string, { content: Content; version: number }>
  /** Reported as saved and not given up since. */
  readonly saved: Map<SnapshotId, Digests>
  /** Those that open the repository, one of them at least. */
  secrets: SlotSecret[]
  now: number
  #version: number
  #processes = 0

  static create(): World {
    return new World(new RecordingMachine(), undefined)
  }

  private constructor(machine: RecordingMachine, of: World | undefined) {
    this.machine = machine
    this.directory = mkdtempSync(join(fastScratch(1 << 28), 'snap-crash-'))
    this.cache = join(this.directory, 'cache')
    mkdirSync(this.cache)
    this.files = new Map(of?.files)
    this.saved = new Map(of?.saved)
    this.secrets = [...(of?.secrets ?? [SECRET])]
    this.now = of?.now ?? Date.UTC(2026, 0, 1)
    this.#version = of === undefined ? 0 : of.#version
    this.#processes = of === undefined ? 0 : of.#processes
  }

  /** Another world that goes on from here. `disk`: what is left of the disk; `cache`: of the manifest, `null` for nothing. */
  fork(left: { disk?: Disk; cache?: string | null } = {}): World {
    const world = new World(new RecordingMachine(left.disk ?? this.machine.disk.copy()), this)
    const cache = left.cache === undefined ? this.cache : left.cache
    if (cache !== null) copyCache(cache, world.cache)
    return world
  }

  /** Frees the real directory. */
  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  write(path: string, content: Content | string): void {
    this.#version += 1
    const bytes = typeof content === 'string' ? { bytes: Buffer.from(content) } : content
    this.files.set(path, { content: bytes, version: this.#version })
  }

  get digests(): Digests {
    return new Map([...this.files].map(([path, { content }]) => [path, digestOf(content)]))
  }

  source(): MemorySource {
    const source = new MemorySource()
    const stat = (version: number, inode: number) => ({
      mtimeSec: 1_000 + version,
      ctimeSec: 1_000 + version,
      inode,
    })
    source.put('/src', 'dir', { stat: stat(this.#version, 10) })
    let inode = 1_000
    for (const [path, { content, version }] of [...this.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      inode += 1
      source.file(`/src/${path}`, bytesOf(content), {
        stat: { ...stat(version, inode), size: content.size ?? content.bytes.length },
        ...(content.at === undefined
          ? {}
          : { extents: content.at.map((offset) => ({ offset, bytes: content.bytes.length })) }),
      })
    }
    return source
  }

  /** A new process. `fs`: what it sees of the disk; `cache`: its manifest's place. */
  process(parts: { fs?: StorageFs; cache?: string; seed?: number } = {}): Client {
    this.#processes += 1
    const seed = parts.seed ?? this.#processes
    return new Client(this, {
      fs: parts.fs ?? this.machine.process(),
      cache: parts.cache ?? this.cache,
      mark: `p${this.#processes}`,
      random: new Chance(seed * 7_919 + 13),
    })
  }

  /** A process with a manifest of its own, which has never seen the repository. */
  stranger(): Client {
    return this.process({ cache: mkdtempSync(join(this.directory, 'stranger-')) })
  }
}

/** As they lie there, in the middle of whatever is going on: what a killed process leaves. */
export function copyCache(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    cpSync(join(from, name), join(to, name), {
      recursive: true,
      filter: (path) => !path.endsWith('-shm'),
    })
  }
}

const known = new WeakMap<Content, string>()

/** Zeros where no piece lies. */
function digestOf(content: Content): string {
  const digest = known.get(content) ?? computeDigest(content)
  known.set(content, digest)
  return digest
}

function computeDigest({ bytes, size = bytes.length, at = [0] }: Content): string {
  const hash = createHash('sha256')
  let end = 0
  for (const offset of at) {
    hash.update(Buffer.alloc(offset - end)).update(bytes)
    end = offset + bytes.length
  }
  return hash.update(Buffer.alloc(size - end)).digest('hex')
}

const wholes = new WeakMap<Uint8Array, Uint8Array>()

function bytesOf({ bytes, size = bytes.length, at = [0] }: Content): Uint8Array {
  if (size === bytes.length) return bytes
  const whole = wholes.get(bytes) ?? new Uint8Array(size)
  for (const offset of at) whole.set(bytes, offset)
  wholes.set(bytes, whole)
  return whole
}

type ClientParts = {
  readonly fs: StorageFs
  readonly cache: string
  readonly mark: string
  readonly random: Random
}

/** One process that uses the repository. */
export class Client {
  readonly world: World
  readonly fs: StorageFs
  readonly processes: Processes
  readonly #parts: ClientParts

  constructor(world: World, parts: ClientParts) {
    this.world = world
    this.fs = parts.fs
    this.#parts = parts
    this.processes = {
      own: parts.mark,
      stateOf: (mark) => (mark === parts.mark ? 'running' : /^p\d+$/.test(mark) ? 'ended' : 'unknown'),
    }
  }

  get ports(): RepositoryPorts {
    const { fs, random, cache } = this.#parts
    return {
      storage: openLocalDirectory(ROOT, { fs, random, processes: this.processes }),
      cacheDirectory: cache,
      clock: { now: () => this.world.now },
      random,
    }
  }

  /** With the first of the world's secrets that fits. */
  async open(): Promise<Repository> {
    let refused: unknown
    for (const secret of this.world.secrets) {
      try {
        return await openRepository(this.ports, secret)
      } catch (error) {
        refused = error
        if (!(error instanceof Error && 'code' in error && error.code === 'KEY_WRONG')) throw error
      }
    }
    throw refused
  }

  /** Backs all files up, and notes what was promised when it says that it is saved. */
  async backup(repository: Repository): Promise<SnapshotId> {
    const { world } = this
    world.now += 60_000
    const walk = {
      full: false,
      oneFileSystem: false,
      largestFile: undefined,
      excludeCaches: false,
      rulesAt: () => createIgnoreRules([]),
      ignoreFile: undefined,
      isCacheDirectory: () => false,
      neverPaths: new Set<string>(),
    }
    const { digests } = world
    const { snapshot, unreadable } = await backup(
      repository,
      {
        paths: ['/src'],
        hostname: 'host',
        username: 'user',
        tags: [],
        excludes: [],
        program: { name: 'snap', version: '0' },
        walk,
        write: { compression: 'auto', recheck: true, deltas: true, executor: createInThreadExecutor },
      },
      { source: world.source(), clock: repository.clock, progress: silent, signal: never },
    )
    if (unreadable.length > 0) throw new Error(`unreadable: ${unreadable.map(({ path }) => path)}`)
    world.saved.set(snapshot, digests)
    return snapshot
  }
}

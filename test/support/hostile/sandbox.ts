/**
 * A restore target with neighbours, and what an attack did: which operations ended how, how long they took, how much memory
 * they needed, and whether anything beside the target changed.
 */
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTargetFiles } from '../../../src/filesystem/target-files.ts'
import { SnapError } from '../../../src/model/errors.ts'
import type { TargetFiles } from '../../../src/model/files.ts'
import { list } from '../../../src/ops/list.ts'
import type { RestoreReport } from '../../../src/ops/restore/report.ts'
import { type RestorePorts, type RestoreRequest, restore } from '../../../src/ops/restore/restore.ts'
import type { VerifyReport } from '../../../src/ops/verify/report.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import type { RestoreTask, RestoreTaskResult } from '../../../src/workers/restore-task.ts'
import { RestoreWriter } from '../../../src/workers/restore-writer.ts'
import { createInThreadPool } from '../../../src/workers/task-pool.ts'
import { SECRET, type TestRepository } from '../repository.ts'

export const TIME_MS_MAX = 10_000
export const MEMORY_BYTES_MAX = 300_000_000

const signal = new AbortController().signal
const silent = (): void => undefined

/** A directory with a target in it and files beside it that nothing may touch. */
export class Sandbox {
  readonly outer: string
  readonly target: string
  readonly outside: string
  #before = ''

  constructor(directory: string) {
    this.outer = join(directory, 'outer')
    this.target = join(this.outer, 'target')
    this.outside = join(this.outer, 'outside')
    mkdirSync(this.target, { recursive: true })
    mkdirSync(this.outside)
    writeFileSync(join(this.outside, 'canary'), 'untouched')
    writeFileSync(join(this.outer, 'beside'), 'untouched')
    this.remember()
  }

  /** What is there now, beside the target, must stay. */
  remember(): void {
    this.#before = this.state()
  }

  /** An empty target again. */
  clear(): void {
    execFileSync('rm', ['-rf', this.target]) // deeper than the recursion of Node's own goes
    mkdirSync(this.target)
  }

  get isUntouched(): boolean {
    return this.state() === this.#before
  }

  /** Everything but the target, as text: owner, mode, times and bytes. */
  state(): string {
    return this.#describe(this.outer)
      .filter((line) => !line.startsWith(`${this.outer} `))
      .join('\n')
  }

  #describe(path: string): string[] {
    const stat = lstatSync(path, { bigint: true })
    const { mode, uid, gid, nlink, mtimeNs, ino } = stat
    const line = [path, mode, uid, gid, stat.isDirectory() ? 0 : nlink, mtimeNs, ino].join(' ')
    if (stat.isSymbolicLink()) return [`${line} ${readlinkSync(path)}`]
    if (!stat.isDirectory()) return [`${line} ${stat.isFile() ? readFileSync(path, 'hex') : ''}`]
    const names = readdirSync(path).filter((name) => join(path, name) !== this.target)
    return [line, ...names.flatMap((name) => this.#describe(join(path, name)))]
  }
}

export type RestoreOptions = Partial<RestoreRequest> &
  Pick<RestorePorts, 'decided'> & {
    readonly wrap?: (files: TargetFiles) => TargetFiles
  }

/** Restores with everything on this thread. */
export async function restoreInto(
  repo: TestRepository,
  target: string,
  root: Uint8Array,
  { wrap = (files) => files, decided, ...options }: RestoreOptions = {},
): Promise<RestoreReport> {
  const files = wrap(createTargetFiles())
  using writerRoot = files.openRoot(target)
  using writer = new RestoreWriter(files, writerRoot, repo.repository.keys.idKey)
  await using pool = createInThreadPool<RestoreTask, RestoreTaskResult>((task) => writer.run(task))
  const request: RestoreRequest = {
    root,
    select: [],
    strip: undefined,
    target,
    overwrite: 'always',
    deleteExtra: false,
    sources: ['/'],
    keep: new Set(),
    dryRun: false,
    keepOwner: true,
    ...options,
  }
  return await restore(repo.repository, request, {
    target: files,
    pool,
    progress: silent,
    signal,
    ...(decided === undefined ? {} : { decided }),
  })
}

export async function verifyAll(repo: TestRepository, data = true): Promise<VerifyReport> {
  await using pool = repo.pool()
  return await verify(repo.repository, { data, secret: SECRET }, { pool, progress: silent, signal })
}

/** How many entries are listed before it ends or fails. */
export async function listAll(repo: TestRepository, root: Uint8Array): Promise<number> {
  let count = 0
  const request = { root, path: '/', recursive: true }
  for await (const _ of list(repo.repository, request, { progress: silent, signal })) count += 1
  return count
}

export type Outcome<T> = {
  readonly value: T | undefined
  readonly error: SnapError | undefined
  readonly ms: number
  /** Peak resident bytes above what was resident before. */
  readonly memory: number
}

/** Runs one operation; what it throws is kept where it is a `SnapError`, and thrown on otherwise. */
export async function measured<T>(run: () => Promise<T>): Promise<Outcome<T>> {
  resetPeak()
  const resident = process.memoryUsage.rss()
  const started = performance.now()
  let value: T | undefined
  let error: SnapError | undefined
  try {
    value = await run()
  } catch (thrown) {
    if (!(thrown instanceof SnapError)) throw thrown
    error = thrown
  }
  return { value, error, ms: performance.now() - started, memory: peakBytes() - resident }
}

function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5')
}

function peakBytes(): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

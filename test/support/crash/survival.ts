/**
 * Whether a world still keeps its promises: for the client that knows the repository, for one that has never seen it, and
 * for the independent reader. Nothing is cleaned by hand.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createTargetFiles } from '../../../src/filesystem/target-files.ts'
import { SnapError } from '../../../src/model/errors.ts'
import type { TargetFiles } from '../../../src/model/files.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import type { RestoreReport } from '../../../src/ops/restore/report.ts'
import { restore } from '../../../src/ops/restore/restore.ts'
import type { VerifyReport } from '../../../src/ops/verify/report.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import type { RestoreTask, RestoreTaskResult } from '../../../src/workers/restore-task.ts'
import { RestoreWriter } from '../../../src/workers/restore-writer.ts'
import { createInThreadPool } from '../../../src/workers/task-pool.ts'
import { type IndependentRepository, readRepository } from '../independent-reader/read-repository.ts'
import type { DiskNode } from '../storage/disk-model.ts'
import { backup, type Command, checkers, pruneNow } from './commands.ts'
import { type Client, type Digests, never, ROOT, silent, type World } from './world.ts'

export async function restoreTo(
  repository: Repository,
  snapshot: SnapshotId,
  target: string,
  files: TargetFiles = createTargetFiles(),
): Promise<RestoreReport> {
  const root = repository.log.state.snapshots.get(snapshot)?.root
  if (root === undefined) throw new Error(`no snapshot ${snapshot}`)
  using directory = files.openRoot(target)
  using writer = new RestoreWriter(files, directory, repository.keys.idKey)
  await using pool = createInThreadPool<RestoreTask, RestoreTaskResult>((task) => writer.run(task))
  const request = {
    root,
    select: [],
    strip: '/src',
    target,
    overwrite: 'always',
    deleteExtra: false,
    sources: ['/'],
    keep: new Set<string>(),
    dryRun: false,
    keepOwner: false,
  } as const
  return await restore(repository, request, { target: files, pool, progress: silent, signal: never })
}

export function digestsBelow(root: string): Digests {
  const found = new Map<string, string>()
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found.set(path.slice(root.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex'))
  }
  return found
}

export function differences(wanted: Digests, found: Digests): string[] {
  const paths = new Set([...wanted.keys(), ...found.keys()])
  return [...paths].filter((path) => wanted.get(path) !== found.get(path))
}

/** What is wrong with the promised snapshots, by restoring each. */
export async function lostIn(world: World, repository: Repository): Promise<string[]> {
  const problems: string[] = []
  for (const [snapshot, digests] of world.saved) {
    if (!repository.log.state.snapshots.has(snapshot)) {
      problems.push(`lost: snapshot ${snapshot} is not there`)
      continue
    }
    const target = mkdtempSync(join(world.directory, 'check-'))
    try {
      const { failures } = await restoreTo(repository, snapshot, target)
      const wrong = differences(digests, digestsBelow(target))
      if (failures.length > 0 || wrong.length > 0)
        problems.push(`lost: ${snapshot}: ${wrong.join(', ')} ${failures[0]?.reason ?? ''}`)
    } finally {
      rmSync(target, { recursive: true })
    }
  }
  return problems
}

export async function verifyAll(repository: Repository): Promise<VerifyReport> {
  await using pool = checkers(repository)
  return await verify(repository, { data: true }, { pool, progress: silent, signal: never })
}

async function damagesIn(repository: Repository): Promise<string[]> {
  const { damages, affected } = await verifyAll(repository)
  return [
    ...damages.map(({ object, reason }) => `damage: ${object}: ${reason}`),
    ...affected.map(({ snapshot, path }) => `damage: ${snapshot}:${path}`),
  ]
}

export type Trial = {
  /** What is run once more before the rest. */
  readonly again?: Command | undefined
  /** Bytes that the repository may have in the end. */
  readonly bytesMax?: number
  /** The repository may not be whole yet: it is looked at when the command has been run again. */
  readonly mayBeMissing?: boolean
  /** The world is damaged on purpose: what is affected is not looked at. */
  readonly isDamaged?: boolean
}

/**
 * What is wrong with the world: promises are kept at once, the same command works, then a backup, then a prune, and in the end
 * nothing is left over that nobody needs.
 */
export async function problemsOf(world: World, client: Client, trial: Trial): Promise<string[]> {
  const problems: string[] = []
  const step = async (what: string, run: () => Promise<readonly string[] | undefined>): Promise<void> => {
    try {
      for (const problem of (await run()) ?? []) problems.push(`${what}: ${problem}`)
    } catch (error) {
      problems.push(
        `${what}: ${error instanceof SnapError ? `${error.code} ${error.message}` : (error as Error).stack?.split('\n').slice(0, 3).join(' ')}`,
      )
    }
  }
  const inOpen = async <T>(act: (repository: Repository) => Promise<T>): Promise<T> => {
    await using repository = await client.open()
    return await act(repository)
  }
  if (trial.mayBeMissing !== true) {
    await step('at once', () =>
      inOpen(async (repository) => [
        ...(await lostIn(world, repository)),
        ...(trial.isDamaged === true ? [] : await damagesIn(repository)),
      ]),
    )
  }
  const { again } = trial
  if (again !== undefined) {
    await step('the same command', async () => {
      try {
        await again.run(client)
      } catch (error) {
        if (!(error instanceof SnapError) || again.again?.includes(error.code) !== true) throw error
      }
      return undefined
    })
  }
  world.write('after', 'the crash')
  await step('a backup', () => backup(client).then(() => undefined))
  await step('prune', () =>
    inOpen(async (repository) => {
      await pruneNow(repository, { undoMs: 14 * 86_400_000 })
      return undefined
    }),
  )
  const stranger = world.stranger()
  await step('in the end', async () => {
    await using repository = await stranger.open()
    const { damages, affectedTotal, unreferenced } = await verifyAll(repository)
    return [
      ...(await lostIn(world, repository)),
      ...(trial.isDamaged === true
        ? []
        : damages.map(({ object, reason }) => `damage: ${object}: ${reason}`)),
      ...(affectedTotal > 0 && trial.isDamaged !== true ? [`${affectedTotal} files affected`] : []),
      ...(unreferenced > 0 ? [`${unreferenced} objects that nothing refers to`] : []),
    ]
  })
  await step('by the independent reader', () => independentProblems(world, trial.isDamaged === true))
  const left = leftovers(world)
  if (left.length > 0) problems.push(`left over: ${left.join(', ')}`)
  const bytes = storedBytes(world)
  if (bytes > (trial.bytesMax ?? bytes)) problems.push(`grown to ${bytes} bytes, more than ${trial.bytesMax}`)
  return problems
}

function* files(node: DiskNode, path: string): Generator<{ path: string; bytes: Uint8Array }> {
  if (node.kind === 'file') yield { path, bytes: node.bytes }
  else for (const [name, child] of node.names) yield* files(child, path === '' ? name : `${path}/${name}`)
}

export function stored(world: World): { path: string; bytes: Uint8Array }[] {
  return [...files(world.machine.disk.directory(ROOT, 'list'), '')]
}

export function storedBytes(world: World): number {
  return stored(world).reduce((sum, { path, bytes }) => sum + (path.startsWith('tmp/') ? 0 : bytes.length), 0)
}

/** In `tmp/`, but for the reserve. */
function leftovers(world: World): string[] {
  return stored(world)
    .map(({ path }) => path)
    .filter((path) => path.startsWith('tmp/') && path !== 'tmp/reserve')
}

async function independentProblems(world: World, isDamaged: boolean): Promise<string[]> {
  const directory = mkdtempSync(join(world.directory, 'independent-'))
  for (const { path, bytes } of stored(world)) {
    mkdirSync(join(directory, dirname(path)), { recursive: true })
    writeFileSync(join(directory, path), bytes)
  }
  try {
    const read = await readWithAny(directory, keyFileTexts(world))
    const wrong: string[] = []
    for (const [snapshot, digests] of world.saved) {
      const found = new Map<string, string>()
      for await (const { path, type, contentDigest } of read.walk(snapshot)) {
        if (type === 'file') found.set(path.toString().replace(/^\/src\//, ''), contentDigest ?? 'unreadable')
      }
      const lost = differences(digests, found)
      if (lost.length > 0) wrong.push(`${snapshot}: ${lost.join(', ')}`)
    }
    return [...(isDamaged ? [] : read.problems), ...wrong]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** With the first that opens it. */
async function readWithAny(directory: string, texts: readonly string[]): Promise<IndependentRepository> {
  let refused: unknown
  for (const keyFileText of texts) {
    try {
      return await readRepository(directory, { keyFileText })
    } catch (error) {
      refused = error
    }
  }
  throw refused
}

function keyFileTexts(world: World): string[] {
  const config = world.machine.disk.find(`${ROOT}/config`, 'read')
  if (config.kind !== 'file') throw new Error('config is a file')
  const id = Buffer.from(config.bytes.subarray(16, 32)).toString('hex')
  return world.secrets.map((secret) => {
    if (secret.kind !== 'key file') throw new Error('the world has key files')
    return `snapkeep key 1\nrepository ${id}\nsecret ${Buffer.from(secret.secret).toString('hex')}\n`
  })
}

/** What processes of the world are asked to do, each from a state in which it has much to do. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { forgetByIds } from '../../../src/ops/forget/forget.ts'
import { setHeld } from '../../../src/ops/hold.ts'
import { addKey, changeKey, listKeys, removeKey } from '../../../src/ops/keys.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import type { PruneReport } from '../../../src/ops/prune/report.ts'
import { repair } from '../../../src/ops/repair/repair.ts'
import { changeTags } from '../../../src/ops/tag.ts'
import { createRepository } from '../../../src/repository/open-repository.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { createLocalDirectory } from '../../../src/storage/local-directory.ts'
import { PackChecker, type PackCheckResult, type PackCheckTask } from '../../../src/workers/pack-check.ts'
import { createInThreadPool } from '../../../src/workers/task-pool.ts'
import { Chance } from '../builders.ts'
import { differences, digestsBelow, restoreTo } from './survival.ts'
import { CHUNK_BYTES, type Client, never, OTHER_SECRET, ROOT, SECRET, silent, World } from './world.ts'

export type Command = {
  readonly name: string
  /** A world in which it has something to do. */
  readonly prepare: () => Promise<World>
  readonly run: (client: Client) => Promise<void>
  /** As what it may end when it is run once more after it was killed: what it was to do is done. */
  readonly again?: readonly ErrorCode[]
  /** Whether what it was to do is done, as far as the promises of the world do not say it. */
  readonly isDone?: (repository: Repository) => boolean
  /** Large files: each run takes long. */
  readonly slow?: boolean
}

export const COMMANDS: readonly Command[] = [
  { name: 'init', prepare: async () => World.create(), run: makeRepository, again: ['REPOSITORY_EXISTS'] },
  { name: 'the first backup', prepare: empty, run: (client) => backup(client) },
  { name: 'a backup after others', prepare: changed, run: (client) => backup(client) },
  { name: 'a backup of a large file', prepare: withLarge, run: (client) => backup(client), slow: true },
  {
    name: 'forget',
    prepare: changed,
    isDone: ({ log }) => [...log.state.snapshots.values()].some(({ forgotten }) => forgotten !== undefined),
    run: (client) => inOpen(client, forgetFirst),
  },
  {
    name: 'hold',
    prepare: changed,
    isDone: (repository) =>
      [...repository.log.state.snapshots.values()].filter((snapshot) => snapshot.held).length === 2,
    run: (client) => inOpen(client, (repo) => hold(repo, true)),
  },
  {
    name: 'unhold',
    prepare: held,
    isDone: ({ log }) => [...log.state.snapshots.values()].every((snapshot) => !snapshot.held),
    run: (client) => inOpen(client, (repo) => hold(repo, false)),
  },
  { name: 'tag', prepare: changed, run: (client) => inOpen(client, tag) },
  {
    name: 'prune with repacking',
    prepare: forgotten,
    isDone: ({ log }) => [...log.state.snapshots.values()].every(({ forgotten }) => forgotten === undefined),
    run: (client) => inOpen(client, pruneAll),
  },
  {
    name: 'prune that merges small packs',
    prepare: manySmall,
    run: (client) => inOpen(client, pruneAll),
  },
  {
    name: 'prune of what was left by killed ones',
    prepare: withStrays,
    isDone: ({ log }) => [...log.state.snapshots.values()].every(({ forgotten }) => forgotten === undefined),
    run: (client) => inOpen(client, pruneAll),
  },
  { name: 'restore', prepare: changed, run: (client) => inOpen(client, restoreAll) },
  { name: 'key add', prepare: changed, run: (client) => inOpen(client, (repo) => addOther(client, repo)) },
  {
    name: 'key remove',
    prepare: twoKeys,
    run: (client) => inOpen(client, (repo) => removeOther(client, repo)),
    again: ['KEY_UNKNOWN'],
  },
  {
    name: 'key passwd',
    prepare: changed,
    run: (client) => inOpen(client, (repo) => replaceKey(client, repo)),
  },
  { name: 'repair', prepare: damaged, run: (client) => inOpen(client, repairNow) },
]

export function command(name: string): Command {
  const found = COMMANDS.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no command ${name}`)
  return found
}

async function inOpen(
  client: Client,
  act: (repository: Repository, client: Client) => Promise<unknown>,
): Promise<void> {
  await using repository = await client.open()
  await act(repository, client)
}

async function makeRepository(client: Client): Promise<void> {
  const storage = await createLocalDirectory(ROOT, client)
  await storage[Symbol.asyncDispose]()
  const request = { secret: async () => SECRET, slotName: 'test', chunkBytes: CHUNK_BYTES }
  await using _ = await createRepository(client.ports, request)
}

export function backup(client: Client): Promise<void> {
  return inOpen(client, (repository) => client.backup(repository))
}

const ids = ({ log }: Repository): SnapshotId[] => [...log.state.snapshots.keys()]

async function forgetFirst(repository: Repository): Promise<void> {
  await forgetByIds(repository, ids(repository).slice(0, 1), { dryRun: false, evenLast: false })
}

async function hold(repository: Repository, is: boolean): Promise<void> {
  await setHeld(repository, ids(repository).slice(0, 2), is)
}

async function tag(repository: Repository): Promise<void> {
  await changeTags(repository, ids(repository).slice(0, 2), { set: ['a', 'b'] })
}

export function pruneNow(
  repository: Repository,
  change: { strayMs?: number; undoMs?: number } = {},
): Promise<PruneReport> {
  return prune(
    repository,
    {
      unusedShareMax: 0.05,
      repackBytesMax: Number.POSITIVE_INFINITY,
      undoMs: 0,
      strayMs: 0,
      dryRun: false,
      ...change,
    },
    { progress: silent, signal: never },
  )
}

/** What is forgotten is given up with it. */
async function pruneAll(repository: Repository, { world }: Client): Promise<void> {
  for (const { id, forgotten } of repository.log.state.snapshots.values())
    if (forgotten !== undefined) world.saved.delete(id)
  await pruneNow(repository)
}

/** Everything is there, or it says what is not. */
async function restoreAll(repository: Repository, { world }: Client): Promise<void> {
  const [last] = ids(repository).slice(-1)
  if (last === undefined) return
  const target = mkdtempSync(join(world.directory, 'target-'))
  const { failures } = await restoreTo(repository, last, target)
  if (failures.length > 0) throw new SnapError('INCOMPLETE', failures.map(({ reason }) => reason).join('; '))
  const missing = differences(world.saved.get(last) ?? new Map(), digestsBelow(target))
  if (missing.length > 0) throw new Error(`a restore left out ${missing.join(', ')} and did not say so`)
}

async function addOther({ world }: Client, repository: Repository): Promise<void> {
  await addKey(repository, { secret: OTHER_SECRET, name: 'other' })
  world.secrets = [OTHER_SECRET, SECRET]
}

async function removeOther({ world }: Client, repository: Repository): Promise<void> {
  const other = (await listKeys(repository)).find(({ inUse }) => !inUse)
  await removeKey(repository, { id: other?.id ?? 'ffff', evenInUse: false })
  world.secrets = [SECRET]
}

/** Until it says that it is done, the old secret or the new one opens it; then the new one. */
async function replaceKey({ world }: Client, repository: Repository): Promise<void> {
  world.secrets = [SECRET, OTHER_SECRET]
  await changeKey(repository, { secret: OTHER_SECRET, name: 'other' })
  world.secrets = [OTHER_SECRET]
}

async function repairNow(repository: Repository): Promise<void> {
  await using pool = checkers(repository)
  await repair(repository, { data: true, dryRun: false }, { pool, progress: silent, signal: never })
}

export function checkers(repository: Repository) {
  const checker = new PackChecker(repository.keys.idKey)
  return createInThreadPool<PackCheckTask, PackCheckResult>((task) => checker.check(task))
}

const noise = (bytes: number, seed: number) => ({ bytes: new Chance(seed).bytes(bytes) })

async function empty(): Promise<World> {
  const world = World.create()
  await makeRepository(world.process())
  for (let file = 0; file < 6; file++) world.write(`one/file ${file}`, noise(9_000, file + 1))
  world.write('one/text', { bytes: new Chance(50).text(20_000) })
  world.write('two/empty', '')
  return world
}

/** Two snapshots, and a third file that is in none. */
async function changed(): Promise<World> {
  const world = await empty()
  await backup(world.process())
  world.write('two/later', noise(12_000, 70))
  world.write('one/file 1', noise(9_000, 71))
  await backup(world.process())
  world.write('two/more', noise(12_000, 72))
  world.files.delete('one/file 2')
  return world
}

async function withLarge(): Promise<World> {
  const world = await changed()
  world.write('large', {
    bytes: new Chance(90).bytes(30_000),
    size: 64 * 2 ** 20 + 40_000,
    at: [0, 64 * 2 ** 20 - 7_000],
  })
  return world
}

async function held(): Promise<World> {
  const world = await changed()
  await inOpen(world.process(), (repo) => hold(repo, true))
  return world
}

async function twoKeys(): Promise<World> {
  const world = await changed()
  const client = world.process()
  await inOpen(client, (repo) => addOther(client, repo))
  world.secrets = [SECRET]
  return world
}

/** Of whose packs half is needed. */
async function forgotten(): Promise<World> {
  const world = await changed()
  for (const file of [0, 3, 4]) world.files.delete(`one/file ${file}`)
  await backup(world.process())
  await inOpen(world.process(), async (repository) => {
    const [first, second] = ids(repository)
    for (const id of [first, second]) {
      if (id === undefined) continue
      await forgetByIds(repository, [id], { dryRun: false, evenLast: false })
      world.saved.delete(id)
    }
  })
  world.write('two/after', noise(6_000, 80))
  return world
}

async function manySmall(): Promise<World> {
  const world = await empty()
  for (let round = 0; round < 9; round++) {
    world.write(`small ${round}`, noise(2_000, 100 + round))
    await backup(world.process())
  }
  return world
}

/** Packs and index objects of a backup that was killed elsewhere before its entry, and condemned ones of a prune that was. */
async function withStrays(): Promise<World> {
  const world = await forgotten()
  const { fs } = world.process()
  const refusing = (key: RegExp) => ({
    ...fs,
    link: async (from: string, to: string) => {
      if (key.test(to)) throw new Error('killed')
      await fs.link(from, to)
    },
    unlink: async (path: string) => {
      if (key.test(path)) throw new Error('killed')
      await fs.unlink(path)
    },
  })
  const stranger = world.process({
    fs: refusing(/\/log\//),
    cache: mkdtempSync(join(world.directory, 'stranger-')),
  })
  await backup(stranger).catch(() => undefined)
  await inOpen(world.process({ fs: refusing(/\/packs\//) }), (repo) => pruneNow(repo)).catch(() => undefined)
  return world
}

/** An index object is gone, and a byte of a pack that only the newest snapshot needs is another: that one is given up. */
async function damaged(): Promise<World> {
  const world = await changed()
  const first = [...world.saved.keys()][0] as SnapshotId
  await using repository = await world.process().open()
  const [index] = [...repository.log.state.indexes.keys()]
  const packs = repository.manifest.packs.list().filter(({ kind }) => kind === 'data')
  const last = packs[packs.length - 1]
  for (const id of [...world.saved.keys()]) if (id !== first) world.saved.delete(id)
  world.machine.disk.apply({ verb: 'unlink', path: `${ROOT}/index/${index}` })
  const file = world.machine.disk.find(`${ROOT}/packs/${last?.id.slice(0, 2)}/${last?.id}`, 'damage')
  if (file.kind === 'file') {
    file.bytes = file.bytes.slice()
    file.bytes[2_000]! ^= 1
  }
  return world
}

/**
 * What must be true of a world when all its processes have ended, whatever happened before: nothing that was reported as
 * saved is lost to anybody, all clients agree, and a collection keeps exactly what is reachable. Each check returns what is
 * wrong, in words.
 */

import { decodeState, encodeState } from '../../../src/log/checkpoint.ts'
import { applyEntry, stateFromCheckpoint } from '../../../src/log/fold.ts'
import { copyState, emptyState, type LogState } from '../../../src/log/log-state.ts'
import { readEntry } from '../../../src/log/read-entry.ts'
import { type ErrorCode, hasCode, SnapError } from '../../../src/model/errors.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { rebuildManifest } from '../../../src/ops/rebuild-manifest.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { readIndex } from '../../../src/repository/read-index.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { type Content, decodeContent, readItems } from '../../../src/snapshot/content.ts'
import { decodeEntry } from '../../../src/snapshot/entry.ts'
import { splitTree } from '../../../src/snapshot/tree.ts'
import { PackChecker } from '../../../src/workers/pack-check.ts'
import { createInThreadPool } from '../../../src/workers/task-pool.ts'
import { SECRET } from '../repository.ts'
import { readLog, type ToldByLog } from './log-oracle.ts'
import { differences, manifestRows } from './manifest-rows.ts'
import { readSnapshot } from './read-snapshot.ts'
import { LOST_ANSWER } from './scheduler.ts'
import { type Machine, Process, type Work, type World } from './world.ts'

const SILENT = { progress: () => undefined, signal: new AbortController().signal }

async function opened<T>(
  world: World,
  machine: Machine,
  use: (repository: Repository) => Promise<T>,
): Promise<T> {
  const repository = await world.open(new Process(machine), {
    ...world.storage,
    [Symbol.asyncDispose]: async () => undefined,
  })
  try {
    return await use(repository)
  } finally {
    await repository[Symbol.asyncDispose]()
  }
}

/** Everything, for every client that there is and for one that has never seen the repository. `evenLast`: a series may be forgotten whole. */
export async function wrongWith(
  world: World,
  { evenLast }: { readonly evenLast: boolean },
): Promise<string[]> {
  for (const process of world.processes) world.close(process)
  const wrong = unexpected(world)
  const fresh = world.addMachine()
  const others = world.machines.slice(0, -1)
  const told = await opened(world, fresh, async (repository) => {
    const log = await readLog(world.storage, repository)
    wrong.push(...wrongWithReports(world, log))
    if (!evenLast) wrong.push(...log.emptied.map((number) => `entry ${number} forgot the last of a series`))
    wrong.push(...wrongWithFold(repository, log))
    wrong.push(...(await wrongWithSnapshots(world, repository, log)))
    wrong.push(...(await damagesOf(repository)))
    return log
  })
  const wanted = manifestRows(manifestOf(world, fresh))
  for (const machine of others) {
    const name = `machine ${world.machines.indexOf(machine)}`
    const found = await opened(world, machine, (repository) => wrongWithSnapshots(world, repository, told))
    wrong.push(...found.map((what) => `${name}: ${what}`))
    const has = manifestRows(manifestOf(world, machine))
    wrong.push(...differences(has.rows, wanted.rows).map((what) => `${name}'s manifest: ${what}`))
    const condemned = has.pending.filter((id) => told.condemned.has(id as never))
    if (condemned.length > 0)
      wrong.push(`${name}'s manifest: ${condemned.length} pending packs are condemned`)
  }
  const [first] = others
  if (first !== undefined) wrong.push(...(await wrongWithRebuilt(world, first)))
  // What is lost has been told.
  if (wrong.length === 0) wrong.push(...(await wrongWithCollection(world, fresh, others)))
  return wrong
}

/** What may be said to somebody whom another was faster than, or who asks for what cannot be. */
const EXPECTED: Readonly<Partial<Record<Work['kind'], readonly ErrorCode[]>>> = {
  forget: ['SNAPSHOT_KEPT', 'SNAPSHOT_UNKNOWN'],
  unforget: ['SNAPSHOT_UNKNOWN'],
  hold: ['USAGE', 'SNAPSHOT_UNKNOWN'],
  read: ['SNAPSHOT_UNKNOWN'],
  unhold: ['USAGE', 'SNAPSHOT_UNKNOWN'],
  tag: ['USAGE', 'SNAPSHOT_UNKNOWN'],
}

function unexpected(world: World): string[] {
  return world.failures
    .filter(({ error }) => !(error instanceof Error && error.message === LOST_ANSWER))
    .filter(({ work, error }) => !hasCode(error, ...(EXPECTED[work.kind] ?? [])))
    .map(
      ({ work, error }) =>
        `${work.kind} failed: ${error instanceof SnapError ? error.message : String(error)}`,
    )
}

const manifestOf = (world: World, machine: Machine): string => world.manifestPath(machine)

function wrongWithReports(world: World, { committed }: ToldByLog): string[] {
  return [...world.saved.keys()]
    .filter((id) => !committed.has(id))
    .map((id) => `snapshot ${id} was reported as saved and is in no log entry`)
}

async function wrongWithSnapshots(
  world: World,
  repository: Repository,
  { there }: ToldByLog,
): Promise<string[]> {
  const wrong: string[] = []
  const { snapshots } = repository.log.state
  for (const [id, { forgotten, held }] of there) {
    const snapshot = snapshots.get(id)
    if (snapshot === undefined) {
      wrong.push(`snapshot ${id} is LOST: the fold has it no more`)
      continue
    }
    if (forgotten !== (snapshot.forgotten !== undefined) || held !== snapshot.held)
      wrong.push(`snapshot ${id} is forgotten or held, or not, unlike what the log says`)
    try {
      const digest = await readSnapshot(repository, snapshot.root)
      const promised = world.saved.get(id)
      const right = promised === undefined ? world.begun.has(digest) : promised === digest
      if (!right) wrong.push(`snapshot ${id} is LOST: it restores to something else`)
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      wrong.push(`snapshot ${id} is LOST: ${error.message}`)
    }
  }
  for (const id of snapshots.keys())
    if (!there.has(id)) wrong.push(`snapshot ${id} is there and should not be`)
  return wrong
}

async function damagesOf(repository: Repository): Promise<string[]> {
  const checker = new PackChecker(repository.keys.idKey)
  await using pool = createInThreadPool((task: Parameters<PackChecker['check']>[0]) => checker.check(task))
  const report = await verify(repository, { data: true, secret: SECRET }, { pool, ...SILENT })
  return report.damages.map(({ object, reason }) => `verify: ${object}: ${reason}`)
}

/** The same log gives the same state, in one go, from any prefix on, and from any checkpoint on. */
function wrongWithFold({ id, keys, config, log }: Repository, { raw }: ToldByLog): string[] {
  const secrets = { repositoryId: id, logKey: keys.logKey }
  const wrong: string[] = []
  const state = emptyState(config.firstAdmin)
  const prefixes: LogState[] = []
  for (const entry of raw) {
    prefixes.push(copyState(state))
    applyEntry(state, entry, secrets)
  }
  const whole = Buffer.from(encodeState(state))
  const rest = (from: LogState): boolean => {
    for (const entry of raw.slice(from.next)) applyEntry(from, entry, secrets)
    return whole.equals(encodeState(from))
  }
  if (!whole.equals(encodeState(log.state))) wrong.push('fold: the client has another state')
  for (const [length, prefix] of prefixes.entries()) {
    const copy = decodeState(encodeState(prefix), 'a prefix')
    if (!rest(prefix)) wrong.push(`fold: another state from entry ${length} on`)
    if (!rest(copy)) wrong.push(`fold: another state from the bytes of the state at entry ${length} on`)
    const entry = raw[length]
    const read = entry === undefined ? 'unreadable' : readEntry(entry, secrets)
    if (typeof read === 'string' || entry === undefined) wrong.push(`fold: entry ${length} is ${read}`)
    else if (read.payload.kind === 'checkpoint' && !rest(stateFromCheckpoint(entry, secrets, () => true)))
      wrong.push(`fold: another state from the checkpoint ${length} on`)
  }
  return wrong
}

/** A manifest that is made anew says what the old one said. */
async function wrongWithRebuilt(world: World, machine: Machine): Promise<string[]> {
  const before = manifestRows(manifestOf(world, machine))
  const ports = { ...world.ports(machine), storage: world.storage }
  await rebuildManifest(ports, SECRET, { acceptRollback: false }, SILENT)
  const after = manifestRows(manifestOf(world, machine))
  const treesBefore = new Map((before.shared['trees'] ?? []).map((row) => [row.slice(0, 64), row]))
  const trees = (after.shared['trees'] ?? []).filter(
    (row) => (treesBefore.get(row.slice(0, 64)) ?? row) !== row,
  )
  return [
    ...differences(before.rows, after.rows).map((what) => `rebuilt manifest: ${what}`),
    ...trees.map((row) => `rebuilt manifest: another tree ${row.slice(0, 16)}`),
  ]
}

/**
 * With nothing to spare and nobody else at work: exactly what is reachable stays after two collections, and all can still read it. A chunk
 * in two places may be met first where it is a difference: the first collection keeps the other place, and only the second lets the bases go.
 */
async function wrongWithCollection(
  world: World,
  fresh: Machine,
  others: readonly Machine[],
): Promise<string[]> {
  const wrong: string[] = []
  const told = await opened(world, fresh, async (repository) => {
    const request = {
      unusedShareMax: 0,
      repackBytesMax: Number.POSITIVE_INFINITY,
      undoMs: 0,
      strayMs: 0,
      dryRun: false,
    }
    for (let times = 0; times < 2; times++) await prune(repository, request, SILENT)
    const reachable = await reachableChunks(repository)
    const stored = await storedChunks(repository)
    const missing = [...reachable].filter((chunk) => !stored.chunks.has(chunk))
    const kept = withBases(reachable, stored.deltas)
    const needless = [...stored.chunks.keys()].filter((chunk) => !kept.has(chunk))
    const doubled = [...stored.chunks.values()].filter((times) => times > 1)
    const objects = [...world.storage.objects.keys()].filter((key) => key.startsWith('packs/'))
    const left = objects.filter((key) => !stored.packs.has(key))
    if (missing.length > 0) wrong.push(`prune: ${missing.length} reachable chunks are LOST`)
    if (needless.length > 0) wrong.push(`prune: ${needless.length} chunks are kept that nothing reaches`)
    if (doubled.length > 0) wrong.push(`prune: ${doubled.length} chunks are kept more than once`)
    if (left.length > 0) wrong.push(`prune: ${left.length} packs are left that no index object names`)
    return readLog(world.storage, repository)
  })
  const next = world.addMachine()
  for (const machine of [next, ...others]) {
    const found = await opened(world, machine, (repository) => wrongWithSnapshots(world, repository, told))
    wrong.push(...found.map((what) => `after a prune: ${what}`))
  }
  return wrong
}

/** By a walk that shares nothing with the collector's but the decoding of what is stored. */
async function reachableChunks({ log, chunks }: Repository): Promise<Set<string>> {
  const reachable = new Set<string>()
  const bytesOf = async (content: Content): Promise<Buffer> => {
    let items = content.items
    for (let level = content.levels; ; level--) {
      const parts: Uint8Array[] = []
      for (const item of readItems(items)) {
        if (!('chunk' in item)) throw new Error('a hole where none is')
        reachable.add(Buffer.from(item.chunk).toString('hex'))
        parts.push(await chunks.chunk(item.chunk))
      }
      items = Buffer.concat(parts)
      if (level === 0) return Buffer.from(items)
    }
  }
  const visit = async (content: Content): Promise<void> => {
    for (const bytes of splitTree(await bytesOf(content)).entries) {
      const entry = decodeEntry(bytes)
      if (entry.content === undefined) continue
      if (entry.type === 'dir') await visit(entry.content)
      else await bytesOf(entry.content)
    }
  }
  for (const { root } of log.state.snapshots.values()) await visit(decodeContent(root))
  return reachable
}

type Delta = { readonly chunks: readonly string[]; readonly bases: readonly string[] }

/** Whoever needs a chunk of a delta segment needs its bases, and what those lie over. */
function withBases(needed: ReadonlySet<string>, deltas: readonly Delta[]): Set<string> {
  const all = new Set(needed)
  for (let before = -1; before < all.size; ) {
    before = all.size
    for (const { chunks, bases } of deltas)
      if (chunks.some((chunk) => all.has(chunk))) for (const base of bases) all.add(base)
  }
  return all
}

function idsIn(bytes: Uint8Array): string[] {
  return Array.from({ length: bytes.length / 32 }, (_, at) =>
    Buffer.from(bytes.subarray(at * 32, (at + 1) * 32)).toString('hex'),
  )
}

/** What the index objects in force name, how often, and in which packs; and which of it lies over what. */
async function storedChunks(
  repository: Repository,
): Promise<{ chunks: Map<string, number>; packs: Set<string>; deltas: Delta[] }> {
  const chunks = new Map<string, number>()
  const packs = new Set<string>()
  const deltas: Delta[] = []
  const { state } = repository.log
  for (const [id, { hash }] of state.indexes) {
    for (const table of (await readIndex(repository, id, hash)).tables) {
      if (state.condemnedPacks.has(table.id) || packs.has(packKey(table.id))) continue
      packs.add(packKey(table.id))
      for (const { chunkIds, bases } of table.segments) {
        const ids = idsIn(chunkIds)
        for (const chunk of ids) chunks.set(chunk, (chunks.get(chunk) ?? 0) + 1)
        if (bases.length > 0) deltas.push({ chunks: ids, bases: idsIn(bases) })
      }
    }
  }
  return { chunks, packs, deltas }
}

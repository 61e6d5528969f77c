/**
 * `manifest rebuild`: makes the local database anew from the repository and a key. The new one is built beside the old
 * one and takes its place when it is whole: whatever goes wrong before, the old one is as it was.
 */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SlotSecret } from '../keys/slot.ts'
import { checkExtends } from '../log/log.ts'
import { isLive } from '../log/log-state.ts'
import type { Head } from '../manifest/meta-table.ts'
import { makeManifestDirectory, openManifest } from '../manifest/open-manifest.ts'
import type { Clock } from '../model/clock.ts'
import { hasCode, SnapError, unlessDamaged } from '../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../model/limits.ts'
import type { ProgressListener } from '../model/progress.ts'
import type { Storage } from '../model/storage.ts'
import { manifestPathOf, openRepository, type RepositoryPorts } from '../repository/open-repository.ts'
import { readConfig } from '../repository/read-config.ts'
import type { Repository } from '../repository/repository.ts'
import { TreeRecorder } from '../repository/tree-recorder.ts'
import { type Content, decodeContent } from '../snapshot/content.ts'
import { decodeEntry } from '../snapshot/entry.ts'
import { splitTree, treeId } from '../snapshot/tree.ts'

const BUILD_PREFIX = 'rebuild-'
/** A rebuild that runs has touched its directory within this time. */
const ABANDONED_MS = 86_400_000
/** What SQLite puts beside a database. */
const COMPANIONS = ['-wal', '-shm', '-journal']

export type RebuildRequest = {
  /** Forget the head that this machine has seen: the user knows that the repository was rolled back, and why. */
  readonly acceptRollback: boolean
}

export type RebuildPorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

export type RebuildReport = {
  /** Not forgotten. */
  readonly snapshots: number
  readonly logEntries: number
  readonly indexes: number
  readonly packs: number
  /** Distinct directories, and the entries in them. */
  readonly trees: number
  readonly entries: number
  /** Directories that could not be read, and those above them: they are read from the repository when asked for. */
  readonly treesLeftOut: number
  /** Index objects that could not be taken in. */
  readonly indexProblems: number
  readonly durationMs: number
}

/**
 * `parts` are those of `openRepository`; the storage stays the caller's, and no repository that is open on this manifest
 * may be. `REPOSITORY_ROLLED_BACK` where the log does not extend the head that the old manifest had seen, unless that is
 * accepted.
 */
export async function rebuildManifest(
  parts: RepositoryPorts,
  secret: SlotSecret,
  request: RebuildRequest,
  ports: RebuildPorts,
): Promise<RebuildReport> {
  const started = performance.now()
  const { id } = await readConfig(parts.storage)
  const path = manifestPathOf(parts.cacheDirectory, id)
  const directory = dirname(path)
  makeManifestDirectory(path)
  sweep(directory, parts.clock)
  const head = seenHead(path)
  if (head !== undefined) refuseInUse(path)
  const building = mkdtempSync(join(directory, BUILD_PREFIX))
  try {
    const borrowed = { ...parts, storage: borrow(parts.storage), cacheDirectory: building }
    const report = await build(borrowed, secret, request.acceptRollback ? undefined : head, ports)
    replaceManifest(manifestPathOf(building, id), path)
    return { ...report, durationMs: Math.round(performance.now() - started) }
  } finally {
    rmSync(building, { recursive: true, force: true })
  }
}

/** The highest log entry that the manifest at `path` has seen; `undefined` where there is none or it cannot be read. */
function seenHead(path: string): Head | undefined {
  if (!existsSync(path)) return undefined
  try {
    using old = openManifest(path)
    return old.meta.head()
  } catch (error) {
    // Broken is why it is made anew.
    if (!hasCode(error, 'MANIFEST_FAILED')) throw error
    return undefined
  }
}

/** The last connection that closes a database removes its log: one that is still there belongs to another process. */
function refuseInUse(path: string): void {
  if (!existsSync(`${path}-wal`)) return
  throw new SnapError('MANIFEST_FAILED', `the manifest ${path} is in use`, {
    hint: 'Wait until other runs of snap on this repository have ended. If there is none, its disk may be full.',
  })
}

/** What killed rebuilds left. */
function sweep(directory: string, clock: Clock): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (!name.startsWith(BUILD_PREFIX) || clock.now() - statSync(path).mtimeMs < ABANDONED_MS) continue
    rmSync(path, { recursive: true, force: true })
  }
}

async function build(
  parts: RepositoryPorts,
  secret: SlotSecret,
  head: Head | undefined,
  ports: RebuildPorts,
): Promise<Omit<RebuildReport, 'durationMs'>> {
  await using repository = await openRepository(parts, secret)
  if (head !== undefined) await checkExtends(repository, head)
  const walk = new RebuildWalk(repository, ports)
  const snapshots = [...repository.log.state.snapshots.values()].filter(isLive)
  ports.progress({ kind: 'total', files: snapshots.length, bytes: 0, final: true })
  for (const { id, root } of snapshots) {
    ports.progress({ kind: 'file', path: `snapshot ${id}` })
    const content = unlessDamaged(() => decodeContent(root))
    if (content !== undefined && (await walk.record(content, []))) {
      repository.manifest.snapshots.setRootTree(id, treeId(repository.keys.idKey, content))
    }
    ports.progress({ kind: 'done', files: 1, bytes: 0 })
  }
  walk.finish()
  const { manifest, log } = repository
  return {
    snapshots: snapshots.length,
    logEntries: log.state.next,
    indexes: manifest.indexes.list('live').length,
    packs: manifest.packs.list('live').length,
    trees: walk.trees,
    entries: walk.entries,
    treesLeftOut: walk.leftOut,
    indexProblems: log.indexProblems.length,
  }
}

/** Reads every directory once and records it where all below it was read. */
class RebuildWalk {
  readonly #repository: Repository
  readonly #ports: RebuildPorts
  readonly #recorder: TreeRecorder
  /** By tree id: whether it was recorded with all that is below it. */
  readonly #seen = new Map<string, boolean>()
  trees = 0
  entries = 0
  leftOut = 0

  constructor(repository: Repository, ports: RebuildPorts) {
    this.#repository = repository
    this.#ports = ports
    this.#recorder = new TreeRecorder(repository.manifest)
  }

  finish(): void {
    this.#recorder.flush()
  }

  async record(content: Content, names: readonly string[]): Promise<boolean> {
    const id = treeId(this.#repository.keys.idKey, content)
    const key = Buffer.from(id).toString('latin1')
    const known = this.#seen.get(key)
    if (known !== undefined) return known
    this.#ports.signal.throwIfAborted()
    const isWhole = await this.#recordNew(id, content, names)
    this.#seen.set(key, isWhole)
    if (!isWhole) this.leftOut += 1
    return isWhole
  }

  async #recordNew(id: Uint8Array, content: Content, names: readonly string[]): Promise<boolean> {
    const tree = await this.#read(content, names)
    if (tree === undefined) return false
    let isWhole = true
    for (const encoded of tree.entries) {
      const entry = decodeEntry(encoded)
      if (entry.type !== 'dir' || entry.content === undefined) continue
      if (!(await this.record(entry.content, [...names, entry.name]))) isWhole = false
    }
    // What is above the damage is read from the repository too, so that the damage is met there.
    if (!isWhole) return false
    this.#recorder.add(id, tree.bytes)
    this.trees += 1
    this.entries += tree.entries.length
    return true
  }

  async #read(
    content: Content,
    names: readonly string[],
  ): Promise<{ bytes: Uint8Array; entries: readonly Uint8Array[] } | undefined> {
    try {
      if (names.length > DIRECTORY_DEPTH_MAX) {
        throw new SnapError('LIMIT_EXCEEDED', `directories nested deeper than ${DIRECTORY_DEPTH_MAX}`)
      }
      const bytes = await this.#repository.trees.bytes(content, false)
      const { entries } = splitTree(bytes)
      for (const entry of entries) decodeEntry(entry)
      return { bytes, entries }
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
      this.#ports.progress({ kind: 'warning', path: `/${names.join('/')}`, reason: error.message })
      return undefined
    }
  }
}

/** Closed, a database is one file. A log that is left beside the old one would be taken for the new one's: it goes first. */
function replaceManifest(built: string, path: string): void {
  try {
    for (const companion of COMPANIONS) rmSync(path + companion, { force: true })
    renameSync(built, path)
  } catch (cause) {
    throw new SnapError('MANIFEST_FAILED', `the new manifest could not be put at ${path}`, {
      hint: `Check that you may write to ${dirname(path)}.`,
      cause,
    })
  }
}

/** The same storage, for somebody who closes what they are given. */
function borrow(storage: Storage): Storage {
  return {
    description: storage.description,
    put: (key, parts) => storage.put(key, parts),
    create: (key, bytes) => storage.create(key, bytes),
    read: (key, range) => storage.read(key, range),
    stat: (key) => storage.stat(key),
    list: (prefix) => storage.list(prefix),
    remove: (key) => storage.remove(key),
    sweep: () => storage.sweep(),
    secureReserve: () => storage.secureReserve(),
    releaseReserve: () => storage.releaseReserve(),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/**
 * An independent reader of repositories of format 1, written from `docs/format.md` alone: it shares no code with the
 * program, and is the oracle of its tests. It favours plainness over speed and holds whole directories in memory.
 */
import { createHash } from 'node:crypto'
import { Cursor, violation } from './cursor.ts'
import type { Fold } from './fold.ts'
import { type IndependentEntry, type IndependentSnapshot, replayLog } from './log.ts'
import { Packs, TREE_PACK } from './packs.ts'
import { type Content, type Entry, type Item, readContent, readItems, readTree } from './tree.ts'
import { readConfig, type Secret, unlock } from './unlock.ts'

export type { IndependentSnapshot } from './log.ts'
export type { Secret } from './unlock.ts'

export type WalkedEntry = Omit<Entry, 'name' | 'content'> & {
  /** From the root of the snapshot, beginning with `/`. */
  readonly path: Buffer
  /** Files: hex SHA-256 of the bytes that a restore must give, holes as zeros; `undefined` where they cannot be had. */
  readonly contentDigest: string | undefined
}

export type IndependentRepository = {
  /** Hex. */
  readonly id: string
  /** What was found wrong so far; reading goes on where it can. */
  readonly problems: readonly string[]
  /** Number of log entries. */
  readonly logEntries: number
  readonly log: readonly IndependentEntry[]
  readonly fold: Fold
  /** Packs that an index object in force names and no `GC` condemned. */
  readonly packIds: readonly string[]
  /** Those in force, oldest entry first; with `forgotten` also the ones that a `FORGET` took away. */
  snapshots(options?: { readonly forgotten?: boolean }): IndependentSnapshot[]
  /** Every entry, a directory before its children. Damage is added to `problems`. */
  walk(snapshotId: string): AsyncGenerator<WalkedEntry, void, undefined>
}

const DIRECTORY_DEPTH_MAX = 4_096
const ZEROS = Buffer.alloc(1_048_576)

/** Throws where no slot opens, the config is damaged or there is no log; everything else becomes a problem. */
export async function readRepository(directory: string, secret: Secret): Promise<IndependentRepository> {
  const problems: string[] = []
  const report = (problem: string): void => {
    if (!problems.includes(problem)) problems.push(problem)
  }
  const keys = unlock(directory, secret, report)
  const log = replayLog(directory, keys, readConfig(directory, keys), report)
  const packs = new Packs(directory, keys, report)
  for (const [id, { digest }] of log.fold.indexes) {
    try {
      packs.loadIndex(id, digest, log.fold.condemnedPacks)
    } catch (error) {
      report(`index ${id}: ${(error as Error).message}`)
    }
  }

  /** The items of level 0. */
  const itemsOf = (content: Content): readonly Item[] => {
    let items = content.items
    for (let level = content.levels; level > 0; level--) {
      const lists = items.map((item) =>
        'chunkId' in item ? packs.chunk(item.chunkId, TREE_PACK) : violation('a hole'),
      )
      items = readItems(Buffer.concat(lists), level > 1)
    }
    return items
  }

  const treeOf = (content: Content): readonly Entry[] => {
    const parts = itemsOf(content).map((item) =>
      'chunkId' in item ? packs.chunk(item.chunkId, TREE_PACK) : violation('a tree has a hole'),
    )
    return readTree(Buffer.concat(parts)).entries
  }

  const digestOf = ({ content, size, unreadable }: Entry): string | undefined => {
    if (content === undefined && unreadable !== undefined) return undefined
    const digest = createHash('sha256')
    let bytes = 0
    for (const item of content === undefined ? [] : itemsOf(content)) {
      const chunk = 'chunkId' in item ? packs.chunk(item.chunkId) : undefined
      const length = 'hole' in item ? item.hole : (chunk?.length ?? 0)
      bytes += length
      if (unreadable === undefined && bytes > size) violation(`its content is longer than its ${size} bytes`)
      if (chunk !== undefined) digest.update(chunk)
      else
        for (let left = length; left > 0; left -= ZEROS.length)
          digest.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)))
    }
    if (unreadable === undefined && bytes !== size) violation(`its content has ${bytes} bytes, not ${size}`)
    return digest.digest('hex')
  }

  async function* walk(snapshotId: string): AsyncGenerator<WalkedEntry, void, undefined> {
    const snapshot = log.snapshots.get(snapshotId) ?? violation(`no snapshot ${snapshotId}`)
    const waiting: { path: Buffer; content: Content; depth: number }[] = []
    try {
      const cursor = new Cursor(snapshot.root)
      waiting.push({ path: Buffer.alloc(0), content: readContent(cursor), depth: 0 })
    } catch (error) {
      report(`${snapshotId}: ${(error as Error).message}`)
    }
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { path: parent, depth } = next
      const attempt = <T>(path: Buffer, work: () => T): T | undefined => {
        try {
          return work()
        } catch (error) {
          report(`${snapshotId}:${path.toString('latin1') || '/'}: ${(error as Error).message}`)
          return undefined
        }
      }
      const { content } = next
      if (depth > DIRECTORY_DEPTH_MAX) attempt(parent, () => violation('directories are too deep'))
      for (const entry of depth > DIRECTORY_DEPTH_MAX ? [] : (attempt(parent, () => treeOf(content)) ?? [])) {
        const { name, content: own, ...rest } = entry
        const path = Buffer.concat([parent, Buffer.from('/'), name])
        if (entry.type === 'dir' && own !== undefined) waiting.push({ path, content: own, depth: depth + 1 })
        const contentDigest = entry.type === 'file' ? attempt(path, () => digestOf(entry)) : undefined
        yield { ...rest, path, contentDigest }
      }
    }
  }

  return {
    id: keys.repositoryId.toString('hex'),
    problems,
    logEntries: log.entries.length,
    log: log.entries,
    fold: log.fold,
    packIds: packs.packIds,
    snapshots: (options = {}) =>
      [...log.snapshots.values()].filter((snapshot) => options.forgotten === true || !snapshot.forgotten),
    walk,
  }
}

/**
 * `find`: entries of any snapshot by name or path. The rows of the manifest are searched once, however many snapshots there
 * are, and only what matches is followed up to the snapshots that hold it.
 */
import { createBreath } from '../../base/breath.ts'
import { nameFromBytes } from '../../base/names.ts'
import type { EntryFilter, EntryKey, MatchRow } from '../../manifest/entries-table.ts'
import { hasCode } from '../../model/errors.ts'
import type { EntryType } from '../../model/files.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { EntryIndex } from '../../repository/entry-index.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, decodeContent } from '../../snapshot/content.ts'
import { ENTRY_TYPES } from '../../snapshot/entry.ts'
import { treeId } from '../../snapshot/tree.ts'
import type { SnapshotSummary } from '../select-moment.ts'
import { Climb } from './climb.ts'
import { type FoundFile, FoundFiles } from './found-files.ts'
import { NameFilter } from './name-filter.ts'
import { SnapshotSet } from './snapshot-set.ts'

/** Directories looked through, and matching rows taken, before other work gets its turn. */
const TREES_AT_ONCE = 1_024
const MATCHES_AT_ONCE = 4_096
const NSEC_OF_MS = 1_000_000

export type SearchedSnapshot = SnapshotSummary & {
  /** Encoded content of the root tree. */
  readonly root: Uint8Array
}

export type FindRequest<S extends SearchedSnapshot> = {
  /** What matches one of them: `*`, `?` and `[...]` within a name; with a `/` in it the whole path, `**` any number of names. */
  readonly patterns: readonly string[]
  readonly ignoreCase: boolean
  readonly snapshots: readonly S[]
  readonly type: EntryType | undefined
  /** Range of mtime in ms, inclusive. */
  readonly notBefore: number | undefined
  readonly notAfter: number | undefined
  /** Of each path, the version in the newest snapshot that has it. */
  readonly newestOnly: boolean
}

export type FindPorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

export type FindResult<S extends SearchedSnapshot> = {
  /** Ordered by series, then by time; versions name them by their places here. */
  readonly snapshots: readonly S[]
  /** In byte order of paths. */
  readonly files: readonly FoundFile[]
  /** Directories of these snapshots that are damaged: what lies below them was not searched. */
  readonly leftOut: number
  /** There was more than is kept in memory, or at more paths than are followed. */
  readonly isCut: boolean
}

/** Rows that are missing are made first: the first search after a backup takes longer. */
export async function find<S extends SearchedSnapshot>(
  repository: Repository,
  request: FindRequest<S>,
  ports: FindPorts,
): Promise<FindResult<S>> {
  const { manifest, keys, trees } = repository
  const snapshots = [...request.snapshots].sort(bySeries)
  let leftOut = 0
  const damaged = (path: string, reason: string): void => {
    leftOut += 1
    ports.progress({ kind: 'warning', path, reason })
  }
  const roots = snapshots.map((snapshot) => readRoot(snapshot, damaged))
  const index = new EntryIndex({ manifest, trees, idKey: keys.idKey })
  const known = roots.filter((root) => root !== undefined)
  const indexed = await index.update(known, ports)

  const byRoot = new Map<number, SnapshotSet>()
  for (const [place, root] of roots.entries()) {
    const tree = root && manifest.trees.noOf(treeId(keys.idKey, root))
    if (tree === undefined) continue
    const held = byRoot.get(tree) ?? new SnapshotSet(snapshots.length)
    held.add(place)
    byRoot.set(tree, held)
  }
  const climb = new Climb(manifest.entries, byRoot)
  for (const { tree, error } of indexed.leftOut) {
    const [path] = climb.places(tree).keys()
    if (path !== undefined) damaged(path || '/', error.message)
  }

  const found = new FoundFiles(snapshots)
  const names = new NameFilter(request.patterns, request.ignoreCase)
  const filter = entryFilter(request, names)
  for await (const row of matchingRows(repository, filter, ports.signal)) {
    if (found.isFull) break
    const name = nameFromBytes(row.name)
    const verdict = names.ofName(name)
    if (verdict === 'no') continue
    for (const [directory, held] of climb.places(row.tree)) {
      const path = `${directory}/${name}`
      if (verdict === 'yes' || names.ofPath(path)) found.add(path, row, held)
    }
  }
  const files = [...found.files(request.newestOnly)]
  return { snapshots, files, leftOut, isCut: climb.isCut || found.isFull }
}

function readRoot(
  { id, root }: SearchedSnapshot,
  damaged: (path: string, reason: string) => void,
): Content | undefined {
  try {
    return decodeContent(root)
  } catch (error) {
    if (!hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) throw error
    damaged(`snapshot ${id}`, error.message)
    return undefined
  }
}

function entryFilter(request: FindRequest<SearchedSnapshot>, names: NameFilter): EntryFilter {
  const { type, notBefore, notAfter } = request
  return {
    nameHolds: names.nameHolds,
    type: type === undefined ? undefined : ENTRY_TYPES.indexOf(type) + 1,
    notBefore: notBefore === undefined ? undefined : timeOf(notBefore, 0),
    notAfter: notAfter === undefined ? undefined : timeOf(notAfter, NSEC_OF_MS - 1),
  }
}

function timeOf(ms: number, nsec: number): { sec: number; nsec: number } {
  const sec = Math.floor(ms / 1000)
  return { sec, nsec: (ms - sec * 1000) * NSEC_OF_MS + nsec }
}

async function* matchingRows(
  { manifest }: Repository,
  filter: EntryFilter,
  signal: AbortSignal,
): AsyncGenerator<MatchRow> {
  const breathe = createBreath()
  const end = manifest.entries.lastTree()
  let after: EntryKey = { tree: 0, name: new Uint8Array(0) }
  let last = TREES_AT_ONCE
  for (;;) {
    const rows = manifest.entries.matching(filter, after, last, MATCHES_AT_ONCE)
    yield* rows
    const final = rows.at(-1)
    if (final !== undefined && rows.length === MATCHES_AT_ONCE) after = final
    else {
      after = { tree: last + 1, name: new Uint8Array(0) }
      last += TREES_AT_ONCE
      if (after.tree > end) return
    }
    await breathe()
    signal.throwIfAborted()
  }
}

function bySeries(a: SnapshotSummary, b: SnapshotSummary): number {
  if (a.series !== b.series) return a.series < b.series ? -1 : 1
  return a.time - b.time || a.number - b.number
}

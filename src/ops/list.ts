/**
 * `ls`: the entries of a snapshot below a path, and the one entry at a path. Directories come from the manifest where it
 * has them, so nothing but metadata is read.
 */
import { hasCode, SnapError } from '../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../model/limits.ts'
import type { ProgressListener } from '../model/progress.ts'
import type { Repository } from '../repository/repository.ts'
import { type Content, decodeContent } from '../snapshot/content.ts'
import { decodeEntry, type Entry } from '../snapshot/entry.ts'
import { type Owner, splitTree } from '../snapshot/tree.ts'

export type ListedEntry = {
  /** From the root of the snapshot, absolute. A name that is not UTF-8 has lone surrogates (`base/names.ts`). */
  readonly path: string
  readonly entry: Entry
  /** Names of its owner and group when the snapshot was made, where they had any. */
  readonly user: string | undefined
  readonly group: string | undefined
}

/** `at`: undefined for the root, which has no entry. `content`: undefined where there is none, as of a link. */
export type ResolvedPath = {
  readonly names: readonly string[]
  readonly at: ListedEntry | undefined
  readonly content: Content | undefined
}

export type ListRequest = {
  /** Encoded content of the snapshot's root tree. */
  readonly root: Uint8Array
  /** A directory, whose entries are listed, or anything else, which is listed itself. */
  readonly path: string
  readonly recursive: boolean
}

export type ListPorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

/**
 * In the order of the stored trees, each directory before what is in it. `PATH_UNKNOWN` where the path is not there. A
 * directory below it that is damaged is a warning; when all else is listed, `INCOMPLETE` says how many there were.
 */
export async function* list(
  repository: Repository,
  request: ListRequest,
  ports: ListPorts,
): AsyncGenerator<ListedEntry> {
  const { names, at, content } = await resolveSnapshotPath(
    repository,
    decodeContent(request.root),
    request.path,
  )
  if (at !== undefined && at.entry.type !== 'dir') {
    yield at
    return
  }
  if (content === undefined) {
    throw new SnapError('INCOMPLETE', `/${names.join('/')} was unreadable when the snapshot was made`)
  }
  let damaged = 0
  yield* walkTree(repository, content, {
    names,
    recursive: request.recursive,
    signal: ports.signal,
    damaged: (path, error) => {
      if (names.length === path.split('/').filter(Boolean).length) throw error
      damaged += 1
      ports.progress({ kind: 'warning', path, reason: error.message })
    },
  })
  if (damaged > 0) {
    throw new SnapError(
      'INCOMPLETE',
      `${damaged} directories of the snapshot are damaged and could not be listed`,
      {
        hint: 'Run `snap verify --data` to see what is affected.',
      },
    )
  }
}

/** Follows `path` name by name from the root. `PATH_UNKNOWN` where a part of it is absent or no directory. */
export async function resolveSnapshotPath(
  repository: Repository,
  root: Content,
  path: string,
): Promise<ResolvedPath> {
  const names = path.split('/').filter((name) => name !== '')
  let content: Content | undefined = root
  let at: ListedEntry | undefined
  for (const [index, name] of names.entries()) {
    const here = names.slice(0, index)
    at = content === undefined ? undefined : await child(repository, content, here, name)
    if (at === undefined) {
      throw new SnapError(
        'PATH_UNKNOWN',
        `the snapshot has nothing at /${names.slice(0, index + 1).join('/')}`,
        {
          hint: `Look around with \`snap ls SNAPSHOT /${here.join('/')}\`.`,
        },
      )
    }
    // What is not a directory has nothing below it.
    content = at.entry.type === 'dir' || index === names.length - 1 ? at.entry.content : undefined
  }
  return { names, at, content }
}

async function child(
  repository: Repository,
  content: Content,
  names: readonly string[],
  name: string,
): Promise<ListedEntry | undefined> {
  const { owners, entries } = await repository.trees.tree(content)
  const entry = entries.find((candidate) => candidate.name === name)
  return entry && listed([...names, name], entry, new OwnerNames(owners))
}

export type TreeWalk = {
  /** Path of the directory to begin with. */
  readonly names: readonly string[]
  readonly recursive: boolean
  readonly signal: AbortSignal
  /** A directory that cannot be read: throw, or go on without it. */
  readonly damaged: (path: string, error: SnapError) => void
}

type Frame = {
  readonly names: readonly string[]
  readonly entries: readonly Uint8Array[]
  readonly owners: OwnerNames
  next: number
}

/** Every entry of a directory, and of those below it where `recursive`. Memory grows with depth alone. */
export async function* walkTree(
  repository: Repository,
  content: Content,
  walk: TreeWalk,
): AsyncGenerator<ListedEntry> {
  const stack: Frame[] = []
  const enter = async (names: readonly string[], directory: Content): Promise<void> => {
    walk.signal.throwIfAborted()
    const frame = await open(repository, names, directory).catch((error: unknown) => {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
      walk.damaged(`/${names.join('/')}`, error)
      return undefined
    })
    if (frame !== undefined) stack.push(frame)
  }
  await enter(walk.names, content)
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const encoded = frame.entries[frame.next]
    frame.next += 1
    if (encoded === undefined) {
      stack.pop()
      continue
    }
    const entry = decodeEntry(encoded)
    const names = [...frame.names, entry.name]
    yield listed(names, entry, frame.owners)
    if (walk.recursive && entry.type === 'dir' && entry.content !== undefined)
      await enter(names, entry.content)
  }
}

async function open(repository: Repository, names: readonly string[], content: Content): Promise<Frame> {
  if (names.length > DIRECTORY_DEPTH_MAX) {
    throw new SnapError('LIMIT_EXCEEDED', `directories nested deeper than ${DIRECTORY_DEPTH_MAX}`)
  }
  const { owners, entries } = splitTree(await repository.trees.bytes(content))
  for (const entry of entries) decodeEntry(entry) // damage of the directory, not of the walk
  return { names, entries, owners: new OwnerNames(owners), next: 0 }
}

function listed(names: readonly string[], entry: Entry, owners: OwnerNames): ListedEntry {
  const { user, group } = owners.of(entry)
  return { path: `/${names.join('/')}`, entry, user, group }
}

class OwnerNames {
  readonly #users = new Map<number, string>()
  readonly #groups = new Map<number, string>()

  constructor(owners: readonly Owner[]) {
    for (const { kind, number, name } of owners)
      (kind === 'user' ? this.#users : this.#groups).set(number, name)
  }

  of({ uid, gid }: Entry): { user: string | undefined; group: string | undefined } {
    return { user: this.#users.get(uid), group: this.#groups.get(gid) }
  }
}

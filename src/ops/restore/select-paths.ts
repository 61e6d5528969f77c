/**
 * What the paths of a command line mean in a snapshot: what lies there as a path is written is meant, and only where nothing
 * does is it a glob. It reads directories and changes nothing, so that what matches nothing is told before anything is made.
 */
import { createBreath } from '../../base/breath.ts'
import { hasWildcards } from '../../base/glob.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, decodeContent } from '../../snapshot/content.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { isDamage } from '../verify/report.ts'
import { namesOf, type SelectedPath, Selection } from './selection.ts'

/** A directory of a snapshot; `entry` is its own, which the root has not. */
export type Start = {
  readonly content: Content
  readonly names: readonly string[]
  readonly entry: Entry | undefined
}

type Trees = Pick<Repository, 'trees'>

export type SelectRequest = {
  /** Encoded content of the snapshot's root tree. */
  readonly root: Uint8Array
  /** The directory of the snapshot that is looked into; `undefined` for all of it. */
  readonly strip: string | undefined
  readonly paths: readonly string[]
  /** Paths and globs of what a job saves. One of its globs may have matched nothing then; what was to be saved as it is written is asked for. */
  readonly saved?: readonly string[]
}

/**
 * Throws `PATH_UNKNOWN` where there is no such directory, or a path matches nothing in it. What lies in a directory that
 * cannot be read is not known: a path that leads there passes, as it is written, and the restore says what failed.
 */
export async function selectPaths(
  repository: Trees,
  { root, strip, paths: named, saved = [] }: SelectRequest,
  signal: AbortSignal,
): Promise<readonly SelectedPath[]> {
  const paths = [...new Set([...named, ...saved])]
  const start = await startOf(repository, decodeContent(root), strip)
  const look = new Look(repository, signal)
  const literal = await look.forLiterals(start, paths)
  const rest = paths.filter((path) => !literal.has(path))
  const globs = await look.forGlobs(start, rest.filter(hasWildcards))
  const empty = rest.filter((path) => !globs.has(path))
  const mayBeEmpty = new Set(saved.filter((path) => hasWildcards(path) && !named.includes(path)))
  const missing = empty.length === paths.length ? empty : empty.filter((path) => !mayBeEmpty.has(path))
  if (missing.length > 0) throw nothingAt(missing)
  return paths.map((text) => ({ text, isGlob: !literal.has(text) }))
}

/** The directory at `path`, the root where that is `undefined`. `PATH_UNKNOWN` where there is none. */
export async function startOf({ trees }: Trees, root: Content, path: string | undefined): Promise<Start> {
  let content = root
  let entry: Entry | undefined
  const names = namesOf(path ?? '/')
  for (const name of names) {
    const { entries } = await trees.tree(content)
    entry = entries.find((candidate) => candidate.name === name)
    if (entry?.type !== 'dir' || entry.content === undefined) {
      throw new SnapError('PATH_UNKNOWN', `the snapshot has no directory ${path ?? '/'}`, {
        hint: 'Look around with `snap ls SNAPSHOT`.',
      })
    }
    content = entry.content
  }
  return { content, names, entry }
}

function nothingAt(missing: readonly string[]): SnapError {
  const [first = ''] = missing
  return new SnapError('PATH_UNKNOWN', `the snapshot has nothing at ${missing.join(', ')}`, {
    hint: first.startsWith('/')
      ? `Look around with \`snap ls SNAPSHOT ${first.slice(0, first.lastIndexOf('/')) || '/'}\`.`
      : 'Paths in a snapshot are whole, from the root: /home/me/file, or **/file. Look around with `snap ls SNAPSHOT`.',
  })
}

type Directory = { readonly content: Content; readonly names: readonly string[] }

/** Paths that go through one name; `texts` end there. */
type Branch = { readonly texts: string[]; readonly below: Map<string, Branch> }

class Look {
  readonly #repository: Trees
  readonly #signal: AbortSignal
  readonly #breath = createBreath()

  constructor(repository: Trees, signal: AbortSignal) {
    this.#repository = repository
    this.#signal = signal
  }

  /** Those that lie at, above or below `start` as they are written. Each directory on the way is read once. */
  async forLiterals(start: Start, paths: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    const find = ({ texts }: Branch): void => {
      for (const text of texts) found.add(text)
    }
    let branch: Branch | undefined = branches(paths)
    find(branch)
    for (const name of start.names) {
      branch = branch?.below.get(name)
      if (branch !== undefined) find(branch)
    }
    if (branch === undefined) return found
    const waiting = [{ branch, directory: start as Directory }]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const { below } = at.branch
      if (below.size === 0) continue
      const entries = await this.#entries(at.directory)
      if (entries === undefined) for (const text of textsOf(at.branch)) found.add(text)
      for (const { name, type, content } of entries ?? []) {
        const next = below.get(name)
        if (next === undefined) continue
        find(next)
        if (type === 'dir' && content !== undefined)
          waiting.push({ branch: next, directory: { content, names: [...at.directory.names, name] } })
      }
    }
    return found
  }

  /** Those that match something. Ends when all have. */
  async forGlobs(start: Start, paths: readonly string[]): Promise<ReadonlySet<string>> {
    const open = new Map(paths.map((text) => [text, new Selection([{ text, isGlob: true }])] as const))
    const found = new Set<string>()
    const find = (text: string): void => {
      found.add(text)
      open.delete(text)
    }
    for (const [text, selection] of [...open]) if (selection.wants(start.names) === 'all') find(text)
    const waiting: Directory[] = [start]
    for (let at = waiting.pop(); at !== undefined && open.size > 0; at = waiting.pop()) {
      const { names } = at
      const entries = await this.#entries(at)
      if (entries === undefined)
        for (const [text, selection] of [...open]) if (selection.wants(names) === 'some') find(text)
      for (const { name, type, content } of entries ?? []) {
        const path = [...names, name]
        let leadsOn = false
        for (const [text, selection] of [...open]) {
          const wanted = selection.wants(path)
          if (wanted === 'all') find(text)
          else if (wanted === 'some') leadsOn = true
        }
        if (leadsOn && type === 'dir' && content !== undefined) waiting.push({ content, names: path })
      }
    }
    return found
  }

  /** `undefined` where they cannot be read. */
  async #entries({ content, names }: Directory): Promise<readonly Entry[] | undefined> {
    this.#signal.throwIfAborted()
    if (names.length > DIRECTORY_DEPTH_MAX) return undefined
    await this.#breath()
    try {
      return (await this.#repository.trees.tree(content)).entries
    } catch (error) {
      if (!isDamage(error) && !hasCode(error, 'STORAGE_FAILED')) throw error
      return undefined
    }
  }
}

function branches(paths: readonly string[]): Branch {
  const root: Branch = { texts: [], below: new Map() }
  for (const text of paths) {
    let branch = root
    for (const name of namesOf(text)) {
      const next = branch.below.get(name) ?? { texts: [], below: new Map() }
      branch.below.set(name, next)
      branch = next
    }
    branch.texts.push(text)
  }
  return root
}

function textsOf(branch: Branch): string[] {
  return [...branch.below.values()].flatMap((next) => [...next.texts, ...textsOf(next)])
}

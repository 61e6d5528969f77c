/**
 * Which names of the repository's directories are durable. Bytes become durable by fsync of a file, names only by
 * fsync of the directory that holds them; this file decides when that is called, and for which directory.
 *
 * A name that we merely see may still be lost to a power failure, because the process that made it may have been killed
 * (or may be) between its rename and its fsync. So whatever was observed is made durable before something is built on
 * it (`settle`), and directories found in place count as durable only after one fsync of their parent by ourselves.
 */
import { mapBounded } from './bounded.ts'
import { directoryOf, TEMPORARY_SEGMENT } from './key.ts'
import type { StorageFs } from './storage-fs.ts'
import { errnoOf } from './system-error.ts'

const SYNCS_AT_ONCE_MAX = 16

/** An fsync under way, and the one after it, for those who changed the directory when the first had already begun. */
type Turn = { running: Promise<void>; next: Promise<void> | undefined }

/** Directories are named relative to the root, which is the empty string and exists. */
export class DirectoryNames {
  readonly #fs: StorageFs
  readonly #root: string
  readonly #durable = new Map<string, Promise<void>>()
  readonly #found = new Map<string, Promise<Set<string>>>()
  readonly #turns = new Map<string, Turn>()
  /** Directories in which names were seen since their last fsync; the value tells a later sighting from an earlier one. */
  readonly #observed = new Map<string, number>()
  #sightings = 0

  constructor(fs: StorageFs, root: string) {
    this.#fs = fs
    this.#root = root
  }

  path(name: string): string {
    return name === '' ? this.#root : `${this.#root}/${name}`
  }

  /** Makes the directory and its parents within the root, unless they exist, and makes their names durable. */
  ensure(directory: string): Promise<void> {
    if (directory === '') return Promise.resolve()
    return remembered(this.#durable, directory, () => this.#make(directory))
  }

  async #make(directory: string): Promise<void> {
    const parent = directoryOf(directory)
    await this.ensure(parent)
    const found = await remembered(this.#found, parent, () => this.#adopt(parent))
    if (found.has(directory)) return
    try {
      await this.#fs.mkdir(this.path(directory))
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
    await this.sync(parent)
  }

  /** The directories in `parent`, all made durable with one fsync. */
  async #adopt(parent: string): Promise<Set<string>> {
    const found = new Set<string>()
    for (const { name, kind } of await this.#fs.readdir(this.path(parent))) {
      const directory = parent === '' ? name : `${parent}/${name}`
      if (kind === 'directory' && directory !== TEMPORARY_SEGMENT) found.add(directory)
    }
    if (found.size > 0) await this.sync(parent)
    return found
  }

  /** Returns after an fsync of the directory that began after this call; calls that wait at the same time share one. */
  sync(directory: string): Promise<void> {
    const turn = this.#turns.get(directory)
    if (turn === undefined) return this.#begin(directory)
    turn.next ??= turn.running.then(
      () => this.#begin(directory),
      () => this.#begin(directory),
    )
    return turn.next
  }

  #begin(directory: string): Promise<void> {
    const turn: Turn = { running: Promise.resolve(), next: undefined }
    this.#turns.set(directory, turn)
    turn.running = this.#flush(directory, turn)
    return turn.running
  }

  async #flush(directory: string, turn: Turn): Promise<void> {
    const sighting = this.#observed.get(directory)
    try {
      await this.#fs.fsyncDirectory(this.path(directory))
      if (this.#observed.get(directory) === sighting) this.#observed.delete(directory)
    } finally {
      if (turn.next === undefined) this.#turns.delete(directory)
    }
  }

  /** Notes that a name in `directory` was seen. */
  observe(directory: string): void {
    this.#sightings += 1
    this.#observed.set(directory, this.#sightings)
  }

  /** Makes every name durable that was observed before the call. */
  async settle(): Promise<void> {
    const directories = [...this.#observed.keys()]
    for await (const _ of mapBounded(directories, SYNCS_AT_ONCE_MAX, (directory) => this.sync(directory)));
  }
}

/** The promise in `map`, made once; forgotten where it fails, so that the next call tries again. */
function remembered<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make().catch((error: unknown) => {
    map.delete(key)
    throw error
  })
  map.set(key, made)
  return made
}

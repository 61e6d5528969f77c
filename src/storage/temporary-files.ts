/**
 * Files that are written and synced under a random name in `tmp/` before they get the name of an object, so that no
 * object is ever there in part. A killed process leaves its temporary file behind; only `sweep` removes those, and tells
 * them from the files of writers at work by the mark of the process in their names (format, section 9).
 */
import { toHex } from '../base/bytes.ts'
import type { Random } from '../model/clock.ts'
import { TEMPORARY_SEGMENT } from './key.ts'
import type { Processes } from './processes.ts'
import type { StorageFs } from './storage-fs.ts'
import { errnoOf, isAbsent } from './system-error.ts'

const NAME_BYTES = 16
const NAME = /^(?:(.+)-)?[0-9a-f]{32}$/
/** No writer takes this long over one object: a file of a process that cannot be seen from here is left by a dead one then. */
const ABANDONED_MS = 7 * 86_400_000
/** Not a name that is swept. */
const RESERVE_NAME = 'reserve'
/** A few log entries, the directories' blocks that they need, and room for others who write meanwhile. */
const RESERVE_BYTES = 524_288
/** Where there is no room for all: for one log entry and its directory's blocks. */
const RESERVE_BYTES_MIN = 65_536
/** Below IOV_MAX of every system. */
const WRITEV_PARTS_MAX = 1_024

export class TemporaryFiles {
  readonly #fs: StorageFs
  readonly #directory: string
  readonly #random: Random
  readonly #processes: Processes

  constructor(fs: StorageFs, root: string, random: Random, processes: Processes) {
    this.#fs = fs
    this.#directory = `${root}/${TEMPORARY_SEGMENT}`
    this.#random = random
    this.#processes = processes
  }

  #newPath(): string {
    const { own } = this.#processes
    const random = toHex(this.#random.bytes(NAME_BYTES))
    return `${this.#directory}/${own === undefined ? random : `${own}-${random}`}`
  }

  /** Writes `parts` to a new file whose bytes are durable on return, and returns its path. Leaves nothing where it fails. */
  async write(parts: readonly Uint8Array[]): Promise<string> {
    const path = this.#newPath()
    const fd = await this.#create(path)
    try {
      try {
        await writeAll(this.#fs, fd, parts)
        // A failed fsync is never repeated: the system may have dropped the pages and report success the next time.
        await this.#fs.fsync(fd)
      } finally {
        await this.#fs.close(fd)
      }
    } catch (error) {
      await this.discard(path)
      throw error
    }
    return path
  }

  /** `tmp/` need not survive a power failure, so its own name is not synced. */
  async #create(path: string): Promise<number> {
    try {
      return await this.#fs.createFile(path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    try {
      await this.#fs.mkdir(this.#directory)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
    return await this.#fs.createFile(path)
  }

  /** Removes the file if it can: what stays is swept some day, and must not hide the error that brought us here. */
  async discard(path: string): Promise<void> {
    try {
      await this.#fs.unlink(path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }

  /**
   * Removes the files of processes that have ended, and those that nobody has written to for `ABANDONED_MS` where that
   * cannot be known. What cannot be looked at or removed stays, and so does what has another name than ours.
   */
  async sweep(): Promise<number> {
    let removed = 0
    const unknown: string[] = []
    for (const name of await this.#names()) {
      const state = this.#processes.stateOf(NAME.exec(name)?.[1] ?? '')
      if (state === 'unknown') unknown.push(name)
      else if (state === 'ended' && (await this.#remove(name))) removed += 1
    }
    const now = unknown.length === 0 ? undefined : await this.#now()
    if (now === undefined) return removed
    for (const name of unknown) {
      const age = now - ((await this.#modifiedAt(name)) ?? now)
      if (age >= ABANDONED_MS && (await this.#remove(name))) removed += 1
    }
    return removed
  }

  /** Random bytes, since some file systems keep no space for zeros. Where there is little room it is smaller; where there is none, or no permission, there is none. */
  async secureReserve(): Promise<void> {
    const path = this.#reservePath
    await ifPossible(async () => {
      const found = await ifPossible(() => this.#fs.stat(path))
      if (found !== undefined && found.bytes >= RESERVE_BYTES) return
      if (found !== undefined) await this.#fs.unlink(path)
      for (let bytes = RESERVE_BYTES; bytes >= RESERVE_BYTES_MIN; bytes /= 2) {
        if ((await ifPossible(() => this.#reserve(path, bytes))) === true) return
      }
    })
  }

  async #reserve(path: string, bytes: number): Promise<true> {
    const fd = await this.#create(path)
    let whole = false
    try {
      await writeAll(this.#fs, fd, [this.#random.bytes(bytes)])
      await this.#fs.fsync(fd)
      whole = true
    } finally {
      await this.#fs.close(fd)
      if (!whole) await this.discard(path)
    }
    return true
  }

  async releaseReserve(): Promise<void> {
    await this.discard(this.#reservePath)
  }

  get #reservePath(): string {
    return `${this.#directory}/${RESERVE_NAME}`
  }

  async #names(): Promise<string[]> {
    try {
      const entries = await this.#fs.readdir(this.#directory)
      return entries.filter(({ name, kind }) => kind === 'file' && NAME.test(name)).map(({ name }) => name)
    } catch (error) {
      if (isAbsent(error)) return []
      throw error
    }
  }

  /**
   * ms since the epoch by the clock that stamps files there, which is another machine's where the directory is: ages are
   * right however wrong the clocks are. `undefined` where no file can be made.
   */
  async #now(): Promise<number | undefined> {
    return await ifPossible(async () => {
      const path = this.#newPath()
      const fd = await this.#fs.createFile(path)
      try {
        return (await this.#fs.fstat(fd)).modifiedAt
      } finally {
        await this.#fs.close(fd)
        await this.discard(path)
      }
    })
  }

  async #modifiedAt(name: string): Promise<number | undefined> {
    return (await ifPossible(() => this.#fs.stat(`${this.#directory}/${name}`)))?.modifiedAt
  }

  async #remove(name: string): Promise<boolean> {
    const removed = await ifPossible(async () => {
      await this.#fs.unlink(`${this.#directory}/${name}`)
      return true
    })
    return removed === true
  }
}

/** `undefined` where the system refuses. */
async function ifPossible<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Writes all bytes of `parts`, whatever number the system takes at once. */
async function writeAll(fs: StorageFs, fd: number, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.length > 0)
  while (rest.length > 0) {
    const written = await fs.writev(fd, rest.slice(0, WRITEV_PARTS_MAX))
    if (written === 0) throw Object.assign(new Error('EIO: a write took no bytes'), { code: 'EIO' })
    rest = after(rest, written)
  }
}

/** What is left of `parts` after their first `count` bytes. */
function after(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count
  let index = 0
  let part = parts[index]
  while (part !== undefined && left >= part.length) {
    left -= part.length
    index += 1
    part = parts[index]
  }
  const rest = parts.slice(index)
  if (part !== undefined && left > 0) rest[0] = part.subarray(left)
  return rest
}

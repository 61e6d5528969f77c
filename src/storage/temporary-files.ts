/**
 * Files that are written and synced under a random name in `tmp/` before they get the name of an object, so that no
 * object is ever there in part. A killed process leaves its temporary file behind; only `sweep` removes those.
 */
import type { Random } from '../model/clock.ts'
import { TEMPORARY_SEGMENT } from './key.ts'
import type { StorageFs } from './storage-fs.ts'
import { errnoOf, isAbsent } from './system-error.ts'

const NAME_BYTES = 16
/** Below IOV_MAX of every system. */
const WRITEV_PARTS_MAX = 1_024

export class TemporaryFiles {
  readonly #fs: StorageFs
  readonly #directory: string
  readonly #random: Random

  constructor(fs: StorageFs, root: string, random: Random) {
    this.#fs = fs
    this.#directory = `${root}/${TEMPORARY_SEGMENT}`
    this.#random = random
  }

  /** Writes `parts` to a new file whose bytes are durable on return, and returns its path. Leaves nothing where it fails. */
  async write(parts: readonly Uint8Array[]): Promise<string> {
    const path = `${this.#directory}/${Buffer.from(this.#random.bytes(NAME_BYTES)).toString('hex')}`
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

  /** Removes the files last written before `before` (ms since the epoch) and returns their number. */
  async sweep(before: number): Promise<number> {
    let removed = 0
    for (const name of await this.#names()) {
      const path = `${this.#directory}/${name}`
      try {
        if ((await this.#fs.stat(path)).modifiedAt >= before) continue
        await this.#fs.unlink(path)
        removed += 1
      } catch (error) {
        if (!isAbsent(error)) throw error
      }
    }
    return removed
  }

  async #names(): Promise<string[]> {
    try {
      const entries = await this.#fs.readdir(this.#directory)
      return entries.filter(({ kind }) => kind === 'file').map(({ name }) => name)
    } catch (error) {
      if (isAbsent(error)) return []
      throw error
    }
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

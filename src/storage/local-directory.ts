/**
 * A repository in a directory of a local file system: one file (0600) per object, its key as the path.
 *
 * What is acknowledged survives a power failure: the bytes are synced before the object has its name, the names of
 * new directories before anything is put there, and the object's own name before the call returns. What was seen and
 * not yet durable (another process may have been killed before its last fsync) is made so before a `create` or
 * `remove` builds on it. Any number of processes may use one directory at the same time.
 */
import { dirname, resolve } from 'node:path'
import { type RetryPolicy, retry } from '../base/retry.ts'
import { systemRandom } from '../crypto/random.ts'
import type { Random } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import type { ByteRange, ObjectKey, ObjectStat, Storage } from '../model/storage.ts'
import { mapBounded } from './bounded.ts'
import { DirectoryNames } from './directory-names.ts'
import { checkKey, checkPrefix, directoryOf, isKey } from './key.ts'
import { nodeStorageFs } from './node-storage-fs.ts'
import { type Processes, systemProcesses } from './processes.ts'
import { rangeWithin, totalBytes } from './range.ts'
import type { FsEntry, FsStat, StorageFs } from './storage-fs.ts'
import { errnoOf, isAbsent, isUnreadable, objectError, storageError } from './system-error.ts'
import { TemporaryFiles } from './temporary-files.ts'

const STATS_AT_ONCE_MAX = 32
/** It may have been a cable, or a network in between. */
const READ_POLICY: RetryPolicy = { attempts: 2, firstPauseMs: 200, pauseMsMax: 200 }
/** What `link` answers where the file system has no hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

export type LocalDirectoryParts = {
  readonly fs?: StorageFs
  readonly random?: Random
  readonly processes?: Processes
}

/** The repository directory at `path`, which is not looked at before the first call. */
export function openLocalDirectory(path: string, parts: LocalDirectoryParts = {}): Storage {
  const { fs = nodeStorageFs, random = systemRandom, processes = systemProcesses() } = parts
  return new LocalDirectory(resolve(path), fs, random, processes)
}

/** Makes the directory at `path` (0700), its parents too, unless it exists; its name is durable on return. */
export async function createLocalDirectory(path: string, parts: LocalDirectoryParts = {}): Promise<Storage> {
  const { fs = nodeStorageFs } = parts
  const absolute = resolve(path)
  try {
    await makeDirectory(fs, absolute)
    if ((await fs.stat(absolute)).kind !== 'directory') {
      throw new SnapError('STORAGE_FAILED', `${absolute} is not a directory`)
    }
  } catch (error) {
    throw storageError(error, `make the directory ${absolute}`)
  }
  return openLocalDirectory(absolute, parts)
}

/** Parents that exist are synced too: an earlier run may have been killed before it did. Those of others may not let us. */
async function makeDirectory(fs: StorageFs, path: string): Promise<void> {
  const parent = dirname(path)
  if (parent === path) return
  await makeDirectory(fs, parent)
  let made = true
  try {
    await fs.mkdir(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    made = false
  }
  try {
    await fs.fsyncDirectory(parent)
  } catch (error) {
    if (made || !['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) throw error
  }
}

class LocalDirectory implements Storage {
  readonly description: string
  readonly #root: string
  readonly #fs: StorageFs
  readonly #names: DirectoryNames
  readonly #temporary: TemporaryFiles

  constructor(root: string, fs: StorageFs, random: Random, processes: Processes) {
    this.description = root
    this.#root = root
    this.#fs = fs
    this.#names = new DirectoryNames(fs, root)
    this.#temporary = new TemporaryFiles(fs, root, random, processes)
  }

  async put(key: ObjectKey, parts: readonly Uint8Array[]): Promise<void> {
    checkKey(key)
    totalBytes(parts)
    await this.#attempt(`store ${key}`, async () => {
      const directory = directoryOf(key)
      await this.#names.ensure(directory)
      const temporary = await this.#temporary.write(parts)
      try {
        await this.#fs.rename(temporary, this.#names.path(key))
      } catch (error) {
        await this.#temporary.discard(temporary)
        throw error
      }
      await this.#names.sync(directory)
    })
  }

  async create(key: ObjectKey, bytes: Uint8Array): Promise<boolean> {
    checkKey(key)
    totalBytes([bytes])
    return await this.#attempt(`create ${key}`, async () => {
      const directory = directoryOf(key)
      await this.#names.settle()
      await this.#names.ensure(directory)
      const temporary = await this.#temporary.write([bytes])
      try {
        if (!(await this.#link(temporary, this.#names.path(key)))) return false
        await this.#names.sync(directory)
        return true
      } finally {
        await this.#temporary.discard(temporary)
      }
    })
  }

  /** `false` where `to` exists and is another file. */
  async #link(temporary: string, to: string): Promise<boolean> {
    try {
      await this.#fs.link(temporary, to)
      return true
    } catch (error) {
      const errno = errnoOf(error)
      // NFS may send a request twice and report that the second found the link of the first.
      if (errno === 'EEXIST') return (await this.#fs.stat(temporary)).links > 1
      if (errno === undefined || !NO_LINKS.includes(errno)) throw error
      throw new SnapError(
        'STORAGE_FAILED',
        `the file system of ${this.#root} cannot make hard links, so a name cannot be taken there by exactly one of several writers (${errno})`,
        {
          hint: 'Keep the repository on a file system with hard links, such as ext4, XFS, Btrfs, ZFS or APFS; FAT and exFAT have none.',
          cause: error,
        },
      )
    }
  }

  async read(key: ObjectKey, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key)
    return await this.#attempt(`read ${key}`, async () => {
      const fd = await this.#open(key)
      try {
        this.#names.observe(directoryOf(key))
        const { kind, bytes: size } = await this.#fs.fstat(fd)
        if (kind !== 'file') throw missing(key, this.#root)
        return await readFully(this.#fs, fd, key, rangeWithin(key, size, range))
      } finally {
        await this.#fs.close(fd)
      }
    })
  }

  async #open(key: ObjectKey): Promise<number> {
    try {
      return await this.#fs.openForReading(this.#names.path(key))
    } catch (error) {
      throw isAbsent(error) ? missing(key, this.#root, error) : error
    }
  }

  async stat(key: ObjectKey): Promise<ObjectStat | undefined> {
    checkKey(key)
    return await this.#attempt(`look at ${key}`, async () => {
      const stat = await this.#statIfPresent(key)
      if (stat?.kind !== 'file') return undefined
      this.#names.observe(directoryOf(key))
      return { key, bytes: stat.bytes, storedAt: stat.modifiedAt }
    })
  }

  async #statIfPresent(name: string): Promise<FsStat | undefined> {
    try {
      return await this.#fs.stat(this.#names.path(name))
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectStat> {
    checkPrefix(prefix)
    try {
      yield* this.#walk(directoryOf(prefix), prefix)
    } catch (error) {
      throw storageError(error, `list ${prefix === '' ? 'all objects' : prefix} in ${this.#root}`)
    }
  }

  async *#walk(directory: string, prefix: string): AsyncGenerator<ObjectStat> {
    const entries = await this.#readDirectory(directory)
    // One that is not there yet shows no names, and cannot be synced.
    if (entries.length > 0) this.#names.observe(directory)
    const keys: string[] = []
    const directories: string[] = []
    for (const { name, kind } of entries) {
      const key = directory === '' ? name : `${directory}/${name}`
      if (!isKey(key) || !(key.startsWith(prefix) || prefix.startsWith(`${key}/`))) continue
      if (kind === 'directory') directories.push(key)
      else keys.push(key)
    }
    const stat = async (key: string) => ({ key, stat: await this.#statIfPresent(key) })
    for await (const { key, stat: found } of mapBounded(keys, STATS_AT_ONCE_MAX, stat)) {
      if (found?.kind === 'directory') directories.push(key)
      if (found?.kind !== 'file' || !key.startsWith(prefix)) continue
      yield { key, bytes: found.bytes, storedAt: found.modifiedAt }
    }
    for (const child of directories) yield* this.#walk(child, prefix)
  }

  /** Empty where there is no such directory, but never because the whole repository is gone. */
  async #readDirectory(directory: string): Promise<FsEntry[]> {
    try {
      return await this.#fs.readdir(this.#names.path(directory))
    } catch (error) {
      if (!isAbsent(error) || directory === '') throw error
      await this.#fs.stat(this.#root)
      return []
    }
  }

  async remove(key: ObjectKey): Promise<void> {
    checkKey(key)
    await this.#attempt(`remove ${key}`, async () => {
      await this.#names.settle()
      try {
        await this.#fs.unlink(this.#names.path(key))
      } catch (error) {
        if (!isAbsent(error)) throw error
        await this.#fs.stat(this.#root)
        return
      }
      await this.#names.sync(directoryOf(key))
    })
  }

  async sweep(): Promise<number> {
    return await this.#attempt('look for unfinished objects', () => this.#temporary.sweep())
  }

  async secureReserve(): Promise<void> {
    await this.#temporary.secureReserve()
  }

  async releaseReserve(): Promise<void> {
    await this.#temporary.releaseReserve()
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #attempt<T>(action: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      throw storageError(error, `${action} in ${this.#root}`)
    }
  }
}

function missing(key: ObjectKey, root: string, cause?: unknown): SnapError {
  return new SnapError('OBJECT_MISSING', `${key} does not exist in ${root}`, { cause })
}

async function readFully(
  fs: StorageFs,
  fd: number,
  key: ObjectKey,
  { offset, bytes }: ByteRange,
): Promise<Uint8Array<ArrayBuffer>> {
  const into = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
  let done = 0
  while (done < bytes) {
    const at = done
    const read = (): Promise<number> => fs.read(fd, into, at, bytes - at, offset + at)
    const count = await retry(READ_POLICY, isUnreadable, read).catch((error: unknown) => {
      throw objectError(error, key)
    })
    if (count === 0) {
      throw new SnapError('OBJECT_DAMAGED', `${key} ended after ${offset + done} bytes while it was read`)
    }
    done += count
  }
  return into
}

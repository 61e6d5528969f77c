/** `StorageFs` over Node's `fs`, on its thread pool, so that the main thread goes on meanwhile. */
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { giveDirectory, giveFile } from './ownership.ts'
import type { FsEntryKind, FsStat, StorageFs } from './storage-fs.ts'
import { errnoOf } from './system-error.ts'

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK, O_DIRECTORY } = fs.constants

const open = promisify(fs.open)
const fsync = promisify(fs.fsync)
const close = promisify(fs.close)
const readdir = promisify(fs.readdir)
const stat = promisify(fs.stat)
const fstat = promisify(fs.fstat)

function kindOf(entry: fs.Dirent | fs.Stats): FsEntryKind {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'directory' : 'other'
}

function statOf(stats: fs.Stats): FsStat {
  return {
    kind: kindOf(stats),
    bytes: stats.size,
    modifiedAt: Math.floor(stats.mtimeMs),
    links: stats.nlink,
  }
}

/** Some network and shared-folder file systems have no fsync for directories (`EINVAL`): there a name is as durable as they make it. */
async function fsyncDirectory(path: string): Promise<void> {
  const fd = await open(path, O_RDONLY | O_DIRECTORY)
  try {
    await fsync(fd)
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error
  } finally {
    await close(fd)
  }
}

export const nodeStorageFs: StorageFs = {
  openForReading: (path) => open(path, O_RDONLY | O_NONBLOCK),
  createFile: async (path) => {
    const fd = await open(path, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE)
    await giveFile(fd, path)
    return fd
  },
  writev: (fd, parts) =>
    new Promise((resolve, reject) => {
      fs.writev(fd, parts, (error, written) => (error ? reject(error) : resolve(written)))
    }),
  read: (fd, into, at, bytes, position) =>
    new Promise((resolve, reject) => {
      fs.read(fd, into, at, bytes, position, (error, count) => (error ? reject(error) : resolve(count)))
    }),
  fstat: async (fd) => statOf(await fstat(fd)),
  fsync,
  close,
  fsyncDirectory,
  rename: promisify(fs.rename),
  link: promisify(fs.link),
  unlink: promisify(fs.unlink),
  mkdir: async (path) => {
    await promisify(fs.mkdir)(path, { mode: DIRECTORY_MODE })
    await giveDirectory(path)
  },
  readdir: async (path) =>
    (await readdir(path, { withFileTypes: true })).map((entry) => ({
      name: entry.name,
      kind: kindOf(entry),
    })),
  stat: async (path) => statOf(await stat(path)),
}

/** Wrappers around a `StorageFs`, one fault each, to be put between a backend and a disk. */
import type { StorageFs } from '../../../src/storage/storage-fs.ts'
import { systemError } from './disk-model.ts'

const MUTATING = [
  'createFile',
  'writev',
  'fsync',
  'fsyncDirectory',
  'rename',
  'link',
  'unlink',
  'mkdir',
] as const
type MutatingCall = (typeof MUTATING)[number]

export type FsFault = {
  /** The call that fails, from 1, counted over those that change the disk. */
  readonly at: number
  readonly when: 'before' | 'after'
  readonly errno: string
}

export interface FaultyFs extends StorageFs {
  /** Mutating calls so far. */
  readonly calls: number
}

function intercept(
  fs: StorageFs,
  around: (call: MutatingCall, run: () => Promise<unknown>) => unknown,
): StorageFs {
  const wrapped: Record<string, unknown> = {}
  for (const call of MUTATING) {
    wrapped[call] = async (...args: unknown[]) =>
      await around(call, () => (fs[call] as (...args: unknown[]) => Promise<unknown>)(...args))
  }
  return Object.assign({ ...fs }, wrapped)
}

/** One call fails, before or after it has taken effect; all others go through. */
export function faultyFs(fs: StorageFs, { at, when, errno }: FsFault): FaultyFs {
  let calls = 0
  const faulty = intercept(fs, async (call, run) => {
    calls += 1
    if (calls !== at) return await run()
    if (when === 'after') await run()
    throw systemError(errno, call, 'injected')
  })
  return Object.defineProperty(faulty, 'calls', { get: () => calls }) as FaultyFs
}

/** `skips` decides on each fsync, of a file or a directory, by its number from 1: those it names report success and do nothing. */
export function swallowingFs(fs: StorageFs, skips: (nth: number, what: string) => boolean): StorageFs {
  let nth = 0
  const unless = async (what: string, run: () => Promise<void>) => {
    nth += 1
    if (!skips(nth, what)) await run()
  }
  return {
    ...fs,
    fsync: (fd) => unless('a file', () => fs.fsync(fd)),
    fsyncDirectory: (path) => unless(path, () => fs.fsyncDirectory(path)),
  }
}

/** No read or write moves more than `bytesMax` at once. */
export function shortFs(fs: StorageFs, bytesMax: number): StorageFs {
  return {
    ...fs,
    read: (fd, into, at, bytes, position) => fs.read(fd, into, at, Math.min(bytes, bytesMax), position),
    writev: (fd, parts) => {
      const taken: Uint8Array[] = []
      let left = bytesMax
      for (const part of parts) {
        if (left > 0) taken.push(part.subarray(0, left))
        left -= part.length
      }
      return fs.writev(fd, taken)
    },
  }
}

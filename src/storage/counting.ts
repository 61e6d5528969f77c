/** Counts what objects go to a storage and come from it, for statistics and tests. */
import type { Storage } from '../model/storage.ts'
import { totalBytes } from './range.ts'

export type StorageVerb = 'put' | 'create' | 'read' | 'stat' | 'list' | 'remove'

/** Calls, whether they succeeded or not, and bytes of objects that went over: sent by `put` and `create`, received by `read`. */
export type StorageCount = { calls: number; bytes: number }

export interface CountingStorage extends Storage {
  /** Live figures. */
  readonly counts: Readonly<Record<StorageVerb, Readonly<StorageCount>>>
}

/** Owns `storage`. */
export function counting(storage: Storage): CountingStorage {
  const counts = {
    put: { calls: 0, bytes: 0 },
    create: { calls: 0, bytes: 0 },
    read: { calls: 0, bytes: 0 },
    stat: { calls: 0, bytes: 0 },
    list: { calls: 0, bytes: 0 },
    remove: { calls: 0, bytes: 0 },
  } satisfies Record<StorageVerb, StorageCount>
  const count = (verb: StorageVerb, bytes: number) => {
    counts[verb].calls += 1
    counts[verb].bytes += bytes
  }
  return {
    description: storage.description,
    counts,
    put: (key, parts) => {
      count('put', totalBytes(parts))
      return storage.put(key, parts)
    },
    create: (key, bytes) => {
      count('create', bytes.length)
      return storage.create(key, bytes)
    },
    read: async (key, range) => {
      count('read', 0)
      const bytes = await storage.read(key, range)
      counts.read.bytes += bytes.length
      return bytes
    },
    stat: (key) => {
      count('stat', 0)
      return storage.stat(key)
    },
    list: (prefix) => {
      count('list', 0)
      return storage.list(prefix)
    },
    remove: (key) => {
      count('remove', 0)
      return storage.remove(key)
    },
    sweep: () => storage.sweep(),
    secureReserve: () => storage.secureReserve(),
    releaseReserve: () => storage.releaseReserve(),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  }
}

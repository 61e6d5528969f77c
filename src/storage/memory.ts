/** Objects in memory, for tests and simulations of this library and of others: what a store does, without one. */
import type { Clock } from '../model/clock.ts'
import { SnapError } from '../model/errors.ts'
import type { ByteRange, ObjectKey, ObjectStat, Storage } from '../model/storage.ts'
import { checkKey, checkPrefix } from './key.ts'
import { rangeWithin, totalBytes } from './range.ts'

export type MemoryObject = { readonly bytes: Uint8Array; readonly storedAt: number }

export interface MemoryStorage extends Storage {
  /** What is stored, for tests to look into and to damage. */
  readonly objects: Map<ObjectKey, MemoryObject>
}

export function createMemoryStorage(clock: Clock = Date): MemoryStorage {
  const objects = new Map<ObjectKey, MemoryObject>()
  const statOf = (key: ObjectKey, { bytes, storedAt }: MemoryObject): ObjectStat => ({
    key,
    bytes: bytes.length,
    storedAt,
  })
  const store = (key: ObjectKey, parts: readonly Uint8Array[]) => {
    const bytes = new Uint8Array(totalBytes(parts))
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    objects.set(key, { bytes, storedAt: clock.now() })
  }

  return {
    description: 'memory',
    objects,
    async put(key, parts) {
      checkKey(key)
      store(key, parts)
    },
    async create(key, bytes) {
      checkKey(key)
      if (objects.has(key)) return false
      store(key, [bytes])
      return true
    },
    async read(key: ObjectKey, range?: ByteRange) {
      checkKey(key)
      const object = objects.get(key)
      if (object === undefined) throw new SnapError('OBJECT_MISSING', `${key} does not exist in memory`)
      const { offset, bytes } = rangeWithin(key, object.bytes.length, range)
      return new Uint8Array(object.bytes.subarray(offset, offset + bytes))
    },
    async stat(key) {
      checkKey(key)
      const object = objects.get(key)
      return object && statOf(key, object)
    },
    async *list(prefix) {
      checkPrefix(prefix)
      for (const [key, object] of objects) if (key.startsWith(prefix)) yield statOf(key, object)
    },
    async remove(key) {
      checkKey(key)
      objects.delete(key)
    },
    sweep: async () => 0,
    async secureReserve() {},
    async releaseReserve() {},
    async [Symbol.asyncDispose]() {},
  }
}

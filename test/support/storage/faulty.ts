/** A storage in which one mutating call fails, before or after it has taken effect. */
import { SnapError } from '../../../src/model/errors.ts'
import type { Storage } from '../../../src/model/storage.ts'

export type FaultPlan = {
  /** The mutating call (`put`, `create`, `remove`) that fails, from 1; 0 for none, to count. */
  readonly at: number
  /** How many in a row fail from there on: 1 unless told. */
  readonly times?: number
  readonly when: 'before' | 'after'
  readonly error?: () => Error
}

export interface FaultyStorage extends Storage {
  /** Mutating calls so far. */
  readonly calls: number
}

const injected = () => new SnapError('STORAGE_FAILED', 'the injected fault')

/** Owns `storage`. */
export function faulty(
  storage: Storage,
  { at, times = 1, when, error = injected }: FaultPlan,
): FaultyStorage {
  let calls = 0
  const guard = async <T>(run: () => Promise<T>): Promise<T> => {
    calls += 1
    const fails = at > 0 && calls >= at && calls < at + times
    if (fails && when === 'before') throw error()
    const result = await run()
    if (fails) throw error()
    return result
  }
  return {
    description: storage.description,
    get calls() {
      return calls
    },
    put: (key, parts) => guard(() => storage.put(key, parts)),
    create: (key, bytes) => guard(() => storage.create(key, bytes)),
    read: (key, range) => storage.read(key, range),
    stat: (key) => storage.stat(key),
    list: (prefix) => storage.list(prefix),
    remove: (key) => guard(() => storage.remove(key)),
    sweep: () => storage.sweep(),
    secureReserve: () => storage.secureReserve(),
    releaseReserve: () => storage.releaseReserve(),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  }
}

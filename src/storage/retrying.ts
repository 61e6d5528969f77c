/**
 * Calls again where the storage failed, for storages behind a network. Other errors are answers, and are passed on.
 * Not for local directories, where a failed call will fail again.
 */
import { isEnough, pauseAfter, type RetryPolicy, retry } from '../base/retry.ts'
import { hasCode } from '../model/errors.ts'
import type { ObjectKey, ObjectStat, Storage } from '../model/storage.ts'

const RETRY_POLICY: RetryPolicy = { attempts: 6, firstPauseMs: 250, pauseMsMax: 15_000 }

const hasFailed = (error: unknown): boolean => hasCode(error, 'STORAGE_FAILED')

/**
 * Owns `storage`. `create` tells its own object from another's by its bytes, so they must not be those of another caller.
 * `mayRetry`: whether an error of the storage may pass.
 */
export function retrying(
  storage: Storage,
  policy: RetryPolicy = RETRY_POLICY,
  mayRetry: (error: unknown) => boolean = hasFailed,
): Storage {
  const again = <T>(run: (attempt: number) => Promise<T>) => retry(policy, mayRetry, run)
  return {
    description: storage.description,
    put: (key, parts) => again(() => storage.put(key, parts)),
    create: async (key, bytes) => {
      let tries = 0
      const created = await again((attempt) => {
        tries = attempt
        return storage.create(key, bytes)
      })
      // An earlier try may have taken effect though it reported a failure.
      return created || (tries > 1 && (await again(() => holds(storage, key, bytes))))
    },
    read: (key, range) => again(() => storage.read(key, range)),
    stat: (key) => again(() => storage.stat(key)),
    list: (prefix) => listAgain(storage, policy, mayRetry, prefix),
    remove: (key) => again(() => storage.remove(key)),
    sweep: () => again(() => storage.sweep()),
    secureReserve: () => storage.secureReserve(),
    releaseReserve: () => storage.releaseReserve(),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  }
}

async function holds(storage: Storage, key: ObjectKey, bytes: Uint8Array): Promise<boolean> {
  const stat = await storage.stat(key)
  return stat?.bytes === bytes.length && Buffer.compare(await storage.read(key), bytes) === 0
}

/** Begins the listing anew after a failure and leaves out what was already handed on; progress renews the attempts. */
async function* listAgain(
  storage: Storage,
  policy: RetryPolicy,
  mayRetry: (error: unknown) => boolean,
  prefix: string,
): AsyncGenerator<ObjectStat> {
  const seen = new Set<ObjectKey>()
  let attempt = 1
  let since = performance.now()
  for (;;) {
    try {
      for await (const object of storage.list(prefix)) {
        if (seen.has(object.key)) continue
        seen.add(object.key)
        yield object
        attempt = 1
        since = performance.now()
      }
      return
    } catch (error) {
      if (!mayRetry(error)) throw error
      policy.signal?.throwIfAborted()
      if (isEnough(policy, attempt, since)) throw error
    }
    await pauseAfter(policy, attempt)
    attempt += 1
  }
}

/**
 * A repository in a bucket of an S3 store: one object for each key, below the repository's prefix. Below `tmp/` there lies what the
 * backend keeps for itself (format, section 9).
 */
import { type RetryPolicy, retry } from '../../base/retry.ts'
import { systemRandom } from '../../crypto/random.ts'
import type { Random } from '../../model/clock.ts'
import { SnapError } from '../../model/errors.ts'
import type { ByteRange, ObjectKey, ObjectStat, Storage } from '../../model/storage.ts'
import { checkKey, checkPrefix, isKey } from '../key.ts'
import { rangeWithin, totalBytes } from '../range.ts'
import { retrying } from '../retrying.ts'
import type { S3Address } from './address.ts'
import { S3Bucket } from './bucket.ts'
import type { TimeLimits } from './connections.ts'
import { CreateOnceProof } from './create-once.ts'
import type { S3Credentials } from './credentials.ts'
import { failed, mayPass } from './errors.ts'

/** Pauses of some two minutes at the most, less than half of that on average: a store that is started again is back by then. */
const RETRY_POLICY: RetryPolicy = {
  attempts: 12,
  firstPauseMs: 250,
  pauseMsMax: 15_000,
  // A store that is silent is not waited for twelve times; what takes long by itself, over a slow network, is not given up at once.
  totalMs: 180_000,
  attemptsMin: 3,
}

export type S3Parts = {
  readonly random?: Random
  readonly retryPolicy?: RetryPolicy
  readonly timeLimits?: TimeLimits
  /** Once it is aborted nothing is tried again, and no silence is waited out; first tries are made, so that what was begun can be ended. */
  readonly signal?: AbortSignal
}

/** The repository at `address`; nothing is asked before the first call. */
export function openS3(address: S3Address, credentials: S3Credentials, parts: S3Parts = {}): Storage {
  return retrying(new S3Storage(address, credentials, parts), policyOf(parts), mayPass)
}

/** As `openS3`, after the store was tried: for a new repository. `STORAGE_FAILED` where it cannot keep one. */
export async function createS3(
  address: S3Address,
  credentials: S3Credentials,
  parts: S3Parts = {},
): Promise<Storage> {
  const retryPolicy = policyOf(parts)
  const storage = new S3Storage(address, credentials, parts)
  await retry(retryPolicy, mayPass, () => storage.prove())
  return retrying(storage, retryPolicy, mayPass)
}

const policyOf = ({ retryPolicy = RETRY_POLICY, signal }: S3Parts): RetryPolicy => ({
  ...retryPolicy,
  signal,
})

/** Makes one try at each thing. */
class S3Storage implements Storage {
  readonly description: string
  readonly #bucket: S3Bucket
  readonly #root: string
  readonly #proof: CreateOnceProof

  constructor(address: S3Address, credentials: S3Credentials, parts: S3Parts) {
    const { random = systemRandom, timeLimits, signal } = parts
    this.description = address.text
    this.#bucket = new S3Bucket(address, credentials, timeLimits, signal)
    this.#root = address.prefix
    this.#proof = new CreateOnceProof(this.#bucket, address, random)
  }

  prove(): Promise<void> {
    return this.#proof.get()
  }

  async put(key: ObjectKey, parts: readonly Uint8Array[]): Promise<void> {
    checkKey(key)
    totalBytes(parts)
    await this.#bucket.put(`${this.#root}${key}`, parts, false)
  }

  async create(key: ObjectKey, bytes: Uint8Array): Promise<boolean> {
    checkKey(key)
    totalBytes([bytes])
    await this.#proof.get()
    return await this.#bucket.put(`${this.#root}${key}`, [bytes], true)
  }

  async read(key: ObjectKey, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key)
    // HTTP has no range of no bytes.
    const bytes =
      range?.bytes === 0
        ? await this.#nothingOf(key, range)
        : await this.#bucket.get(`${this.#root}${key}`, range)
    if (bytes === undefined)
      throw new SnapError('OBJECT_MISSING', `${key} does not exist in ${this.description}`)
    return bytes
  }

  async #nothingOf(key: ObjectKey, range: ByteRange): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const stat = await this.stat(key)
    if (stat === undefined) return undefined
    rangeWithin(key, stat.bytes, range)
    return new Uint8Array(0)
  }

  async stat(key: ObjectKey): Promise<ObjectStat | undefined> {
    checkKey(key)
    const head = await this.#bucket.head(`${this.#root}${key}`)
    return head && { key, bytes: head.bytes, storedAt: head.storedAt }
  }

  async *list(prefix: string): AsyncGenerator<ObjectStat> {
    checkPrefix(prefix)
    const pages = new Set<string>()
    let after: string | undefined
    do {
      const { objects, next } = await this.#bucket.page(`${this.#root}${prefix}`, after)
      for (const { name, bytes, storedAt } of objects) {
        const key = name.slice(this.#root.length)
        const isOurs = name.startsWith(this.#root) && key.startsWith(prefix) && isKey(key)
        if (isOurs) yield { key, bytes, storedAt }
      }
      if (next !== undefined && pages.has(next))
        throw failed(`list ${this.description}`, 'the store gives the same page again and again', false)
      if (next !== undefined) pages.add(next)
      after = next
    } while (after !== undefined)
  }

  async remove(key: ObjectKey): Promise<void> {
    checkKey(key)
    await this.#bucket.remove(`${this.#root}${key}`)
  }

  /** An object is there whole or not at all. Who sweeps is about to write, and will want to know soon whether the store can be relied upon. */
  async sweep(): Promise<number> {
    this.#proof.get().catch(() => undefined)
    return 0
  }

  async secureReserve(): Promise<void> {}

  async releaseReserve(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bucket[Symbol.dispose]()
  }
}

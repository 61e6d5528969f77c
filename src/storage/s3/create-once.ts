/**
 * Whether a store gives a name to exactly one of several writers, found out by racing for some. The log relies on it, and there are
 * stores that ignore the condition, or keep to it only while nobody else writes. A mark in the store says that it was found right,
 * so that each place of a repository is tried by the first who writes there, and again after a week.
 */
import { createHash } from 'node:crypto'
import { toHex } from '../../base/bytes.ts'
import type { Random } from '../../model/clock.ts'
import { SnapError } from '../../model/errors.ts'
import { TEMPORARY_SEGMENT } from '../key.ts'
import type { S3Address } from './address.ts'
import type { S3Bucket } from './bucket.ts'
import { codeIn, S3Failure, statusIn } from './errors.ts'

/** Stores that let several win have let half of so many. */
const RACERS = 16
/** In the first, connections are still being made, and the racers start apart. */
const ROUNDS = 3
const ANSWERS_MIN = 12
const ENTRY_BYTES = 256
/** A store may be set up anew, or its bucket be given versions, which has made one forget the condition. */
const MARK_MS_MAX = 7 * 86_400_000
/** Whoever began a trial so long ago has ended. */
const TRIAL_MS_MAX = 86_400_000
const TRIAL = 'trial-'

export class CreateOnceProof {
  readonly #bucket: S3Bucket
  readonly #place: string
  readonly #own: string
  readonly #markName: string
  readonly #random: Random
  #proof: Promise<void> | undefined

  constructor(bucket: S3Bucket, { text, bucketUrl, prefix }: S3Address, random: Random) {
    this.#bucket = bucket
    this.#place = text
    this.#own = `${prefix}${TEMPORARY_SEGMENT}/`
    // Of this place alone: a mark that was copied with a repository says nothing of the store that it was copied to.
    const sum = createHash('sha256').update(`${bucketUrl}${prefix}`).digest('hex')
    this.#markName = `${this.#own}create-once-${sum.slice(0, 32)}`
    this.#random = random
  }

  /** Returns where the store is right; `STORAGE_FAILED` where it is not. What could not be found out is tried again by the next call. */
  get(): Promise<void> {
    this.#proof ??= this.#prove().catch((error: unknown) => {
      this.#proof = undefined
      throw error
    })
    return this.#proof
  }

  async #prove(): Promise<void> {
    const mark = await this.#bucket.head(this.#markName)
    if (mark !== undefined && mark.answeredAt - mark.storedAt < MARK_MS_MAX) return
    await this.#removeOldTrials()
    const fault = await this.#faultFound()
    if (fault !== undefined) throw refused(this.#place, fault)
    await this.#bucket.put(this.#markName, [Buffer.from(`${this.#place}\n`)], false)
  }

  /** What is wrong with the store, `undefined` where nothing is. */
  async #faultFound(): Promise<string | undefined> {
    const trial = `${this.#own}${TRIAL}${toHex(this.#random.bytes(8))}`
    const names = Array.from({ length: ROUNDS }, (_, round) => `${trial}/${round}`)
    try {
      for (const name of names) {
        const fault = await this.#race(name)
        if (fault !== undefined) return fault
      }
      return undefined
    } catch (error) {
      if (KNOWS_NO_CONDITIONS.has(codeIn(error)) || statusIn(error) === 501)
        return 'it knows no such condition'
      throw error
    } finally {
      await Promise.allSettled(names.map((name) => this.#bucket.remove(name)))
    }
  }

  /**
   * Who got no answer may have won or not, and so may one who was told no: something on the way may ask twice. So what is held
   * against the store is a yes that it does not keep to.
   */
  async #race(name: string): Promise<string | undefined> {
    const entries = Array.from({ length: RACERS }, () => this.#random.bytes(ENTRY_BYTES))
    const results = await Promise.allSettled(entries.map((entry) => this.#create(name, entry)))
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    if (failures.length > RACERS - ANSWERS_MIN) throw failures[0]
    const winners = entries.filter((_, index) => {
      const result = results[index]
      return result?.status === 'fulfilled' && result.value
    })
    if (winners.length > 1) return `it let ${winners.length} of ${RACERS} writers create one object`
    if (await this.#create(name, this.#random.bytes(ENTRY_BYTES)))
      return 'it let an object be created that was there already'
    const kept = await this.#bucket.get(name, undefined)
    const mayBeKept = winners.length === 1 ? winners : entries
    const isKept = kept !== undefined && mayBeKept.some((entry) => Buffer.compare(kept, entry) === 0)
    return isKept ? undefined : 'it keeps another object than that of the writer to whom it said yes'
  }

  /** Who comes into the way of another may be told to come again: that one has not won. */
  async #create(name: string, entry: Uint8Array): Promise<boolean> {
    try {
      return await this.#bucket.put(name, [entry], true)
    } catch (error) {
      if (statusIn(error) === 409) return false
      throw error
    }
  }

  /** Of writers that were killed in the middle of one. */
  async #removeOldTrials(): Promise<void> {
    const { objects, answeredAt } = await this.#bucket.page(`${this.#own}${TRIAL}`, undefined)
    for (const { name, storedAt } of objects)
      if (answeredAt - storedAt > TRIAL_MS_MAX) await this.#bucket.remove(name)
  }
}

const KNOWS_NO_CONDITIONS = new Set(['NotImplemented', 'InvalidArgument', 'InvalidRequest'])

function refused(place: string, fault: string): SnapError {
  return new SnapError(
    'STORAGE_FAILED',
    `the store at ${place} does not give a name to one writer only (If-None-Match: *): ${fault}`,
    {
      hint: 'Two backups at once could lose one of them there. Use a store that does, such as AWS S3 or Ceph, or a bucket without versions.',
      cause: new S3Failure(fault, { passes: false }),
    },
  )
}

/** Trying again, a bounded number of times, after a growing and random pause. Knows nothing of what is tried. */
import { setTimeout as sleepFor } from 'node:timers/promises'
import { assert } from './assert.ts'

export type RetryPolicy = {
  /** Tries in all, the first included. */
  readonly attempts: number
  /** Upper bound of the first pause; it doubles with each one up to `pauseMsMax`. */
  readonly firstPauseMs: number
  readonly pauseMsMax: number
  /** No try is begun so long after the first one, once `attemptsMin` were made. ms; absent: never too late. */
  readonly totalMs?: number
  /** Tries that are made however long each takes. */
  readonly attemptsMin?: number
  /** Once it is aborted a first try is made, and no other: what it is aborted with is thrown in place of what could be tried again. */
  readonly signal?: AbortSignal | undefined
  readonly sleep?: (ms: number) => Promise<unknown>
  /** A number from 0 up to, not including, 1. */
  readonly chance?: () => number
}

/** The result of the first try that succeeds; else the error of the first that `mayRetry` refuses, or of the last. */
export async function retry<T>(
  policy: RetryPolicy,
  mayRetry: (error: unknown) => boolean,
  run: (attempt: number) => Promise<T>,
): Promise<T> {
  const since = performance.now()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(attempt)
    } catch (error) {
      if (!mayRetry(error)) throw error
      policy.signal?.throwIfAborted()
      if (isEnough(policy, attempt, since)) throw error
    }
    await pauseAfter(policy, attempt)
  }
}

/** `attempt`: tries so far; `since`: when the first began, as `performance.now()` has it. */
export function isEnough(
  { attempts, attemptsMin = 1, totalMs = Number.POSITIVE_INFINITY }: RetryPolicy,
  attempt: number,
  since: number,
): boolean {
  return attempt >= attempts || (attempt >= attemptsMin && performance.now() - since >= totalMs)
}

/** Waits a random part of the bound ("full jitter": clients that failed together do not come back together), or throws what `signal` is aborted with. */
export async function pauseAfter(policy: RetryPolicy, attempt: number): Promise<void> {
  assert(attempt >= 1, `pause after attempt ${attempt}`)
  const { firstPauseMs, pauseMsMax, signal, chance = Math.random } = policy
  const { sleep = (ms: number) => sleepFor(ms, undefined, signal && { signal }) } = policy
  try {
    await sleep(Math.round(chance() * Math.min(pauseMsMax, firstPauseMs * 2 ** (attempt - 1))))
  } finally {
    signal?.throwIfAborted()
  }
}

/** Trying again, a bounded number of times, after a growing and random pause. Knows nothing of what is tried. */
import { setTimeout as sleepFor } from 'node:timers/promises'
import { assert } from './assert.ts'

export type RetryPolicy = {
  /** Tries in all, the first included. */
  readonly attempts: number
  /** Upper bound of the first pause; it doubles with each one up to `pauseMsMax`. */
  readonly firstPauseMs: number
  readonly pauseMsMax: number
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
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(attempt)
    } catch (error) {
      if (attempt >= policy.attempts || !mayRetry(error)) throw error
    }
    await pauseAfter(policy, attempt)
  }
}

/** Waits a random part of the bound ("full jitter": clients that failed together do not come back together). */
export async function pauseAfter(policy: RetryPolicy, attempt: number): Promise<void> {
  assert(attempt >= 1, `pause after attempt ${attempt}`)
  const { firstPauseMs, pauseMsMax, sleep = sleepFor, chance = Math.random } = policy
  await sleep(Math.round(chance() * Math.min(pauseMsMax, firstPauseMs * 2 ** (attempt - 1))))
}

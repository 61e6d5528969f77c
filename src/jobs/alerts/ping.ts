/** Tells an address that a job begins, was done or failed, so that somebody else notices where it says nothing (a dead man's switch). */
import { messageOf } from '../../model/errors.ts'
import type { Ping, PingMoment } from '../config/channel.ts'
import { addressIn } from './address.ts'
import { HTTP_RETRIES, HTTP_TIMEOUT_MS, type HttpPorts, request } from './http.ts'

/** healthchecks.io keeps no more. */
const BODY_BYTES_MAX = 10_000

/**
 * `said`: the summary of a success, the reason of a failure, or nothing. Never rejects: the answer is a warning where it could not be told.
 * What is asked of a job's end must not hang on the signal that ended it, so none is taken.
 */
export async function ping(
  pings: Ping,
  moment: PingMoment,
  said: string,
  ports: Partial<Omit<HttpPorts, 'signal'>> = {},
): Promise<string | undefined> {
  const address = pings[moment]
  if (address === undefined) return undefined
  try {
    const url = addressIn(address.url)
    url.pathname = url.pathname.replace(/\/$/, address.suffix === '' ? '$&' : '') + address.suffix
    const body = Buffer.from(said).subarray(0, BODY_BYTES_MAX).toString()
    const headers = {
      'user-agent': 'snap',
      ...(body === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' }),
    }
    const signal = new AbortController().signal
    await request(
      { url, headers, ...(body === '' ? { method: 'GET' } : { method: 'POST', body }) },
      { timeoutMs: HTTP_TIMEOUT_MS, retries: HTTP_RETRIES, ...ports, signal },
    )
    return undefined
  } catch (error) {
    return `the ping of the ${WORDS[moment]} was not taken: ${messageOf(error)}`
  }
}

const WORDS: Readonly<Record<PingMoment, string>> = {
  start: 'beginning',
  success: 'success',
  fail: 'failure',
}

/**
 * Requests to addresses that may hold a secret. Of what goes wrong our own words are told alone: those of the system and of the server may
 * repeat the address, a header or the body. It reads no answer but its status.
 */
import { formatDuration } from '../../base/duration.ts'
import { pauseAfter, type RetryPolicy } from '../../base/retry.ts'
import { placeOf } from './address.ts'
import { connectionFailure } from './connection-failure.ts'
import { timeLimit } from './time-limit.ts'

export type HttpRequest = {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

export type HttpPorts = {
  readonly signal: AbortSignal
  /** Of one try. ms */
  readonly timeoutMs: number
  readonly retries: RetryPolicy
}

/** Three tries within some 35 s where nothing answers. */
export const HTTP_TIMEOUT_MS = 10_000
export const HTTP_RETRIES: RetryPolicy = { attempts: 3, firstPauseMs: 1_000, pauseMsMax: 4_000 }

const TOO_MANY = 429
const SERVER_ERRORS = 500

/**
 * Resolves when the server took it. Rejects with an `Error` that names scheme and host, after tries again where that may help. A redirect
 * is not followed: what is sent is for the server that was named.
 */
export async function request(asked: HttpRequest, { signal, timeoutMs, retries }: HttpPorts): Promise<void> {
  const place = placeOf(asked.url)
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    const { failure, mayHelp } = await tryOnce(asked, signal, timeoutMs)
    if (failure === undefined) return
    if (!mayHelp || attempt >= retries.attempts) throw new Error(`${place} ${failure}`)
    await pauseAfter(retries, attempt)
  }
}

type Tried = {
  readonly failure: string | undefined
  /** Whether another try may. */
  readonly mayHelp: boolean
}

async function tryOnce(
  { url, method, headers, body }: HttpRequest,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Tried> {
  using limit = timeLimit(signal, timeoutMs)
  try {
    const response = await fetch(bare(url), {
      method,
      headers: { ...loginOf(url), ...headers },
      body: body ?? null,
      redirect: 'manual',
      signal: limit.signal,
    })
    // Whatever becomes of the rest of the answer, it was one.
    response.body?.cancel().catch(() => undefined)
    return judged(response.status)
  } catch (error) {
    signal.throwIfAborted()
    if (limit.isOver())
      return { failure: `did not answer within ${formatDuration(timeoutMs)}`, mayHelp: true }
    return { failure: connectionFailure(error), mayHelp: true }
  }
}

function judged(status: number): Tried {
  if (status >= 200 && status < 300) return { failure: undefined, mayHelp: false }
  if (status >= 300 && status < 400)
    return { failure: `answered with a redirect (${status}), which is not followed`, mayHelp: false }
  return {
    failure: `answered with status ${status}`,
    mayHelp: status === TOO_MANY || status >= SERVER_ERRORS,
  }
}

/** Without the name and password, which `fetch` refuses. */
function bare(url: URL): URL {
  const copy = new URL(url)
  copy.username = ''
  copy.password = ''
  return copy
}

function loginOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { Authorization: `Basic ${Buffer.from(login).toString('base64')}` }
}

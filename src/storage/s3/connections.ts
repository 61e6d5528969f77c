/**
 * One HTTP request after another over connections that are kept, each within a time that grows with what it carries. It
 * knows nothing of S3, follows no redirects, and never sends a request again.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { drained } from '../../base/drained.ts'

/** Requests under way; more wait for one of them. */
export const CONNECTIONS_MAX = 16
export type TimeLimits = {
  /** Nothing goes over for so long: the other end is gone. */
  readonly silenceMs: number
  /** What a request takes without its bytes. */
  readonly requestMs: number
  /** A slower network is a broken one. */
  readonly bytesPerSecondMin: number
}

export const TIME_LIMITS: TimeLimits = { silenceMs: 60_000, requestMs: 90_000, bytesPerSecondMin: 16_384 }
/** Of a request that is under way, or begun, after whoever waits was asked to end: its silence, and what it takes without its bytes. */
export const HURRY_MS = 5_000
/** A body of this size is sent when the other end has said that it wants it, or nothing for a second. */
const ASK_FIRST_BYTES = 1_048_576
const ASK_FIRST_MS = 1_000
/** More than this at once would be held a second time while it is encrypted. */
const SLICE_BYTES = 1_048_576

export type HttpRequest = {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Of the body; the caller's, and not changed. */
  readonly parts: readonly Uint8Array[]
}

/** Of an answer: its body is still on its way. */
export type HttpAnswer = {
  readonly message: IncomingMessage
  /** Gives the time that so many bytes need on top. */
  readonly expect: (bytes: number) => void
}

/** No answer, or none in time. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

export class Connections implements Disposable {
  readonly #agent: HttpAgent
  readonly #ask: typeof httpRequest
  readonly #signal: AbortSignal | undefined
  readonly #watches = new Set<Watch>()
  readonly #hurry = (): void => {
    this.#limits = hurried(this.#limits)
    for (const watch of this.#watches) watch.hurry(this.#limits)
  }
  #limits: TimeLimits

  /** Once `signal` is aborted there is little time for each request, also for those under way. */
  constructor(protocol: string, limits: TimeLimits, signal?: AbortSignal) {
    this.#limits = limits
    this.#signal = signal
    if (signal?.aborted === true) this.#hurry()
    else signal?.addEventListener('abort', this.#hurry, { once: true })
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX, maxFreeSockets: CONNECTIONS_MAX }
    const isSecure = protocol === 'https:'
    this.#agent = isSecure ? new HttpsAgent(options) : new HttpAgent(options)
    this.#ask = isSecure ? httpsRequest : httpRequest
  }

  /** What `take` makes of the answer, whose body it has read when it returns. Fails with what the system says, or `Unanswered`. */
  async exchange<T>(request: HttpRequest, take: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    const { method, url, parts } = request
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    const asksFirst = bytes >= ASK_FIRST_BYTES
    const headers = { ...request.headers, ...(asksFirst ? { expect: '100-continue' } : {}) }
    const message = this.#ask(url, { method, headers, agent: this.#agent })
    const watch = new Watch(message, bytes, this.#limits)
    this.#watches.add(watch)
    let answer: IncomingMessage | undefined
    try {
      const answered = answerTo(message)
      // It may fail while the body is being sent, before anybody waits for it.
      answered.catch(() => undefined)
      if (asksFirst) message.flushHeaders()
      if (!asksFirst || (await isWanted(message, answered)))
        await Promise.race([pour(message, parts), answered])
      answer = await answered
      // Whoever agrees has not seen what it agrees to.
      if (isSuccess(answer) && !message.writableEnded)
        throw new Unanswered('the answer came before all was sent')
      return await Promise.race([take({ message: answer, expect: (more) => watch.add(more) }), watch.failed])
    } catch (error) {
      throw watch.failure ?? error
    } finally {
      watch.end()
      this.#watches.delete(watch)
      // A body that was not sent, or not read, to its end: the connection is of no more use.
      if (!message.writableFinished || answer?.complete !== true) message.destroy()
    }
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#hurry)
    this.#agent.destroy()
  }
}

const hurried = (limits: TimeLimits): TimeLimits => ({
  ...limits,
  silenceMs: Math.min(limits.silenceMs, HURRY_MS),
  requestMs: Math.min(limits.requestMs, HURRY_MS),
})

/** Ends a request that takes too long. Time begins when it has its connection. */
class Watch {
  readonly #message: ClientRequest
  #limits: TimeLimits
  #timer: NodeJS.Timeout | undefined
  #left: number
  #fail: (error: Error) => void = () => undefined
  failure: Error | undefined
  /** Never fulfilled. */
  readonly failed: Promise<never>

  constructor(message: ClientRequest, bytes: number, limits: TimeLimits) {
    this.#message = message
    this.#limits = limits
    this.#left = limits.requestMs + this.#timeFor(bytes)
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => undefined)
    message.setTimeout(limits.silenceMs, () =>
      this.#over(`nothing was heard for ${this.#limits.silenceMs / 1_000} s`),
    )
    message.once('socket', () => this.add(0))
  }

  add(bytes: number): void {
    if (this.#message.destroyed) return
    this.#left += this.#timeFor(bytes)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#over('it took too long'), this.#left)
  }

  /** Takes `limits` in place of its own. Time begins anew, also for one that has no connection yet. */
  hurry(limits: TimeLimits): void {
    if (this.#message.destroyed) return
    this.#left -= this.#limits.requestMs - limits.requestMs
    this.#limits = limits
    this.#message.setTimeout(limits.silenceMs)
    this.add(0)
  }

  #timeFor(bytes: number): number {
    return Math.ceil((bytes * 1_000) / this.#limits.bytesPerSecondMin)
  }

  #over(why: string): void {
    this.failure ??= new Unanswered(why)
    this.#message.destroy(this.failure)
    this.#fail(this.failure)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#message.setTimeout(0)
  }
}

function answerTo(message: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    message.once('response', resolve)
    // Stays: what fails later has an answer to fail with.
    message.on('error', reject)
    message.once('close', () => reject(new Unanswered('the connection was closed')))
  })
}

/** `false` where it has answered without the body. */
async function isWanted(message: ClientRequest, answered: Promise<IncomingMessage>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const goOn = new Promise<true>((resolve) => {
    message.once('continue', () => resolve(true))
    message.once('socket', (socket) => {
      // Not the time that it takes to connect.
      const begin = (): void => {
        timer = setTimeout(() => resolve(true), ASK_FIRST_MS)
      }
      if (socket.connecting) socket.once('connect', begin)
      else begin()
    })
  })
  try {
    return await Promise.race([goOn, answered.then(() => false)])
  } finally {
    clearTimeout(timer)
  }
}

/** Returns when all has been handed to the system. */
async function pour(message: ClientRequest, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE_BYTES) {
      if (message.destroyed) return
      if (!message.write(part.subarray(at, at + SLICE_BYTES))) await drained(message)
    }
  }
  message.end()
}

const isSuccess = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300

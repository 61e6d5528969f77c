/**
 * Signed requests to one bucket, and what their answers mean. Tries each once: only where the store finds our clock wrong it
 * asks again by the store's.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { AwsV4Signer } from 'aws4fetch'
import { SnapError } from '../../model/errors.ts'
import type { S3Address } from './address.ts'
import { readComplaint, type S3Complaint } from './answers.ts'
import { readText } from './bodies.ts'
import { Connections, type HttpAnswer, TIME_LIMITS, type TimeLimits } from './connections.ts'
import type { S3Credentials } from './credentials.ts'
import { answerError, codeIn, connectionError, type S3Place, statusIn } from './errors.ts'

/** Longer ones are no errors of an S3 store. */
const COMPLAINT_BYTES_MAX = 65_536
/** Those of HEAD have no body that says why. */
const UNEXPLAINED: ReadonlySet<number | undefined> = new Set([301, 307, 400, 403])
const NOTHING_SHA256 = createHash('sha256').digest('hex')

export type S3Request = {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** In the bucket, whole; empty for the bucket itself. */
  readonly name: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly parts?: readonly Uint8Array[]
  /** For messages: `store packs/3f/aa`. */
  readonly action: string
  /** Statuses that `take` understands. */
  readonly statuses: readonly number[]
}

export class S3Client implements Disposable {
  readonly #address: S3Address
  readonly #credentials: S3Credentials
  readonly #place: S3Place
  readonly #connections: Connections
  readonly #signingKeys = new Map<string, ArrayBuffer>()
  /** The store's clock is so much before ours, ms. */
  #skewMs = 0
  #wasHeard = false

  /** `signal`: as `Connections` has it. */
  constructor(
    address: S3Address,
    credentials: S3Credentials,
    limits: TimeLimits = TIME_LIMITS,
    signal?: AbortSignal,
  ) {
    this.#address = address
    this.#credentials = credentials
    this.#place = { bucket: address.bucket, description: address.bucketText }
    this.#connections = new Connections(new URL(address.bucketUrl).protocol, limits, signal)
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]()
  }

  /** What `take` makes of an answer with one of `statuses`; a `SnapError` for any other, and for none. */
  async ask<T>(request: S3Request, take: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    try {
      return await this.#askOnce(request, take)
    } catch (error) {
      if (request.method === 'HEAD' && UNEXPLAINED.has(statusIn(error)) && codeIn(error) === '')
        return await this.#explained(request, error)
      if (codeIn(error) !== 'RequestTimeTooSkewed' || this.#skewMs === 0) throw error
    }
    return await this.#askOnce(request, take)
  }

  async #askOnce<T>(request: S3Request, take: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    const { method, parts = [], action } = request
    try {
      const { url, headers } = await this.#signed(request)
      return await this.#connections.exchange({ method, url, headers, parts }, async (answer) => {
        this.#wasHeard = true
        const { statusCode: status = 0 } = answer.message
        if (request.statuses.includes(status)) return await take(answer)
        const said = await this.#complaintIn(answer.message)
        // It has no body to say it in.
        const code = method === 'HEAD' && status === 404 ? 'NotFound' : said.code
        throw answerError(action, status, { ...said, code }, this.#place)
      })
    } catch (error) {
      if (error instanceof SnapError) throw error
      throw connectionError(action, error, this.#wasHeard, this.#place)
    }
  }

  async #signed({ method, name, query = {}, headers = {}, parts = [] }: S3Request) {
    const { accessKey, secretKey, sessionToken } = this.#credentials
    const path = name.split('/').map(encodeURIComponent).join('/')
    const search = new URLSearchParams(query).toString().replaceAll('+', '%20')
    const signer = new AwsV4Signer({
      method,
      url: `${this.#address.bucketUrl}${path}${search === '' ? '' : `?${search}`}`,
      // The store holds what arrives against the sum, and the sum against the signature.
      headers: { ...headers, 'x-amz-content-sha256': sha256(parts) },
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region: this.#address.region,
      cache: this.#signingKeys,
      datetime: new Date(Date.now() + this.#skewMs).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    })
    const signed = await signer.sign()
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const withBody = method === 'PUT' ? { 'content-length': `${length}` } : {}
    const all = { ...Object.fromEntries(signed.headers), ...withBody, 'accept-encoding': 'identity' }
    return { url: signed.url, headers: all }
  }

  async #complaintIn(message: IncomingMessage): Promise<S3Complaint> {
    const text = await readText(message, COMPLAINT_BYTES_MAX).catch(() => '')
    const said = readComplaint(text)
    const there = Date.parse(message.headers.date ?? '')
    if (said.code === 'RequestTimeTooSkewed' && Number.isFinite(there)) this.#skewMs = there - Date.now()
    const region = message.headers['x-amz-bucket-region']
    return typeof region === 'string' ? { ...said, region } : said
  }

  /** Throws what the store says where it may say something, else `error`. */
  async #explained({ name, action }: S3Request, error: unknown): Promise<never> {
    const asked = { method: 'GET', name, action, headers: { range: 'bytes=0-0' }, statuses: [] } as const
    await this.#askOnce(asked, async () => undefined).catch((explained: unknown) => {
      if (codeIn(explained) !== '' && statusIn(explained) === statusIn(error)) throw explained
    })
    throw error
  }
}

function sha256(parts: readonly Uint8Array[]): string {
  if (parts.length === 0) return NOTHING_SHA256
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest('hex')
}

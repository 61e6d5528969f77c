/** Objects of one bucket by their whole names. It knows no object keys of ours and makes one try at each thing. */
import type { IncomingMessage } from 'node:http'
import type { ByteRange } from '../../model/storage.ts'
import { rangeWithin } from '../range.ts'
import type { S3Address } from './address.ts'
import { type ListPage, momentOf, readListPage, sizeOf } from './answers.ts'
import { discard, readBytes, readText } from './bodies.ts'
import { S3Client } from './client.ts'
import type { HttpAnswer, TimeLimits } from './connections.ts'
import type { S3Credentials } from './credentials.ts'
import { failed, isNoObject } from './errors.ts'

const PAGE_BYTES_MAX = 8_388_608

export type ObjectHead = {
  readonly bytes: number
  /** ms since the epoch, by the store's clock. */
  readonly storedAt: number
  /** When it answered, by the same clock. */
  readonly answeredAt: number
}

export class S3Bucket implements Disposable {
  readonly #client: S3Client
  readonly #where: string

  constructor(address: S3Address, credentials: S3Credentials, limits?: TimeLimits, signal?: AbortSignal) {
    this.#client = new S3Client(address, credentials, limits, signal)
    this.#where = address.bucketText
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }

  /** `false` where the name is taken and `isNew` asks for one that is not. */
  async put(name: string, parts: readonly Uint8Array[], isNew: boolean): Promise<boolean> {
    const condition = isNew ? { headers: { 'if-none-match': '*' } } : {}
    const action = `${isNew ? 'create' : 'store'} ${name}`
    const request = {
      method: 'PUT',
      name,
      parts,
      ...condition,
      action,
      statuses: isNew ? [200, 412] : [200],
    } as const
    return await this.#client.ask(request, async ({ message }) => {
      await discard(message)
      return message.statusCode === 200
    })
  }

  /** All of it, or `range`, which has a byte at least. `undefined` where there is no such object, `OBJECT_DAMAGED` where it is too short. */
  async get(name: string, range: ByteRange | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const headers =
      range === undefined ? {} : { range: `bytes=${range.offset}-${range.offset + range.bytes - 1}` }
    const statuses = range === undefined ? [200] : [200, 206, 416]
    return await unlessAbsent(() =>
      this.#client.ask({ method: 'GET', name, headers, action: `read ${name}`, statuses }, (answer) =>
        this.#bytesOf(answer, name, range),
      ),
    )
  }

  async #bytesOf({ message, expect }: HttpAnswer, name: string, range: ByteRange | undefined) {
    const { statusCode: status, headers } = message
    const action = `read ${name} in ${this.#where}`
    if (range !== undefined && status === 200)
      throw failed(action, 'the store, or a proxy, knows no ranges of objects', false)
    if (status === 416) return await this.#refusedRange(message, name, range)
    const { size, from, to } = rangeOf(headers['content-range'])
    const length = sizeOf(headers['content-length'])
    const total = range === undefined ? length : size
    if (total === undefined) throw failed(action, 'the answer does not say how long the object is', true)
    const wanted = rangeWithin(name, total, range)
    const isRight = range === undefined || (from === wanted.offset && to === wanted.offset + wanted.bytes - 1)
    if (!isRight || length !== wanted.bytes)
      throw failed(action, 'the answer has other bytes than were asked for', true)
    expect(wanted.bytes)
    return await readBytes(message, wanted.bytes)
  }

  /** Not every store says with it how long the object is. */
  async #refusedRange(
    message: IncomingMessage,
    name: string,
    range: ByteRange | undefined,
  ): Promise<undefined> {
    await discard(message)
    const head = await this.head(name)
    if (head === undefined) return undefined
    rangeWithin(name, head.bytes, range)
    throw failed(
      `read ${name} in ${this.#where}`,
      'the store finds the object too short, and long enough',
      true,
    )
  }

  /** `undefined` where there is no such object. */
  async head(name: string): Promise<ObjectHead | undefined> {
    const action = `look at ${name}`
    return await unlessAbsent(() =>
      this.#client.ask({ method: 'HEAD', name, action, statuses: [200] }, async ({ message }) => {
        await discard(message)
        const { headers } = message
        const bytes = sizeOf(headers['content-length'])
        const storedAt = momentOf(headers['last-modified'])
        if (bytes === undefined || storedAt === undefined)
          throw failed(`${action} in ${this.#where}`, 'the answer has no size or no time', true)
        return { bytes, storedAt, answeredAt: momentOf(headers.date) ?? storedAt }
      }),
    )
  }

  async remove(name: string): Promise<void> {
    const request = { method: 'DELETE', name, action: `remove ${name}`, statuses: [200, 204] } as const
    await unlessAbsent(() => this.#client.ask(request, ({ message }) => discard(message)))
  }

  /** `after`: what the page before says. */
  async page(prefix: string, after: string | undefined): Promise<ListPage & Pick<ObjectHead, 'answeredAt'>> {
    const more = after === undefined ? {} : { 'continuation-token': after }
    const query = { 'list-type': '2', prefix, ...more }
    const request = { method: 'GET', name: '', query, action: `list ${prefix}*`, statuses: [200] } as const
    return await this.#client.ask(request, async ({ message }) => {
      const page = readListPage(await readText(message, PAGE_BYTES_MAX))
      return { ...page, answeredAt: momentOf(message.headers.date) ?? 0 }
    })
  }
}

async function unlessAbsent<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isNoObject(error)) return undefined
    throw error
  }
}

/** As `Content-Range` has it; the last byte is `to`. */
function rangeOf(text: string | undefined): { size?: number; from?: number; to?: number } {
  const [, from, to, of] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(text ?? '') ?? []
  const size = sizeOf(of)
  return size === undefined ? {} : { size, from: Number(from), to: Number(to) }
}

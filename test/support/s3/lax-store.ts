/** Stores that speak S3 and do not keep to all of it: objects in memory, nobody's signature is looked at. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseS3Address, type S3Address } from '../../../src/storage/s3/address.ts'

export type Manner =
  | 'right'
  /** Knows no conditions. */
  | 'ignores'
  /** Looks whether the name is free, and takes it a moment later. */
  | 'looks first'
  | 'not implemented'
  /** Says no to the losers, and keeps the object of the last of them. */
  | 'keeps the last'

export class LaxStore implements AsyncDisposable {
  manner: Manner = 'right'
  /** Of the store's clock. */
  nowMs: number = Date.now()
  /** Methods and paths. */
  readonly asked: string[] = []
  readonly objects = new Map<string, { readonly bytes: Buffer; readonly at: number }>()
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (asked, answer) => void this.#answer(asked, answer))
  }

  static async start(): Promise<LaxStore> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new LaxStore(server)
  }

  address(prefix = ''): S3Address {
    const { port } = this.#server.address() as AddressInfo
    return parseS3Address(`s3:http://127.0.0.1:${port}/bucket/${prefix}`, undefined)
  }

  async #answer(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of asked) parts.push(part)
    const { method = '', url = '' } = asked
    const { pathname, searchParams } = new URL(url, 'http://store')
    const name = decodeURIComponent(pathname.slice('/bucket/'.length))
    this.asked.push(`${method} ${name}`)
    answer.setHeader('date', new Date(this.nowMs).toUTCString())
    if (method === 'PUT') return await this.#put(name, Buffer.concat(parts), asked, answer)
    if (searchParams.has('list-type')) return this.#list(searchParams.get('prefix') ?? '', answer)
    const object = this.objects.get(name)
    if (method === 'DELETE') {
      this.objects.delete(name)
      return void answer.writeHead(204).end()
    }
    if (object === undefined) return complain(answer, method, 404, 'NoSuchKey')
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? '') ?? []
    const bytes = first === undefined ? object.bytes : object.bytes.subarray(Number(first), Number(last) + 1)
    const headers = {
      'content-length': bytes.length,
      'last-modified': new Date(object.at).toUTCString(),
      ...(first === undefined ? {} : { 'content-range': `bytes ${first}-${last}/${object.bytes.length}` }),
    }
    answer.writeHead(first === undefined ? 200 : 206, headers).end(method === 'HEAD' ? undefined : bytes)
  }

  async #put(name: string, bytes: Buffer, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const isNew = asked.headers['if-none-match'] === '*'
    const isTaken = this.objects.has(name)
    const store = () => void this.objects.set(name, { bytes, at: this.nowMs })
    if (isNew && this.manner === 'not implemented') return complain(answer, 'PUT', 501, 'NotImplemented')
    if (isNew && this.manner === 'looks first') await sleep(5)
    if (isNew && isTaken && this.manner !== 'ignores') {
      if (this.manner === 'keeps the last') store()
      return complain(answer, 'PUT', 412, 'PreconditionFailed')
    }
    store()
    answer.writeHead(200).end()
  }

  #list(prefix: string, answer: ServerResponse): void {
    const found = [...this.objects].filter(([name]) => name.startsWith(prefix))
    const contents = found.map(
      ([name, { bytes, at }]) =>
        `<Contents><Key>${name}</Key><Size>${bytes.length}</Size><LastModified>${new Date(at).toISOString()}</LastModified></Contents>`,
    )
    answer
      .writeHead(200)
      .end(`<ListBucketResult>${contents.join('')}<IsTruncated>false</IsTruncated></ListBucketResult>`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function complain(answer: ServerResponse, method: string, status: number, code: string): void {
  answer.writeHead(status).end(method === 'HEAD' ? undefined : `<Error><Code>${code}</Code></Error>`)
}

/** A network between a client and an S3 store that does to chosen requests what networks, proxies and stores under load do. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Fault =
  /** The store never hears of it. */
  | 'reset'
  /** Nor is anybody answered. */
  | 'silent'
  | 'unavailable'
  | 'slow down'
  | 'bad gateway'
  /** The store does it, and nobody is told. */
  | 'lost answer'
  | 'answered 500'
  /** It is done twice, and the second answer is given. */
  | 'done twice'
  /** Half of the body, then the end of the connection. */
  | 'cut body'
  /** A body shorter than the store's, and a length to go with it. */
  | 'short body'
  | 'wrong byte'
  /** A range is answered with the whole object. */
  | 'no range'
  /** Bytes of what is stored change on the way. */
  | 'wrong byte up'

export type Seen = { readonly method: string; readonly path: string; readonly count: number }

export class FaultyProxy implements AsyncDisposable {
  /** Decides on each request. */
  plan: (seen: Seen) => Fault | undefined = () => undefined
  delayMs = 0
  /** Requests to which `isCounted` holds that were under way at once, at the most. */
  mostAtOnce = 0
  isCounted: (seen: Seen) => boolean = () => false
  #atOnce = 0
  /** Done to requests so far. */
  readonly done: { readonly fault: Fault; readonly method: string; readonly path: string }[] = []
  count = 0
  readonly #server: Server
  readonly #target: number

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('request', (asked, answer) => {
      const { method = '', url: path = '' } = asked
      if (this.isCounted({ method, path, count: this.count })) {
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
        answer.once('close', () => {
          this.#atOnce -= 1
        })
      }
      this.#pass(asked, answer).catch(() => asked.socket.destroy())
    })
  }

  /** `target`: the port of the store on the loopback. */
  static async start(target: number): Promise<FaultyProxy> {
    const server = createServer()
    const proxy = new FaultyProxy(server, target)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get place(): string {
    return `s3:http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = asked
    this.count += 1
    const fault = this.plan({ method, path, count: this.count })
    if (fault !== undefined) this.done.push({ fault, method, path })
    if (fault === 'reset') return void asked.socket.destroy()
    const body = await bodyOf(asked)
    if (fault === 'silent') return
    if (this.delayMs > 0) await sleep(this.delayMs)
    const refusal = fault === undefined ? undefined : REFUSALS[fault]
    if (refusal !== undefined && fault !== 'answered 500') return refuse(answer, method, refusal)
    if (fault === 'wrong byte up' && body.length > 0) body[body.length >> 1]! ^= 1
    const headers = { ...asked.headers }
    delete headers.expect
    if (fault === 'no range') delete headers['range']
    if (fault === 'done twice') await this.#forward(method, path, headers, body)
    const stored = await this.#forward(method, path, headers, body)
    if (fault === 'lost answer') return void asked.socket.destroy()
    if (refusal !== undefined) return refuse(answer, method, refusal)
    give(answer, stored, fault)
  }

  #forward(method: string, path: string, headers: IncomingMessage['headers'], body: Buffer): Promise<Stored> {
    return new Promise((resolve, reject) => {
      const passed = request({ host: '127.0.0.1', port: this.#target, method, path, headers }, (answer) => {
        bodyOf(answer).then((received) => resolve({ answer, body: received }), reject)
      })
      passed.once('error', reject)
      passed.end(body)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

type Stored = { readonly answer: IncomingMessage; readonly body: Buffer }

const REFUSALS: Readonly<Partial<Record<Fault, readonly [number, string]>>> = {
  unavailable: [503, 'ServiceUnavailable'],
  'slow down': [503, 'SlowDown'],
  'bad gateway': [502, ''],
  'answered 500': [500, 'InternalError'],
}

function refuse(answer: ServerResponse, method: string, [status, code]: readonly [number, string]): void {
  const body =
    code === '' ? '<html>Bad Gateway</html>' : `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`
  answer.writeHead(status, { 'content-length': Buffer.byteLength(body) })
  answer.end(method === 'HEAD' ? undefined : body)
}

function give(answer: ServerResponse, { answer: stored, body }: Stored, fault: Fault | undefined): void {
  const { statusCode: status = 0, headers } = stored
  if (fault === 'wrong byte' && body.length > 0) body[body.length >> 1]! ^= 1
  if (fault === 'short body' && body.length > 0) {
    const short = body.subarray(0, body.length >> 1)
    answer.writeHead(status, { ...headers, 'content-length': short.length }).end(short)
  } else if (fault === 'cut body' && body.length > 0) {
    answer.writeHead(status, headers)
    answer.write(body.subarray(0, body.length >> 1), () => answer.socket?.destroy())
  } else answer.writeHead(status, headers).end(body)
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of message) parts.push(part)
  return Buffer.concat(parts)
}

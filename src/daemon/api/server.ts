/**
 * The API over HTTP, on the loopback or a Unix socket: who may, what is asked, and how it is answered. What the operations do
 * it does not know.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { chmodSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ListenAddress } from '../../jobs/config/config.ts'
import { hasCode, messageOf, SnapError } from '../../model/errors.ts'
import { Connections } from './connections.ts'
import { openApiDocument } from './openapi.ts'
import { type Answer, type Call, type DaemonPort, OPERATIONS, type Operation } from './operations.ts'

export type ApiOptions = {
  readonly address: ListenAddress
  /** Without one everybody who reaches the address may use it: of a Unix socket alone. */
  readonly token: string | undefined
  readonly version: string
  /** Of what is a mistake of ours. */
  readonly warn: (text: string) => void
}

export type Api = AsyncDisposable & {
  /** `http://127.0.0.1:PORT`, or `unix:PATH`. */
  readonly place: string
}

const BODY_BYTES_MAX = 65_536
const CONNECTIONS_MAX = 128
/** Of them, those that wait for what happens: others are always answered. */
const STREAMS_MAX = 64
const REQUEST_TIMEOUT_MS = 30_000
/** Of a request until its last header, of a connection between two requests, and between two looks for who is late. ms */
const HEADERS_TIMEOUT_MS = 5_000
const KEEP_ALIVE_MS = 5_000
const CHECK_MS = 1_000
const SOCKET_MODE = 0o600

const DOCUMENT = '/v1/openapi.json'
const STATUS_OF: Readonly<Record<string, number>> = { USAGE: 400, RUN_UNKNOWN: 404, JOB_RUNNING: 409 }

/** `USAGE` where it cannot listen there. */
export async function serveApi(daemon: DaemonPort, options: ApiOptions): Promise<Api> {
  const timeouts = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
  }
  const serving: Serving = { daemon, options, streams: new Set() }
  const server = createServer(timeouts, (request, response) => {
    answer(serving, connections, request, response).catch((error: unknown) => options.warn(messageOf(error)))
  })
  const connections = new Connections(server, CONNECTIONS_MAX)
  const place = await listen(server, options.address)
  server.on('error', (error) => options.warn(`the API: ${messageOf(error)}`))
  return {
    place,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, address: ListenAddress): Promise<string> {
  const isUnix = address.kind === 'unix'
  try {
    if (isUnix) removeSocket(address.path)
    // Nobody else may connect in the moment before its mode is set.
    const before = isUnix ? process.umask(0o177) : undefined
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.once('listening', () => {
          server.off('error', reject)
          resolve()
        })
        if (isUnix) server.listen(address.path)
        else server.listen(address.port, address.host)
      })
    } finally {
      if (before !== undefined) process.umask(before)
    }
    if (isUnix) chmodSync(address.path, SOCKET_MODE)
  } catch (cause) {
    const where = isUnix ? address.path : `${address.host}:${address.port}`
    throw new SnapError('USAGE', `the API cannot listen at ${where}: ${messageOf(cause)}`, {
      hint: 'Is another daemon running? Choose another address with daemon.listen.',
      cause,
    })
  }
  const bound = server.address()
  if (typeof bound === 'string' || bound === null) return `unix:${String(bound)}`
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}

/** One that a killed daemon left. What else lies there stays, and listening fails. */
function removeSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path)
}

type Serving = {
  readonly daemon: DaemonPort
  readonly options: ApiOptions
  readonly streams: Set<ServerResponse>
}

async function answer(
  { daemon, options, streams }: Serving,
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.on('error', () => gone.abort())
  try {
    const url = urlOf(request)
    const found = url && operationAt(request.method ?? '', url.pathname)
    const isDocument = url?.pathname === DOCUMENT && (request.method === 'GET' || request.method === 'HEAD')
    if (found?.operation.isOpen !== true && !isDocument && !mayUse(request, options.token)) {
      response.setHeader('www-authenticate', 'Bearer')
      send(response, { status: 401, json: errorBody('UNAUTHORIZED', 'the token is missing or wrong') })
      return
    }
    if (url === undefined) throw new SnapError('USAGE', 'the address cannot be understood')
    if (isDocument) {
      send(response, { status: 200, json: openApiDocument(OPERATIONS, options.version) })
      return
    }
    if (found === undefined) {
      const isKnown = OPERATIONS.some(({ path }) => parametersOf(path, url.pathname) !== undefined)
      const status = isKnown || url.pathname === DOCUMENT ? 405 : 404
      send(response, { status, json: errorBody('UNKNOWN', `no operation ${request.method} ${url.pathname}`) })
      return
    }
    const { operation, parameters } = found
    if (operation.isOpen !== true) connections.use(response)
    if (operation.isStream === true && !takesPlace(streams, response)) {
      send(response, { status: 503, json: errorBody('BUSY', `${STREAMS_MAX} listen already`) })
      return
    }
    const body = operation.method === 'POST' ? await bodyOf(request) : undefined
    const call: Call = { parameters, query: url.searchParams, body, response, signal: gone.signal }
    send(response, await operation.run(daemon, call))
  } catch (error) {
    if (!gone.signal.aborted) sendError(response, error, options)
  }
}

/** `undefined` for what is no address. */
function urlOf({ url = '/' }: IncomingMessage): URL | undefined {
  if (url.startsWith('//') || !URL.canParse(url, 'http://localhost')) return undefined
  return new URL(url, 'http://localhost')
}

/** `false` where all are taken. */
function takesPlace(streams: Set<ServerResponse>, response: ServerResponse): boolean {
  if (streams.size >= STREAMS_MAX) return false
  streams.add(response)
  response.once('close', () => streams.delete(response))
  return true
}

function sendError(response: ServerResponse, error: unknown, { warn }: ApiOptions): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const status = error instanceof SnapError ? (STATUS_OF[error.code] ?? 500) : 500
  if (status === 500) warn(`a request failed: ${messageOf(error)}`)
  const code = error instanceof SnapError ? error.code : 'FAILED'
  const text = status === 500 && !hasCode(error, 'STATE_FAILED') ? 'it failed' : messageOf(error)
  send(response, { status, json: errorBody(code, text) })
}

const errorBody = (error: string, message: string): unknown => ({ error, message })

function send(response: ServerResponse, given: Answer): void {
  if (given === 'streamed' || response.writableEnded) return
  const isJson = 'json' in given
  response.writeHead(given.status, {
    'content-type': isJson ? 'application/json' : given.type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(isJson ? `${JSON.stringify(given.json)}\n` : given.text)
}

function operationAt(
  method: string,
  pathname: string,
): { readonly operation: Operation; readonly parameters: ReadonlyMap<string, string> } | undefined {
  for (const operation of OPERATIONS) {
    const isAsked =
      operation.method === method ||
      (method === 'HEAD' && operation.method === 'GET' && operation.isStream !== true)
    if (!isAsked) continue
    const parameters = parametersOf(operation.path, pathname)
    if (parameters !== undefined) return { operation, parameters }
  }
  return undefined
}

function parametersOf(path: string, pathname: string): ReadonlyMap<string, string> | undefined {
  const expected = path.split('/')
  const given = pathname.split('/')
  if (expected.length !== given.length) return undefined
  const parameters = new Map<string, string>()
  for (const [index, part] of expected.entries()) {
    const text = given[index] ?? ''
    const name = /^\{(.+)\}$/.exec(part)?.[1]
    if (name === undefined) {
      if (part !== text) return undefined
    } else parameters.set(name, decoded(text))
  }
  return parameters
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The time that it takes says nothing of the token. */
function mayUse(request: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(token))
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX) throw new SnapError('USAGE', 'the body is too large')
    parts.push(part)
  }
  if (bytes === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
  } catch {
    throw new SnapError('USAGE', 'the body is no JSON')
  }
}

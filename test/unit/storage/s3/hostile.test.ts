import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createPlain, type Server, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { RetryPolicy } from '../../../../src/base/retry.ts'
import { SnapError } from '../../../../src/model/errors.ts'
import type { Storage } from '../../../../src/model/storage.ts'
import { parseS3Address } from '../../../../src/storage/s3/address.ts'
import { HURRY_MS, TIME_LIMITS } from '../../../../src/storage/s3/connections.ts'
import { openS3, type S3Parts } from '../../../../src/storage/s3/s3.ts'
import { pattern } from '../../../contract/storage.ts'

const CREDENTIALS = { accessKey: 'A', secretKey: 'top/secret', sessionToken: 'token' }
const AT_ONCE: RetryPolicy = { attempts: 3, firstPauseMs: 1, pauseMsMax: 1 }
const LIMITS = { silenceMs: 300, requestMs: 1_000, bytesPerSecondMin: 1_000_000 }
const BEGINNING =
  'HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 20:00:00 GMT\r\nLast-Modified: Sun, 22 Nov 2026 20:00:00 GMT\r\n'

async function at(server: Server, parts: S3Parts = {}): Promise<Storage> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  const { port } = server.address() as AddressInfo
  const address = parseS3Address(`s3:http://127.0.0.1:${port}/bucket/p`, undefined)
  const storage = openS3(address, CREDENTIALS, { retryPolicy: AT_ONCE, timeLimits: LIMITS, ...parts })
  onTestFinished(async () => {
    await storage[Symbol.asyncDispose]()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return storage
}

/** Answers each request on a connection with what `answer` does to it. */
const plain = (answer: (socket: Socket, turn: number) => void): Promise<Storage> => {
  let turn = 0
  return at(
    createPlain((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', () => answer(socket, ++turn))
    }),
  )
}
const http = (listener: RequestListener): Promise<Storage> => at(createServer(listener))

async function failure(run: Promise<unknown>): Promise<SnapError> {
  const thrown: unknown = await run.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(SnapError)
  const { message, hint, stack } = thrown as SnapError
  for (const said of [message, hint ?? '', stack ?? '']) expect(said).not.toContain(CREDENTIALS.secretKey)
  return thrown as SnapError
}

async function listed(storage: Storage): Promise<void> {
  for await (const { key } of storage.list('')) expect(key).toBe('never')
}

const startedAt = (): (() => number) => {
  const start = performance.now()
  return () => performance.now() - start
}

describe('a server that is no store, or a bad one,', () => {
  it('which says nothing is given up', async () => {
    const took = startedAt()
    const storage = await plain(() => undefined)
    expect((await failure(storage.stat('config'))).message).toContain('nothing was heard for 0.3 s')
    expect(took()).toBeLessThan(5_000)
  })

  it('which says nothing, or sends byte by byte, has little time once we are to end, and is asked once', async () => {
    const controller = new AbortController()
    let asked = 0
    const server = createPlain((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        asked += 1
        if (bytes.toString().startsWith('HEAD')) return
        socket.write(`${BEGINNING}Content-Length: 1000\r\n\r\n`)
        const timer = setInterval(() => socket.write('x'), 50)
        socket.on('close', () => clearInterval(timer))
      })
    })
    const storage = await at(server, { timeLimits: TIME_LIMITS, signal: controller.signal })
    const warned = vi.fn()
    process.on('warning', warned)
    const underWay = [...Array.from({ length: 20 }, () => storage.stat('config')), storage.read('config')]
    const results = Promise.allSettled(underWay)
    await vi.waitFor(() => expect(asked).toBe(16))
    const took = startedAt()
    controller.abort(new SnapError('INTERRUPTED', 'ended'))
    for (const result of await results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'INTERRUPTED' } })
    expect(asked).toBeLessThanOrEqual(21)
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(took()).toBeGreaterThan(2 * HURRY_MS - 100)
    expect(took()).toBeLessThan(4 * HURRY_MS)
    process.off('warning', warned)
    expect(warned).not.toHaveBeenCalled()
  }, 40_000)

  it('which sends a body byte by byte is given up', async () => {
    const storage = await plain((socket) => {
      socket.write(`${BEGINNING}Content-Length: 100000\r\n\r\n`)
      const timer = setInterval(() => socket.write('x'), 50)
      socket.on('close', () => clearInterval(timer))
    })
    const took = startedAt()
    const error = await failure(storage.read('config'))
    expect([error.code, error.message]).toEqual([
      'STORAGE_FAILED',
      expect.stringContaining('it took too long'),
    ])
    expect(took()).toBeLessThan(10_000)
  }, 20_000)

  it('which claims a size that no object has is not believed', async () => {
    const storage = await plain((socket) => socket.write(`${BEGINNING}Content-Length: ${2 ** 40}\r\n\r\n`))
    const error = await failure(storage.read('packs/aa'))
    expect([error.code, error.message]).toEqual([
      'OBJECT_DAMAGED',
      expect.stringContaining('no object has more than'),
    ])
  })

  it.each([
    ['ends too early', `${BEGINNING}Content-Length: 10\r\n\r\nshort`],
    ['does not say how long it is', `${BEGINNING}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
    ['has a length that is no number', `${BEGINNING}Content-Length: ten\r\n\r\nabcdefghij`],
    ['is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['is nothing', ''],
    ['has endless headers', `${BEGINNING}${'X-A: b\r\n'.repeat(100_000)}`],
    [
      'is an endless error',
      `HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n${'ffff\r\n'}${'x'.repeat(65_535)}\r\n`.repeat(
        1,
      ),
    ],
  ])(
    'whose answer %s has failed',
    async (_, answer) => {
      const storage = await plain((socket) => {
        socket.write(answer)
        if (!answer.includes('403')) socket.end()
      })
      expect((await failure(storage.read('config'))).code).toBe('STORAGE_FAILED')
    },
    20_000,
  )

  it('whose answer to a range is another range, or more, has failed', async () => {
    for (const [range, body] of [
      ['bytes 0-4/100', 'abcde'],
      ['bytes 10-13/100', 'abcd'],
      ['bytes 10-14/*', 'abcde'],
      ['bytes 10-14/100', 'abcdefgh'],
    ]) {
      const storage = await http((_, answer) => {
        answer.writeHead(206, { 'content-range': range, 'content-length': body!.length }).end(body)
      })
      expect((await failure(storage.read('config', { offset: 10, bytes: 5 }))).code, range).toBe(
        'STORAGE_FAILED',
      )
    }
  })

  it('that sends elsewhere is not followed', async () => {
    const asked: string[] = []
    const elsewhere = await http((request, answer) => {
      asked.push(request.url ?? '')
      answer.end()
    })
    const storage = await http((_, answer) => {
      answer.writeHead(301, { location: elsewhere.description.slice(3) }).end()
    })
    const error = await failure(storage.read('config'))
    expect([error.message, error.hint]).toEqual([
      expect.stringContaining('301'),
      expect.stringContaining('elsewhere'),
    ])
    expect(asked).toEqual([])
  })

  it('that is a website is told from a store', async () => {
    const storage = await http((_, answer) => {
      answer.writeHead(404, { 'content-type': 'text/html' }).end('<!doctype html><p>Not found')
    })
    expect((await failure(storage.read('config'))).code).toBe('STORAGE_FAILED')
    const listing = failure(listed(storage))
    expect((await listing).hint).toContain('is an S3 store there?')
  })

  it('that lists without end gets tired of it', async () => {
    let asked = 0
    const storage = await http((_, answer) => {
      asked += 1
      answer.end(
        `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${asked % 3}</NextContinuationToken></ListBucketResult>`,
      )
    })
    expect((await failure(listed(storage))).message).toContain('the same page again and again')
    expect(asked).toBe(4)
  })

  it('that agrees before it has a body has not stored it', async () => {
    let asked = 0
    const storage = await plain((socket, turn) => {
      asked = turn
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
    const error = await failure(storage.put('packs/aa', [pattern(8_000_000)]))
    expect(error.message).toContain('the answer came before all was sent')
    expect(asked).toBe(AT_ONCE.attempts)
  })
})

describe('a store', () => {
  it('that refuses a large body before it is sent is heard', async () => {
    let received = 0
    const server = createServer()
    server.on('checkContinue', (request, answer) => {
      request.on('data', (part: Buffer) => {
        received += part.length
      })
      answer.writeHead(403, { connection: 'close' }).end('<Error><Code>AccessDenied</Code></Error>')
    })
    server.on('request', (_, answer) => answer.end())
    const storage = await at(server)
    const error = await failure(storage.put('packs/aa', [pattern(8_000_000)]))
    expect(error.message).toContain('403 AccessDenied')
    expect(error.hint).toContain('The key needs permission')
    expect(received).toBe(0)
  })

  it('behind a proxy that never says to go on gets the body all the same', async () => {
    const bytes = pattern(3_000_000)
    const bodies: Buffer[] = []
    const server = createServer()
    server.on('checkContinue', (request, answer) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        bodies.push(Buffer.concat(parts))
        answer.end()
      })
    })
    const address = await at(server).then(({ description }) => description)
    const patient = openS3(parseS3Address(address, undefined), CREDENTIALS, { retryPolicy: AT_ONCE })
    await patient.put('packs/aa', [bytes.subarray(0, 1), bytes.subarray(1)])
    await patient[Symbol.asyncDispose]()
    expect(bodies.map((body) => Buffer.compare(body, bytes))).toEqual([0])
  })

  it('whose clock is years away from ours is asked by its own', async () => {
    const moments: string[] = []
    const there = Date.parse('2031-05-06T07:08:09Z')
    const storage = await http((request, answer) => {
      const asked = `${request.headers['x-amz-date']}`
      moments.push(asked)
      answer.setHeader('date', new Date(there).toUTCString())
      if (asked.startsWith('20310506')) answer.end('now')
      else answer.writeHead(403).end('<Error><Code>RequestTimeTooSkewed</Code></Error>')
    })
    expect(Buffer.from(await storage.read('config')).toString()).toBe('now')
    await storage.read('config')
    expect(moments.length).toBe(3)
    expect(moments.slice(1).every((moment) => moment.startsWith('20310506T0708'))).toBe(true)
  })

  it('whose clock never fits is told of', async () => {
    const storage = await http((_, answer) => {
      answer.writeHead(403).end('<Error><Code>RequestTimeTooSkewed</Code></Error>')
    })
    expect((await failure(storage.read('config'))).hint).toContain('Set the clock')
  })

  it.each([
    [403, 'QuotaExceeded', 'REPOSITORY_FULL', 1],
    [507, '', 'REPOSITORY_FULL', 1],
    [400, 'AuthorizationHeaderMalformed', 'STORAGE_FAILED', 1],
    [403, 'AccessDenied', 'STORAGE_FAILED', 1],
    [404, 'NoSuchBucket', 'STORAGE_FAILED', 1],
    [503, 'SlowDown', 'STORAGE_FAILED', 3],
    [429, '', 'STORAGE_FAILED', 3],
    [500, 'InternalError', 'STORAGE_FAILED', 3],
    [400, 'RequestTimeout', 'STORAGE_FAILED', 3],
    [409, 'ConditionalRequestConflict', 'STORAGE_FAILED', 3],
    [400, 'BadDigest', 'STORAGE_FAILED', 3],
  ])('that answers %i %s fails with %s after %i tries', async (status, code, expected, tries) => {
    let asked = 0
    const storage = await http((request, answer) => {
      asked += 1
      request.resume()
      answer
        .writeHead(status)
        .end(code === '' ? '' : `<Error><Code>${code}</Code><Region>eu-north-1</Region></Error>`)
    })
    const error = await failure(storage.put('packs/aa', [pattern(10)]))
    expect([error.code, asked]).toEqual([expected, tries])
    if (code === 'AuthorizationHeaderMalformed') expect(error.hint).toContain('eu-north-1')
  })

  it('that never answered is not asked again where the address is wrong', async () => {
    const sleep = vi.fn(async () => undefined)
    const address = parseS3Address('s3:http://127.0.0.1:1/bucket', undefined)
    const storage = openS3(address, CREDENTIALS, { retryPolicy: { ...AT_ONCE, sleep } })
    expect((await failure(storage.stat('config'))).message).toContain('connection refused')
    expect(sleep).not.toHaveBeenCalled()
  })

  it('that has closed a kept connection meanwhile is asked on another', async () => {
    let requests = 0
    const server = createServer({ keepAliveTimeout: 1 }, (_, answer) => {
      requests += 1
      answer.end('ok')
      answer.once('finish', () => setTimeout(() => answer.socket?.destroy(), 5))
    })
    const storage = await at(server)
    for (let round = 0; round < 5; round += 1) {
      await storage.read('config')
      await new Promise((resolve) => setTimeout(resolve, 6))
    }
    expect(requests).toBeGreaterThanOrEqual(5)
  })

  it('is asked with a session token, and without a body by a sum of nothing', async () => {
    const headers: NodeJS.Dict<string | string[]>[] = []
    const storage = await http((request, answer) => {
      headers.push(request.headers)
      answer.end('x')
    })
    await storage.read('config')
    expect(headers[0]).toMatchObject({
      'x-amz-security-token': 'token',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    })
    expect(headers[0]?.['authorization']).toMatch(
      /^AWS4-HMAC-SHA256 Credential=A\/\d{8}\/us-east-1\/s3\/aws4_request, SignedHeaders=host;/,
    )
  })
})

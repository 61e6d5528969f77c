import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { request } from '../../../../src/jobs/alerts/http.ts'
import { alertMessage, type Message } from '../../../../src/jobs/alerts/message.ts'
import { ping } from '../../../../src/jobs/alerts/ping.ts'
import { sendWebhook } from '../../../../src/jobs/alerts/send-webhook.ts'
import type { Ping, WebhookWay } from '../../../../src/jobs/config/channel.ts'
import type { SecretText } from '../../../../src/jobs/config/config.ts'
import { HttpServer, status } from '../../../support/http-server.ts'

const TOKEN = 'tOk3n-of-the-hook'
const PASSWORD = 'pa55-of-the-hook'

const message: Message = alertMessage(
  {
    event: 'raised',
    condition: {
      key: 'failed:nightly',
      kind: 'failed',
      severity: 'critical',
      title: 'nightly failed',
      text: 'the disk\nis full',
      hint: 'Make room.',
      job: 'nightly',
      repository: 'local',
      run: '17',
      lastGood: { id: '1a2b3c4d5e6f', time: Date.UTC(2025, 10, 18, 2) },
    },
    since: Date.UTC(2025, 10, 19, 2),
    until: undefined,
  },
  { host: 'web1', now: Date.UTC(2025, 10, 19, 5, 30) },
)

let server: HttpServer
let directory: string
let controller: AbortController

beforeEach(async () => {
  server = await HttpServer.start()
  directory = mkdtempSync(join(tmpdir(), 'snap-hooks-'))
  controller = new AbortController()
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const text = (value: string): SecretText => ({ kind: 'text', text: value })
const hook = (url: string, headers: Record<string, string> = {}): WebhookWay => ({
  kind: 'webhook',
  url: text(url),
  headers: new Map(Object.entries(headers).map(([name, value]) => [name, text(value)])),
})
const ports = (timeoutMs = 5_000) => ({
  signal: controller.signal,
  timeoutMs,
  retries: { attempts: 3, firstPauseMs: 1, pauseMsMax: 2 },
})
const send = (way: WebhookWay, timeoutMs?: number): Promise<void> =>
  sendWebhook(way, message, ports(timeoutMs))

/** Why it was not delivered, after a look that no part of the error has a secret in it. */
async function failureOf(sending: Promise<unknown>): Promise<string> {
  const error = await sending.then(
    () => expect.unreachable('it was delivered'),
    (reason: unknown) => reason,
  )
  const all = inspect(error, { depth: 20, showHidden: true })
  expect(all).not.toContain(TOKEN)
  expect(all).not.toContain(PASSWORD)
  return (error as Error).message
}

describe('a webhook', () => {
  it('gets JSON with all that there is to say, and the headers of the configuration', async () => {
    await send(
      hook(`${server.address}/hooks/${TOKEN}?a=b`, { Authorization: `Bearer ${PASSWORD}`, 'X-Team': 'ops' }),
    )
    const [asked] = server.asked
    expect(asked).toMatchObject({
      method: 'POST',
      path: `/hooks/${TOKEN}?a=b`,
      headers: {
        authorization: `Bearer ${PASSWORD}`,
        'x-team': 'ops',
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'snap',
      },
    })
    expect(JSON.parse(asked!.body)).toEqual({
      message_type: 'alert',
      event: 'raised',
      key: 'failed:nightly',
      kind: 'failed',
      severity: 'critical',
      host: 'web1',
      job: 'nightly',
      repository: 'local',
      title: 'nightly failed',
      reason: 'the disk is full',
      hint: 'Make room.',
      run: '17',
      last_good: { id: '1a2b3c4d5e6f', time: '2025-11-18T02:00:00.000Z' },
      since: '2025-11-19T02:00:00.000Z',
      until: null,
      time: '2025-11-19T05:30:00.000Z',
      subject: '[snap] nightly failed on web1',
      text: `What: the disk is full
Since: 2025-11-19 02:00:00 UTC (3h 30m)
Last good snapshot: 1a2b3c4d of 2025-11-18 02:00:00 UTC
What to do: Make room.
Log: snap logs 17
Repository: local
`,
    })
    expect(server.asked).toHaveLength(1)
  })

  it('may have its address in a file, and a name and a password in it', async () => {
    const file = join(directory, 'url')
    writeFileSync(file, `${server.address.replace('http://', `http://me:${PASSWORD}@`)}/x\n`)
    await send({ kind: 'webhook', url: { kind: 'file', path: file }, headers: new Map() })
    const basic = Buffer.from(`me:${PASSWORD}`).toString('base64')
    expect(server.asked[0]).toMatchObject({ path: '/x', headers: { authorization: `Basic ${basic}` } })
  })

  it('is asked again where the server has trouble, and no more than so often', async () => {
    server.answer = (response, turn) => status(turn < 3 ? 503 : 204)(response, turn)
    await send(hook(server.address))
    expect(server.asked).toHaveLength(3)
    server.answer = status(500)
    expect(await failureOf(send(hook(`${server.address}/${TOKEN}`)))).toBe(
      `${server.address} answered with status 500`,
    )
    expect(server.asked).toHaveLength(6)
  })

  it.each([400, 401, 404, 410])('is not asked again where the answer is %i', async (code) => {
    server.answer = status(code)
    expect(await failureOf(send(hook(`${server.address}/${TOKEN}`)))).toBe(
      `${server.address} answered with status ${code}`,
    )
    expect(server.asked).toHaveLength(1)
  })

  it('does not follow a redirect, which would carry what it says to others', async () => {
    await using other = await HttpServer.start()
    for (const code of [301, 302, 307, 308]) {
      server.answer = status(code, { location: `${other.address}/${TOKEN}` })
      expect(await failureOf(send(hook(`${server.address}/${TOKEN}`)))).toBe(
        `${server.address} answered with a redirect (${code}), which is not followed`,
      )
    }
    expect(other.asked).toEqual([])
  })

  it('that never answers is given up after its time', async () => {
    server.answer = () => undefined
    const begin = performance.now()
    expect(await failureOf(send(hook(`${server.address}/${TOKEN}`), 1_000))).toBe(
      `${server.address} did not answer within 1s`,
    )
    expect(performance.now() - begin).toBeLessThan(5_000)
  })

  it('that answers without an end has answered', async () => {
    server.answer = (response) => {
      response.writeHead(200)
      response.write('x'.repeat(100_000))
    }
    await send(hook(server.address))
    expect(server.asked).toHaveLength(1)
  })

  it('that closes the connection is said to have', async () => {
    server.answer = (response) => void response.socket?.destroy()
    expect(await failureOf(send(hook(`${server.address}/${TOKEN}`)))).toBe(
      `${server.address} closed the connection without an answer`,
    )
  })

  it('that is not there is said to be so', async () => {
    const { address } = server
    await server[Symbol.asyncDispose]()
    expect(await failureOf(send(hook(`${address}/${TOKEN}`)))).toBe(
      `${address} cannot be reached: connection refused`,
    )
    expect(await failureOf(send(hook(`http://nowhere.invalid/${TOKEN}`)))).toMatch(
      /^http:\/\/nowhere\.invalid cannot be (found|reached): /,
    )
  })

  it('that speaks something else is said to fail, without what it said', async () => {
    server.answer = (response) => void response.socket?.end(`220 mail ${TOKEN}\r\n`)
    expect(await failureOf(send(hook(server.address)))).toMatch(/cannot be reached: HPE_/)
  })

  it('is left where the signal comes', async () => {
    server.answer = () => controller.abort(new Error('a signal'))
    await expect(send(hook(server.address))).rejects.toThrow('a signal')
    expect(server.asked).toHaveLength(1)
  })

  it.each([
    ['a line end', `${PASSWORD}\nX: y`],
    ['what is not Latin-1', `${PASSWORD}€`],
  ])('with %s in a header is not asked, and the header is named alone', async (_, value) => {
    expect(await failureOf(send(hook(`${server.address}/${TOKEN}`, { Authorization: value })))).toBe(
      `${server.address} was not asked: the header Authorization has characters that no header can have`,
    )
    expect(server.asked).toEqual([])
  })

  it.each([['file:///etc/passwd'], ['nonsense '], ['']])(
    'with %j for an address says what file has it',
    async (url) => {
      const file = join(directory, 'url')
      writeFileSync(file, `${url}${url === '' ? '' : TOKEN}`)
      const way: WebhookWay = { kind: 'webhook', url: { kind: 'file', path: file }, headers: new Map() }
      expect(await failureOf(send(way))).toBe(`${file} does not hold an address, as https://HOST/PATH`)
    },
  )

  it('whose secret file is not there names it', async () => {
    const way: WebhookWay = { kind: 'webhook', url: { kind: 'file', path: '/no/such' }, headers: new Map() }
    expect(await failureOf(send(way))).toBe('/no/such cannot be read: no such file or directory')
  })
})

describe('a request', () => {
  it('tells nothing that comes behind #', async () => {
    await request({ url: new URL(`${server.address}/x#${TOKEN}`), method: 'GET', headers: {} }, ports())
    expect(server.asked[0]?.path).toBe('/x')
  })
})

describe('a ping', () => {
  const one = (url: string): Ping => ({
    start: { url: text(url), suffix: '/start' },
    success: { url: text(url), suffix: '' },
    fail: { url: text(url), suffix: '/fail' },
  })
  const fast = { timeoutMs: 1_000, retries: { attempts: 3, firstPauseMs: 1, pauseMsMax: 2 } }

  it('tells beginning, success and failure at one address, as healthchecks.io has it', async () => {
    for (const base of [`${server.address}/p/${TOKEN}`, `${server.address}/p/${TOKEN}/`]) {
      server.asked.length = 0
      expect(await ping(one(base), 'start', '')).toBeUndefined()
      expect(await ping(one(base), 'success', 'saved 3 files')).toBeUndefined()
      expect(await ping(one(base), 'fail', 'the disk is full')).toBeUndefined()
      const end = base.endsWith('/') ? '/' : ''
      expect(server.asked.map(({ method, path, body }) => [method, path, body])).toEqual([
        ['GET', `/p/${TOKEN}/start`, ''],
        ['POST', `/p/${TOKEN}${end}`, 'saved 3 files'],
        ['POST', `/p/${TOKEN}/fail`, 'the disk is full'],
      ])
    }
  })

  it('keeps what stands behind the question mark', async () => {
    await ping(one(`${server.address}/p?rid=1`), 'fail', '')
    expect(server.asked[0]?.path).toBe('/p/fail?rid=1')
  })

  it('has no more to say than healthchecks.io keeps', async () => {
    await ping(one(server.address), 'fail', 'ä'.repeat(20_000))
    expect(Buffer.byteLength(server.asked[0]!.body)).toBeLessThanOrEqual(10_000)
  })

  it('that is not configured asks nobody', async () => {
    expect(await ping({ start: undefined, success: undefined, fail: undefined }, 'start', '')).toBeUndefined()
    expect(server.asked).toEqual([])
  })

  it('that is not taken is a warning, and tried again before that', async () => {
    server.answer = status(500)
    const warning = await ping(one(`${server.address}/${TOKEN}`), 'success', 'x', fast)
    expect(warning).toBe(`the ping of the success was not taken: ${server.address} answered with status 500`)
    expect(server.asked).toHaveLength(3)
  })

  it('to a server that hangs is a warning after its time', async () => {
    server.answer = () => undefined
    const begin = performance.now()
    expect(await ping(one(`${server.address}/${TOKEN}`), 'start', '', { ...fast, timeoutMs: 500 })).toContain(
      'did not answer within',
    )
    expect(performance.now() - begin).toBeLessThan(4_000)
  })

  it('to a file that is not there is a warning', async () => {
    const url: SecretText = { kind: 'file', path: '/no/such' }
    const pings: Ping = { start: { url, suffix: '' }, success: undefined, fail: undefined }
    expect(await ping(pings, 'start', '')).toContain('/no/such cannot be read')
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testMessage } from '../../../../src/jobs/alerts/message.ts'
import { sendMail } from '../../../../src/jobs/alerts/send-mail.ts'
import type { MailWay } from '../../../../src/jobs/config/channel.ts'
import { type Certificate, makeCertificate } from '../../../support/certificate.ts'
import { MailServer } from '../../../support/mail-server.ts'

const WRONG = 'wr0ng-pa55word'
const message = testMessage('mail', { host: 'wéb1', now: Date.UTC(2025, 10, 19) })

let directory: string
let certificate: Certificate
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'snap-mail-'))
  certificate = makeCertificate(directory)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const way = (port: number, more: Partial<MailWay> = {}): MailWay => ({
  kind: 'mail',
  to: ['ops@example.org', 'boss@example.org'],
  from: 'snap@example.org',
  server: { host: '127.0.0.1', port, tls: false },
  login: undefined,
  starttls: 'opportunistic',
  ...more,
})
const login = (text: string): MailWay['login'] => ({ user: 'me', password: { kind: 'text', text } })

const send = (to: MailWay, timeoutMs = 10_000, signal = new AbortController().signal): Promise<void> =>
  sendMail(to, message, { signal, timeoutMs })

async function failureOf(sending: Promise<void>): Promise<string> {
  const error = await sending.then(
    () => expect.unreachable('it was sent'),
    (reason: unknown) => reason,
  )
  const all = inspect(error, { depth: 20, showHidden: true })
  expect(all).not.toContain(WRONG)
  expect(all).not.toContain(Buffer.from(`\0me\0${WRONG}`).toString('base64'))
  expect(all).not.toContain(Buffer.from(WRONG).toString('base64'))
  return (error as Error).message
}

/** A server that says `greeting` and no more; '' says nothing at all. */
async function deaf(
  greeting: string,
): Promise<{ readonly port: number; readonly server: Server } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).resume()
    if (greeting !== '') socket.write(greeting)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    server,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('an e-mail', () => {
  it('goes to all, says who sends it, and asks nobody to answer', async () => {
    await using server = await MailServer.start({ disabledCommands: ['STARTTLS', 'AUTH'] })
    await send(way(server.port))
    expect(server.mails).toMatchObject([
      { from: 'snap@example.org', to: ['ops@example.org', 'boss@example.org'], isSecure: false },
    ])
    const { text } = server.mails[0]!
    expect(text).toMatch(/^From: snap <snap@example\.org>\r$/m)
    expect(text).toMatch(/^To: ops@example\.org, boss@example\.org\r$/m)
    expect(text.replaceAll(/\?=\r\n =\?UTF-8\?Q\?/g, '')).toContain(
      'Subject: =?UTF-8?Q?=5Bsnap=5D_test_of_channel_mail_on_w=C3=A9b1?=',
    )
    expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m)
    expect(text).toContain('nothing is wrong')
  })

  it('goes through TLS where a server of this machine offers it, with its own certificate too', async () => {
    await using server = await MailServer.start({ ...certificate })
    await send(way(server.port, { login: login('right') }))
    expect(server.mails).toMatchObject([{ isSecure: true, user: 'me' }])
  })

  it('has its password from a file', async () => {
    await using server = await MailServer.start({ ...certificate })
    const path = join(directory, 'password')
    writeFileSync(path, 'right\n')
    await send(way(server.port, { login: { user: 'me', password: { kind: 'file', path } } }))
    expect(server.logins).toEqual(['me:right'])
  })

  it('is not sent to a server whose certificate nobody trusts, where TLS is required', async () => {
    await using server = await MailServer.start({ ...certificate })
    const required = way(server.port, { login: login(WRONG), starttls: 'required' })
    expect(await failureOf(send(required))).toMatch(/^127\.0\.0\.1:\d+ has a certificate that is not trusted/)
    await using tls = await MailServer.start({ ...certificate, secure: true })
    const secure = way(tls.port, {
      server: { host: '127.0.0.1', port: tls.port, tls: true },
      login: login(WRONG),
      starttls: 'required',
    })
    expect(await failureOf(send(secure))).toMatch(/^127\.0\.0\.1:\d+ has a certificate that is not trusted/)
    expect([...server.logins, ...tls.logins, ...server.mails, ...tls.mails]).toEqual([])
  })

  it('is not sent, nor a password, to a server without TLS where that is required', async () => {
    await using server = await MailServer.start({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
    const required = way(server.port, { login: login(WRONG), starttls: 'required' })
    expect(await failureOf(send(required))).toMatch(/does not offer TLS as it should|answered: /)
    expect(server.logins).toEqual([])
    expect(server.mails).toEqual([])
  })

  it('with a wrong password says so, and not what the server says of it', async () => {
    await using server = await MailServer.start({ ...certificate })
    expect(await failureOf(send(way(server.port, { login: login(WRONG) })))).toBe(
      `127.0.0.1:${server.port} refuses the user or the password (535)`,
    )
    expect(server.logins).toContain(`me:${WRONG}`)
  })

  it('that is refused says in whose words, without a password in them', async () => {
    await using server = await MailServer.start({
      ...certificate,
      onMailFrom: (_, __, done) =>
        done(Object.assign(new Error(`not for\u001b[31m right you`), { responseCode: 550 })),
    })
    const failure = await failureOf(send(way(server.port, { login: login('right') })))
    expect(failure).toMatch(/^127\.0\.0\.1:\d+ answered: 550 not for \[31m \*\*\* you$/)
  })

  it('is sent where one of those who get it is refused', async () => {
    await using server = await MailServer.start({
      disabledCommands: ['STARTTLS', 'AUTH'],
      onRcptTo: ({ address }, _, done) => done(address.startsWith('boss') ? new Error('unknown') : null),
    })
    await send(way(server.port))
    expect(server.mails).toMatchObject([{ to: ['ops@example.org'] }])
  })

  it('to a server that is down says so', async () => {
    const { port } = await (async () => {
      await using server = await deaf('')
      return server
    })()
    expect(await failureOf(send(way(port)))).toBe(`127.0.0.1:${port} cannot be reached: connection refused`)
  })

  it.each([
    ['says nothing', ''],
    ['greets and says no more', '220 hello\r\n'],
  ])('to a server that %s is given up after its time', async (_, greeting) => {
    await using server = await deaf(greeting)
    const begin = performance.now()
    expect(await failureOf(send(way(server.port), 1_000))).toBe(
      `127.0.0.1:${server.port} did not answer within 1s`,
    )
    expect(performance.now() - begin).toBeLessThan(4_000)
    // The connection is gone too, so that the process may end.
    await expect
      .poll(() => new Promise((resolve) => server.server.getConnections((__, count) => resolve(count))))
      .toBe(0)
  })

  it('to what is no mail server says so', async () => {
    await using server = await deaf('HTTP/1.1 400 Bad Request\r\n\r\n')
    expect(await failureOf(send(way(server.port), 2_000))).toMatch(
      /does not speak SMTP|answered: |did not answer/,
    )
  })

  it('is left where the signal comes', async () => {
    await using server = await deaf('')
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('a signal')), 50)
    await expect(send(way(server.port), 10_000, controller.signal)).rejects.toThrow('a signal')
  })
})

/** A server of SMTP for the time of a test, which keeps what it was given. */
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export type Mail = {
  readonly from: string
  readonly to: readonly string[]
  readonly isSecure: boolean
  readonly user: unknown
  /** Headers and body. */
  readonly text: string
}

export class MailServer {
  readonly mails: Mail[] = []
  /** User and password of every try to log in. */
  readonly logins: string[] = []
  readonly #server: SMTPServer

  private constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      logger: false,
      closeTimeout: 1,
      onAuth: ({ username, password }, _, done) => {
        this.logins.push(`${username}:${password}`)
        // As careless servers do, it says what it was told.
        if (password === 'right') done(null, { user: username })
        else done(new Error(`no ${password} ${Buffer.from(`\0${username}\0${password}`).toString('base64')}`))
      },
      onData: (stream, session, done) => {
        const parts: Buffer[] = []
        stream.on('data', (part: Buffer) => parts.push(part))
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope
          this.mails.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            isSecure: session.secure,
            user: session.user,
            text: Buffer.concat(parts).toString(),
          })
          done()
        })
      },
      ...options,
    })
    this.#server.on('error', () => undefined) // clients that go away are part of the tests
  }

  static async start(options: SMTPServerOptions): Promise<MailServer> {
    const own = new MailServer(options)
    await new Promise<void>((resolve) => own.#server.listen(0, '127.0.0.1', resolve))
    return own
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

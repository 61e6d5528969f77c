/** A message as an e-mail, by way of nodemailer. What it says of failures goes through our own words: a server may repeat what it was told. */
import { formatDuration } from '../../base/duration.ts'
import { withoutSecrets } from '../../base/without-secrets.ts'
import type { MailWay } from '../config/channel.ts'
import { secretIn } from './address.ts'
import { connectionFailure } from './connection-failure.ts'
import type { Message } from './message.ts'
import { plainText } from './plain-text.ts'
import { timeLimit } from './time-limit.ts'

export type MailPorts = {
  readonly signal: AbortSignal
  /** From the beginning to the end. ms */
  readonly timeoutMs: number
}

export const MAIL_TIMEOUT_MS = 30_000

const REPLY_CHARS_MAX = 200
const RESPONSE_BYTES_MAX = 65_536

/** Resolves when the server took it for at least one of those who get it. Rejects with an `Error` that names the server. */
export async function sendMail(
  way: MailWay,
  message: Message,
  { signal, timeoutMs }: MailPorts,
): Promise<void> {
  const { server, login, from, to, starttls } = way
  const password = login === undefined ? undefined : secretIn(login.password)
  using limit = timeLimit(signal, timeoutMs)
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls,
    requireTLS: !server.tls && starttls === 'required',
    opportunisticTLS: !server.tls && starttls === 'opportunistic',
    // Whoever would go on without TLS gains nothing by asking for a certificate.
    tls: { rejectUnauthorized: server.tls || starttls === 'required' },
    ...(login === undefined ? {} : { auth: { user: login.user, pass: password }, forceAuth: true }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    socketCloseTimeout: 0,
    maxResponseSize: RESPONSE_BYTES_MAX,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    await transport.sendMail({
      from: { name: 'snap', address: from },
      to: to.map((address) => ({ name: '', address })),
      subject: message.subject,
      text: message.text,
      // So that nobody who is away answers.
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: limit.signal,
    })
  } catch (error) {
    signal.throwIfAborted()
    const secrets = login === undefined ? [] : [password ?? '', `\0${login.user}\0${password}`]
    const why = limit.isOver()
      ? `did not answer within ${formatDuration(timeoutMs)}`
      : failureOf(error, secrets)
    throw new Error(`${server.host}:${server.port} ${why}`)
  }
}

/** What follows the name of a server in a sentence. */
function failureOf(error: unknown, secrets: readonly string[]): string {
  const { code, responseCode, response } = fieldsOf(error)
  if (code === 'EAUTH' || code === 'ENOAUTH')
    return `refuses the user or the password${responseCode === undefined ? '' : ` (${responseCode})`}`
  if (responseCode !== undefined)
    return `answered: ${plainText(withoutSecrets(response, secrets), REPLY_CHARS_MAX)}`
  if (code === 'ETIMEDOUT') return 'did not answer in time'
  if (code === 'ETLS') return 'does not offer TLS as it should'
  if (code === 'ECONNECTION') return 'closed the connection without an answer'
  if (code === 'EPROTOCOL') return 'does not speak SMTP'
  return connectionFailure(error)
}

function fieldsOf(error: unknown): { code: unknown; responseCode: number | undefined; response: string } {
  const fields = new Map<string, unknown>(error instanceof Error ? Object.entries(error) : [])
  const responseCode = fields.get('responseCode')
  const response = fields.get('response')
  return {
    code: fields.get('code'),
    responseCode: typeof responseCode === 'number' ? responseCode : undefined,
    response: typeof response === 'string' ? response : '',
  }
}

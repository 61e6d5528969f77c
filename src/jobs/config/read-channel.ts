/** Channels that tell people, as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import { SnapError } from '../../model/errors.ts'
import { parseAddress } from '../alerts/address.ts'
import type { Channel, ChannelWay, MailWay, WebhookWay } from './channel.ts'
import type { SecretText } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { RawChannel, RawMail } from './schema/notifications.ts'
import { holdsToken } from './secrets-of.ts'
import type { ConfigPath } from './yaml-text.ts'

const WAYS = ['mail', 'webhook', 'command', 'log'] as const
type Way = (typeof WAYS)[number]

/** What else may be said of a channel. */
const KEYS_OF: Readonly<Record<Way, readonly (keyof RawChannel)[]>> = {
  mail: [],
  webhook: ['headers'],
  command: ['timeout'],
  log: [],
}
const KEYS_OF_ALL: readonly string[] = ['on', 'repeat']

/** Of a channel that does not say. ms */
const REPEAT_MS = 86_400_000
/** Of a command that does not say. ms */
const COMMAND_TIMEOUT_MS = 60_000
const PORTS = { smtp: 587, smtps: 465 } as const
const ADDRESS = /^[^\s@<>]+@[^\s@<>]+$/
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Headers in which nobody has a secret. */
const OPEN_HEADERS: readonly string[] = ['accept', 'content-type', 'user-agent']
const THIS_MACHINE = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/i

/** `undefined` where it cannot be told what it is. */
export function readChannel(reader: ConfigReader, name: string, raw: RawChannel): Channel | undefined {
  const path: ConfigPath = ['notifications', name]
  const ways = WAYS.filter((way) => raw[way] !== undefined)
  const [way] = ways
  if (way === undefined || ways.length > 1) {
    reader.problem(path, `expected one of ${WAYS.join(', ')}`)
    return undefined
  }
  for (const key of Object.keys(raw) as (keyof RawChannel)[]) {
    if (raw[key] === undefined || key === way || KEYS_OF_ALL.includes(key) || KEYS_OF[way].includes(key))
      continue
    const others = WAYS.filter((other) => KEYS_OF[other].includes(key))
    reader.problem([...path, key], `goes not with ${way}, but with ${others.join(', ')}`)
  }
  const read = readWay(reader, path, raw)
  if (read === undefined) return undefined
  return { name, on: raw.on, repeatMs: repeatOf(reader, path, raw), way: read }
}

function readWay(reader: ConfigReader, path: ConfigPath, raw: RawChannel): ChannelWay | undefined {
  const { mail, webhook, command, log, timeout } = raw
  if (mail !== undefined) return readMail(reader, [...path, 'mail'], mail)
  if (webhook !== undefined) return readWebhook(reader, path, webhook, raw)
  if (log !== undefined) return { kind: 'log', path: reader.absolute(log) }
  if (command === undefined) return undefined
  const timeoutMs = reader.optional([...path, 'timeout'], timeout, parseDuration) ?? COMMAND_TIMEOUT_MS
  return { kind: 'command', argv: reader.argv(command), timeoutMs }
}

function repeatOf(reader: ConfigReader, path: ConfigPath, { repeat }: RawChannel): number | undefined {
  if (repeat === 'never') return undefined
  return reader.optional([...path, 'repeat'], repeat, parseDuration) ?? REPEAT_MS
}

function readWebhook(
  reader: ConfigReader,
  path: ConfigPath,
  webhook: string,
  { headers = {} }: RawChannel,
): WebhookWay {
  const url = readAddress(reader, [...path, 'webhook'], webhook)
  const read = Object.entries(headers).map(([name, value]): [string, SecretText] => {
    const at = [...path, 'headers', name]
    if (!HEADER_NAME.test(name)) reader.problem(at, 'expected the name of a header')
    return [
      name,
      OPEN_HEADERS.includes(name.toLowerCase()) ? { kind: 'text', text: value } : reader.secret(at, value),
    ]
  })
  return { kind: 'webhook', url, headers: new Map(read) }
}

/** The address of a webhook: a secret, because who knows it may post there. */
export function readAddress(reader: ConfigReader, path: ConfigPath, text: string): SecretText {
  return checked(reader, path, reader.secret(path, text))
}

/** The address of a ping: one that plainly holds no token may be read by others. */
export function readPingAddress(reader: ConfigReader, path: ConfigPath, text: string): SecretText {
  const url: SecretText = holdsToken(text) ? reader.secret(path, text) : { kind: 'text', text }
  return checked(reader, path, url)
}

function checked(reader: ConfigReader, path: ConfigPath, url: SecretText): SecretText {
  if (url.kind === 'text') reader.parsed(path, () => inOurWords(() => parseAddress(url.text)))
  return url
}

function inOurWords<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new SnapError('USAGE', cause instanceof Error ? cause.message : String(cause))
  }
}

function readMail(reader: ConfigReader, path: ConfigPath, raw: RawMail): MailWay | undefined {
  const { to, from, user, password } = raw
  for (const [index, address] of to.entries())
    if (!ADDRESS.test(address))
      reader.problem([...path, 'to', index], 'expected an address, as ops@example.org')
  if (!ADDRESS.test(from)) reader.problem([...path, 'from'], 'expected an address, as snap@example.org')
  if ((user === undefined) !== (password === undefined))
    reader.problem(path, 'expected user and password, or neither')
  const server = reader.parsed([...path, 'server'], () => readServer(raw.server))
  if (server === undefined) return undefined
  const isHere = THIS_MACHINE.test(server.host)
  const starttls = raw.starttls ?? (isHere ? 'opportunistic' : 'required')
  if (server.tls && raw.starttls !== undefined)
    reader.problem([...path, 'starttls'], 'goes with smtp://: smtps:// has TLS from the first byte')
  if (!server.tls && starttls === 'opportunistic' && user !== undefined && !isHere)
    reader.problem([...path, 'starttls'], 'expected required: a password is not sent without TLS')
  return {
    kind: 'mail',
    to,
    from,
    server: { ...server, host: server.host.replace(/^\[(.*)\]$/, '$1') },
    login:
      user === undefined || password === undefined
        ? undefined
        : { user, password: reader.secret([...path, 'password'], password) },
    starttls,
  }
}

/** `USAGE` for what is no server. It may hold a password by mistake, and is not repeated. */
function readServer(text: string): MailWay['server'] {
  const [, scheme, rest = ''] = /^(smtps?):\/\/(.+)$/i.exec(text) ?? []
  const protocol = scheme?.toLowerCase()
  const url = URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined
  if (
    (protocol !== 'smtp' && protocol !== 'smtps') ||
    url === undefined ||
    url.pathname !== '/' ||
    url.search !== ''
  )
    throw new SnapError('USAGE', 'expected smtp://HOST:PORT or smtps://HOST:PORT')
  if (url.username !== '' || url.password !== '')
    throw new SnapError('USAGE', 'expected a server alone: user and password have keys of their own')
  const port = /:(\d+)\/?$/.exec(rest)?.[1]
  return {
    host: url.hostname,
    port: port === undefined ? PORTS[protocol] : Number(port),
    tls: protocol === 'smtps',
  }
}

/** The daemon as a configuration has it. */
import { parseDuration } from '../../base/duration.ts'
import type { DaemonConfig, ListenAddress } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { RawDaemon } from './schema/daemon.ts'

const JOBS_AT_ONCE = 2
const CHECK_EVERY_MS = 900_000
const TCP = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):(\d{1,5})$/
const PORT_MAX = 65_535
/** A shorter one can be tried out. */
const TOKEN_CHARS_MIN = 16

export function readDaemon(reader: ConfigReader, raw: RawDaemon = {}): DaemonConfig {
  const listen = raw.listen === undefined ? undefined : readAddress(reader, raw.listen)
  const token = raw.token === undefined ? undefined : reader.secret(['daemon', 'token'], raw.token)
  if (listen?.kind === 'tcp' && token === undefined)
    reader.problem(['daemon', 'token'], 'is missing: whoever may log in here could use the API')
  if (token?.kind === 'text' && token.text.length < TOKEN_CHARS_MIN)
    reader.problem(['daemon', 'token'], `expected at least ${TOKEN_CHARS_MIN} characters`)
  return {
    listen,
    token,
    jobsAtOnce: raw['jobs-at-once'] ?? JOBS_AT_ONCE,
    checkEveryMs:
      reader.optional(['daemon', 'check-every'], raw['check-every'], parseDuration) ?? CHECK_EVERY_MS,
  }
}

function readAddress(reader: ConfigReader, text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) return { kind: 'unix', path: reader.absolute(text.slice('unix:'.length)) }
  const [, host, port] = TCP.exec(text) ?? []
  if (host !== undefined && Number(port) <= PORT_MAX)
    return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  reader.problem(
    ['daemon', 'listen'],
    'expected 127.0.0.1:PORT, [::1]:PORT or unix:PATH: other machines reach it through a proxy with TLS',
  )
  return undefined
}

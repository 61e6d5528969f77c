/** The address of a PostgreSQL server, as libpq writes it: `postgresql://USER:PASSWORD@HOST:PORT`. */
import { SnapError } from '../../model/errors.ts'
import type { PostgresServer } from '../config/config.ts'

const SCHEMES = ['postgresql:', 'postgres:']

/** `USAGE` for what is none; its words do not repeat the address. Of its parameters `sslmode` counts, and a database stands for nothing. */
export function parsePostgresAddress(text: string): PostgresServer {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url === undefined ||
    !SCHEMES.includes(url.protocol) ||
    url.hostname === '' ||
    /%(?![\da-f]{2})/i.test(text)
  )
    throw new SnapError('USAGE', 'it is no address of a PostgreSQL server', {
      hint: 'Write it as postgresql://USER:PASSWORD@HOST:PORT.',
    })
  const { hostname, port, username, password, searchParams } = url
  const decoded = (part: string): string | undefined => (part === '' ? undefined : decodeURIComponent(part))
  const secret = decoded(password)
  return {
    host: decoded(hostname)?.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? undefined : Number(port),
    user: decoded(username),
    password: secret === undefined ? undefined : { kind: 'text', text: secret },
    sslMode: searchParams.get('sslmode') ?? undefined,
    programs: undefined,
  }
}

/** PostgreSQL through its own programs: what they are told of a server, and what they say of it. Knows nothing of backups. */
import { join } from 'node:path'
import type { PostgresConfig } from '../config/config.ts'
import { type Command, commandOutput } from './command-output.ts'
import { readSecret } from './secret-file.ts'

/** A server that does not answer at all. s */
const CONNECT_TIMEOUT_S = 15

export type PostgresProgram = 'pg_dump' | 'pg_dumpall' | 'pg_restore' | 'psql' | 'createdb'

/** A program with its arguments, told by its environment where the server is: a password never stands in arguments. */
export function postgresCommand(
  config: PostgresConfig,
  program: PostgresProgram,
  args: readonly string[],
): Command {
  const { programs, host, port, user, password, sslMode, database } = config
  const path = programs === undefined ? program : join(programs, program)
  const env = {
    PGHOST: host,
    PGPORT: port === undefined ? undefined : String(port),
    PGUSER: user,
    PGSSLMODE: sslMode,
    PGDATABASE: database,
    PGCONNECT_TIMEOUT: String(CONNECT_TIMEOUT_S),
    PGAPPNAME: 'snap',
  }
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
  return {
    argv: [path, '--no-password', ...args],
    env: { ...given, ...passwordIn(password) },
  }
}

function passwordIn(password: PostgresConfig['password']): Record<string, string> {
  if (password === undefined) return {}
  return { PGPASSWORD: password.kind === 'text' ? password.text : readSecret(password.path) }
}

export type PostgresInfo = {
  readonly server_version: string
  readonly database: string
  readonly encoding: string
  /** Bytes. */
  readonly size: number
  readonly tables: number
  /** The server's own estimate, as its statistics have it. */
  readonly rows: number
}

const INFO_QUERY = `SELECT json_build_object(
  'server_version', current_setting('server_version'),
  'database', current_database(),
  'encoding', current_setting('server_encoding'),
  'size', pg_database_size(current_database()),
  'tables', (SELECT count(*) FROM pg_stat_user_tables),
  'rows', (SELECT coalesce(sum(n_live_tup), 0) FROM pg_stat_user_tables))`

/** Asks the server. Throws an `Error` with `psql`'s last words, or where the answer is none. */
export async function postgresInfo(config: PostgresConfig, signal: AbortSignal): Promise<PostgresInfo> {
  const query = ['--no-psqlrc', '--tuples-only', '--no-align', '--quiet', '--command', INFO_QUERY]
  const parts: Uint8Array[] = []
  for await (const bytes of commandOutput(postgresCommand(config, 'psql', query), signal)) parts.push(bytes)
  return infoIn(Buffer.concat(parts).toString())
}

function infoIn(text: string): PostgresInfo {
  const answer: unknown = JSON.parse(text)
  const fields = new Map(typeof answer === 'object' && answer !== null ? Object.entries(answer) : [])
  const textOf = (name: string): string => {
    const value: unknown = fields.get(name)
    if (typeof value === 'string') return value
    throw new Error(`the server does not say its ${name}`)
  }
  const numberOf = (name: string): number => {
    const value: unknown = fields.get(name)
    if (typeof value === 'number') return value
    throw new Error(`the server does not say its ${name}`)
  }
  return {
    server_version: textOf('server_version'),
    database: textOf('database'),
    encoding: textOf('encoding'),
    size: numberOf('size'),
    tables: numberOf('tables'),
    rows: numberOf('rows'),
  }
}

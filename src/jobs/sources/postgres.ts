/** PostgreSQL through its own programs: what they are told of a server, and what they say of it. Knows nothing of backups. */
import { join } from 'node:path'
import type { PostgresConfig, PostgresServer } from '../config/config.ts'
import { type Command, commandOutput } from './command-output.ts'
import { readSecret } from './secret-file.ts'

/** A server that does not answer at all. s */
const CONNECT_TIMEOUT_S = 15

export type PostgresProgram = 'pg_dump' | 'pg_dumpall' | 'pg_restore' | 'psql' | 'createdb' | 'pg_basebackup'

/** A server, and which of its databases; `undefined`: none in particular. */
export type PostgresPlace = PostgresServer & { readonly database?: string | undefined }

/** A program with its arguments, told by its environment where the server is: a password never stands in arguments. */
export function postgresCommand(
  place: PostgresPlace,
  program: PostgresProgram,
  args: readonly string[],
): Command {
  const { programs, host, port, user, password, sslMode, database } = place
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
    argv: [programOf(programs, program), '--no-password', ...args],
    env: { ...given, ...passwordIn(password) },
  }
}

/** What runs a program of PostgreSQL's that lies in the directory `programs`, or where the search path has it. */
export function programOf(programs: string | undefined, program: string): string {
  return programs === undefined ? program : join(programs, program)
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
  'tables', (SELECT count(*) FROM pg_stat_user_tables WHERE schemaname NOT LIKE 'pg\\_temp\\_%'),
  'rows', (SELECT coalesce(sum(n_live_tup), 0) FROM pg_stat_user_tables WHERE schemaname NOT LIKE 'pg\\_temp\\_%'))`

/** Asks the server. Throws an `Error` with `psql`'s last words, or where the answer is none. */
export async function postgresInfo(config: PostgresConfig, signal: AbortSignal): Promise<PostgresInfo> {
  const answer = new Answer(await query(config, INFO_QUERY, signal))
  return {
    server_version: answer.text('server_version'),
    database: answer.text('database'),
    encoding: answer.text('encoding'),
    size: answer.number('size'),
    tables: answer.number('tables'),
    rows: answer.number('rows'),
  }
}

/** What `psql` prints, without the line end. `connection`: more than a database's name, as libpq has it. Throws an `Error` with its last words. */
export async function query(
  place: PostgresPlace,
  sql: string,
  signal: AbortSignal,
  connection?: string,
): Promise<string> {
  const to = connection === undefined ? [] : ['--dbname', connection]
  const args = [...to, '--no-psqlrc', '--tuples-only', '--no-align', '--quiet', '--command', sql]
  const parts: Uint8Array[] = []
  for await (const bytes of commandOutput(postgresCommand(place, 'psql', args), signal)) parts.push(bytes)
  return Buffer.concat(parts).toString().trimEnd()
}

/** A JSON object that a server made, whose fields are looked at when they are asked for. */
export class Answer {
  readonly #fields: ReadonlyMap<string, unknown>

  constructor(json: string) {
    const answer: unknown = JSON.parse(json)
    this.#fields = new Map(typeof answer === 'object' && answer !== null ? Object.entries(answer) : [])
  }

  text(name: string): string {
    const value = this.#fields.get(name)
    if (typeof value === 'string') return value
    throw unsaid(name)
  }

  number(name: string): number {
    const value = this.#fields.get(name)
    if (typeof value === 'number') return value
    throw unsaid(name)
  }

  texts(name: string): string[] {
    const value = this.#fields.get(name)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    throw unsaid(name)
  }
}

const unsaid = (name: string): Error => new Error(`the server does not say its ${name}`)

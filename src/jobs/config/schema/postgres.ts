/** A database of a PostgreSQL server, and a server with all that it has, in `snap.yaml`. */
import { z } from 'zod'
import { duration, secret, text } from './words.ts'

/** Where the server is. */
export type RawPostgresServer = {
  host?: string | undefined
  port?: number | undefined
  user?: string | undefined
  password?: string | undefined
  'ssl-mode'?: string | undefined
  programs?: string | undefined
}

export type RawPostgres = RawPostgresServer & {
  database: string
  format?: 'custom' | 'plain' | undefined
  globals?: boolean | undefined
  options?: string[] | undefined
}

export type RawPostgresCluster = RawPostgresServer & {
  'wal-age'?: string | undefined
  options?: string[] | undefined
}

const server = {
  host: text('the host of the server, or the directory of its socket').optional(),
  port: z.int().min(1).max(65_535).optional(),
  user: text('the role to connect as').optional(),
  password: secret('its password').optional(),
  'ssl-mode': z
    .enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
    .describe('as sslmode of libpq')
    .optional(),
  programs: text(
    'the directory with the programs of PostgreSQL, where the search path has others',
  ).optional(),
}

export const postgres: z.ZodType<RawPostgres> = z
  .strictObject({
    database: text('the name of the database'),
    ...server,
    format: z.enum(['custom', 'plain']).describe('of the dump: for pg_restore (default), or SQL').optional(),
    globals: z.boolean().describe('roles and tablespaces of the server too').optional(),
    options: z.array(z.string()).describe('more arguments for pg_dump').optional(),
  })
  .describe('a database of a PostgreSQL server, dumped by pg_dump')

export const postgresCluster: z.ZodType<RawPostgresCluster> = z
  .strictObject({
    ...server,
    'wal-age': duration('its newest archived WAL is to be no older').optional(),
    options: z.array(z.string()).describe('more arguments for pg_basebackup').optional(),
  })
  .describe('a PostgreSQL server with all that it has, as a base backup to which archived WAL is added')

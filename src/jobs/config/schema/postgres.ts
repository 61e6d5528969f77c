/** A database of a PostgreSQL server in `snap.yaml`. */
import { z } from 'zod'
import { secret, text } from './words.ts'

export type RawPostgres = {
  database: string
  host?: string | undefined
  port?: number | undefined
  user?: string | undefined
  password?: string | undefined
  'ssl-mode'?: string | undefined
  format?: 'custom' | 'plain' | undefined
  globals?: boolean | undefined
  options?: string[] | undefined
  programs?: string | undefined
}

export const postgres: z.ZodType<RawPostgres> = z
  .strictObject({
    database: text('the name of the database'),
    host: text('the host of the server, or the directory of its socket').optional(),
    port: z.int().min(1).max(65_535).optional(),
    user: text('the role to connect as').optional(),
    password: secret('its password').optional(),
    'ssl-mode': z
      .enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
      .describe('as sslmode of libpq')
      .optional(),
    format: z.enum(['custom', 'plain']).describe('of the dump: for pg_restore (default), or SQL').optional(),
    globals: z.boolean().describe('roles and tablespaces of the server too').optional(),
    options: z.array(z.string()).describe('more arguments for pg_dump').optional(),
    programs: text('the directory with pg_dump, where the search path has another').optional(),
  })
  .describe('a database of a PostgreSQL server, dumped by pg_dump')

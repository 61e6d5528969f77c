/**
 * The shape of `snap.yaml`, key by key: what is checked when it is read, and what editors are told. What one key says of another,
 * as the name of a source, is checked in `read-config.ts`.
 */
import { z } from 'zod'
import { NAME_PATTERN } from './names.ts'

export type RawRepository = {
  path: string
  'key-file'?: string | undefined
  password?: string | undefined
  'password-command'?: string | undefined
  'cache-dir'?: string | undefined
}

export type RawHook =
  | string
  | {
      command: string[]
      env?: Record<string, string> | undefined
      cwd?: string | undefined
      timeout?: string | undefined
      'on-error'?: 'fail' | 'warn' | 'ignore' | undefined
    }

export type RawHooks = {
  before?: RawHook[] | undefined
  after?: RawHook[] | undefined
  failed?: RawHook[] | undefined
  finally?: RawHook[] | undefined
}

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

export type RawSource = {
  files?: string[] | undefined
  sqlite?: string | undefined
  postgres?: RawPostgres | undefined
  command?: string[] | undefined
  as?: string | undefined
  env?: Record<string, string> | undefined
  cwd?: string | undefined
  timeout?: string | undefined
  exclude?: string[] | undefined
  hooks?: RawHooks | undefined
}

export type RawCount = number | 'unlimited'

export type RawRetention = {
  'keep-last'?: RawCount | undefined
  'keep-hourly'?: RawCount | undefined
  'keep-daily'?: RawCount | undefined
  'keep-weekly'?: RawCount | undefined
  'keep-monthly'?: RawCount | undefined
  'keep-yearly'?: RawCount | undefined
  'keep-within'?: string | undefined
  'keep-tags'?: string[] | undefined
  'keep-labels'?: Record<string, RawCount> | undefined
  'min-count'?: number | undefined
  'max-count'?: number | undefined
  timezone?: string | undefined
}

export type RawJob = {
  repository?: string | undefined
  sources?: string[] | undefined
  scope?: string[] | undefined
  exclude?: string[] | undefined
  'exclude-caches'?: boolean | undefined
  'exclude-larger-than'?: string | number | undefined
  'one-file-system'?: boolean | undefined
  'ignore-files'?: boolean | undefined
  full?: boolean | undefined
  compression?: 'off' | 'fast' | 'auto' | 'max' | undefined
  label?: string | undefined
  tags?: string[] | undefined
  host?: string | undefined
  retention?: RawRetention | undefined
  hooks?: RawHooks | undefined
  after?: { verify?: 'structure' | 'data' | undefined; prune?: boolean | undefined } | undefined
}

/** As the file has it, references replaced. */
export type RawConfig = {
  repositories: Record<string, RawRepository>
  sources?: Record<string, RawSource> | undefined
  categories?: Record<string, Record<string, string[]>> | undefined
  jobs?: Record<string, RawJob> | undefined
}

const name = (of: string) =>
  z
    .string()
    .regex(NAME_PATTERN, `the name of a ${of}: letters, digits, dots, dashes and underscores, at most 64`)
const text = (what: string) => z.string().min(1, what).describe(what)
const names = (of: string) => z.array(name(of))
const duration = (what: string) => z.string().describe(`${what}, as 90s, 5m, 26h or 7d`)
const size = (what: string) =>
  z.union([z.string(), z.int().min(0)], 'a size, as 500M or 1.5G').describe(`${what}, as 500M or 1.5G`)
const secret = (what: string) => z.string().min(1).describe(`${what}: as it is, \${VARIABLE}, or file:PATH`)

const repository = z
  .strictObject({
    path: text('the directory of the repository'),
    'key-file': text('the key file that opens it').optional(),
    password: secret('the password that opens it').optional(),
    'password-command': text('a command line for the shell, which prints the password').optional(),
    'cache-dir': text('where the local database of this repository is kept').optional(),
  })
  .describe('a repository, opened by a key file, a password or the output of a command')

const command = z.array(z.string()).min(1)

const hook = z.union(
  [
    z.string().min(1),
    z.strictObject({
      command: command.describe('a program and its arguments; no shell is between'),
      env: z.record(z.string(), z.string()).describe('variables of the command').optional(),
      cwd: text('the directory in which the command runs').optional(),
      timeout: duration('how long the command may run').optional(),
      'on-error': z.enum(['fail', 'warn', 'ignore']).describe('what its failure means').optional(),
    }),
  ],
  'a command line for the shell, or command with env, cwd, timeout and on-error',
)

const hooks = z
  .strictObject({
    before: z.array(hook).describe('before anything is read').optional(),
    after: z.array(hook).describe('when it was saved').optional(),
    failed: z.array(hook).describe('when it failed').optional(),
    finally: z.array(hook).describe('at the end, whatever happened').optional(),
  })
  .describe('commands that run around it')

const postgres = z
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

const source = z
  .strictObject({
    files: z.array(text('a path')).min(1).describe('paths of files and directories').optional(),
    postgres: postgres.optional(),
    sqlite: text('the file of a SQLite database, which may be in use').optional(),
    command: command
      .describe('a program and its arguments; what it prints is a file of the snapshot')
      .optional(),
    as: text('the name of that file').optional(),
    env: z.record(z.string(), z.string()).describe('variables of the command').optional(),
    cwd: text('the directory in which the command runs').optional(),
    timeout: duration('how long the command may run').optional(),
    exclude: z.array(z.string()).describe('patterns in the syntax of gitignore').optional(),
    hooks: hooks.optional(),
  })
  .describe('what is saved: files, a database, or what a command prints')

const dataType = z
  .array(text('a glob or the name of a source'))
  .min(1)
  .describe('globs of whole paths, and names of sources')

const category = z.record(name('data type'), dataType).describe('data types by their names')

const count = z.union([z.int().min(0), z.literal('unlimited')], 'a whole number, or unlimited')

const retention = z
  .strictObject({
    'keep-last': count.describe('the newest snapshots').optional(),
    'keep-hourly': count.describe('the newest of each of the last hours').optional(),
    'keep-daily': count.describe('the newest of each of the last days').optional(),
    'keep-weekly': count.describe('the newest of each of the last weeks').optional(),
    'keep-monthly': count.describe('the newest of each of the last months').optional(),
    'keep-yearly': count.describe('the newest of each of the last years').optional(),
    'keep-within': z
      .string()
      .describe('all that are newer than a span before the newest, as 1y6m14d12h')
      .optional(),
    'keep-tags': z.array(z.string()).describe('those with one of these tags').optional(),
    'keep-labels': z
      .record(z.string(), count)
      .describe('days for which those with a label are kept, as incremental: 14')
      .optional(),
    'min-count': z.int().min(0).describe('however few the rules keep, so many stay').optional(),
    'max-count': z.int().min(0).describe('however many the rules keep, no more stay').optional(),
    timezone: z.string().describe('whose days and weeks count').optional(),
  })
  .describe('which snapshots stay; the newest of a series always does')

const after = z
  .strictObject({
    verify: z
      .enum(['structure', 'data'])
      .describe('check the repository: its structure, or all of its data')
      .optional(),
    prune: z.boolean().describe('free the space of what retention has forgotten').optional(),
  })
  .describe('what follows a backup that was saved')

const job = z
  .strictObject({
    repository: name('repository')
      .describe('where it is saved; may be left out where there is only one')
      .optional(),
    sources: names('source').describe('what is saved').optional(),
    scope: names('category').describe('categories of which every data type is saved').optional(),
    exclude: z.array(z.string()).describe('patterns for all of it, in the syntax of gitignore').optional(),
    'exclude-caches': z.boolean().describe('leave out directories with a CACHEDIR.TAG').optional(),
    'exclude-larger-than': size('leave out files above a size').optional(),
    'one-file-system': z.boolean().describe('do not enter other file systems').optional(),
    'ignore-files': z.boolean().describe('read .snapignore files (true)').optional(),
    full: z.boolean().describe('read every file again').optional(),
    compression: z.enum(['off', 'fast', 'auto', 'max']).optional(),
    label: text('a label for its snapshots, as incremental, full or monthly').optional(),
    tags: z.array(z.string()).describe('tags for its snapshots').optional(),
    host: text('the host that its snapshots are filed under').optional(),
    retention: retention.optional(),
    hooks: hooks.optional(),
    after: after.optional(),
  })
  .describe('a backup: what, where to, and what follows')

export const CONFIG_SCHEMA: z.ZodType<RawConfig> = z
  .strictObject({
    repositories: z.record(name('repository'), repository).describe('repositories by their names'),
    sources: z.record(name('source'), source).describe('sources by their names').optional(),
    categories: z
      .record(name('category'), category)
      .describe('categories by their names, as critical')
      .optional(),
    jobs: z.record(name('job'), job).describe('jobs by their names').optional(),
  })
  .describe('What snap protects, where it saves it and how long it keeps it')

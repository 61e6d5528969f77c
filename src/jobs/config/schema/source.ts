/** A source, and a category of sources and globs, in `snap.yaml`. */
import { z } from 'zod'
import { hooks, type RawHooks } from './hooks.ts'
import { postgres, postgresCluster, type RawPostgres, type RawPostgresCluster } from './postgres.ts'
import { command, duration, name, text, variables } from './words.ts'

export type RawSource = {
  files?: string[] | undefined
  sqlite?: string | undefined
  postgres?: RawPostgres | undefined
  'postgres-cluster'?: RawPostgresCluster | undefined
  command?: string[] | undefined
  as?: string | undefined
  env?: Record<string, string> | undefined
  cwd?: string | undefined
  timeout?: string | undefined
  exclude?: string[] | undefined
  hooks?: RawHooks | undefined
}

export const source: z.ZodType<RawSource> = z
  .strictObject({
    files: z.array(text('a path')).min(1).describe('paths of files and directories').optional(),
    postgres: postgres.optional(),
    'postgres-cluster': postgresCluster.optional(),
    sqlite: text('the file of a SQLite database, which may be in use').optional(),
    command: command('a program and its arguments; what it prints is a file of the snapshot').optional(),
    as: text('the name of that file').optional(),
    env: variables('variables of the command').optional(),
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

export const category: z.ZodType<Record<string, string[]>> = z
  .record(name('data type'), dataType)
  .describe('data types by their names')

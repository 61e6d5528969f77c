/** Puts a dump back into a PostgreSQL server, by `pg_restore` or `psql`. It knows no repository. */
import { SnapError } from '../../model/errors.ts'
import type { PostgresConfig } from '../config/config.ts'
import { type CommandEvents, commandOutput } from './command-output.ts'
import { type PostgresProgram, postgresCommand, postgresInfo } from './postgres.ts'

export type RestorePostgresRequest = {
  readonly config: PostgresConfig
  /** The database that is restored into. */
  readonly database: string
  readonly bytes: AsyncIterable<Uint8Array>
  /** Of the dump. */
  readonly format: 'custom' | 'plain'
  /** Make it; it must not exist. */
  readonly create: boolean
  /** Drop what the dump has from a database that is not empty; of a dump as SQL that cannot be told. */
  readonly clean: boolean
  /** Everything belongs to who restores, and nobody else has a right to it; of a dump as SQL that cannot be left out. */
  readonly withoutOwners?: boolean
  /**
   * Subscriptions and publications are left out: to drop a subscription is to drop the slot of the production that it was saved from. Of a
   * dump as SQL that cannot be done: `subscribes` tells.
   */
  readonly withoutReplication?: boolean
}

/**
 * All or nothing: in one transaction. `TARGET_OCCUPIED` where the database has tables and `clean` was not said; `TARGET_UNWRITABLE`
 * with the program's last words where the server does not take it.
 */
export async function restorePostgres(
  request: RestorePostgresRequest,
  signal: AbortSignal,
  events: CommandEvents,
): Promise<void> {
  const { config, database, bytes, format, create, clean } = request
  const { withoutOwners = false, withoutReplication = false } = request
  const into = { ...config, database }
  let isMade = false
  try {
    if (create) {
      await run('createdb', { ...config, database: 'postgres' }, ['--', database], signal, events)
      isMade = true
    } else await refuseOccupied(into, clean, signal)
    const args =
      format === 'custom'
        ? [
            '--exit-on-error',
            '--single-transaction',
            ...(clean ? ['--clean', '--if-exists'] : []),
            ...(withoutOwners ? ['--no-owner', '--no-privileges'] : []),
            ...(withoutReplication ? ['--no-subscriptions', '--no-publications'] : []),
            '--dbname',
            database,
          ]
        : [
            '--no-psqlrc',
            '--quiet',
            '--single-transaction',
            '--set',
            'ON_ERROR_STOP=1',
            '--output',
            '/dev/null',
          ]
    await run(format === 'custom' ? 'pg_restore' : 'psql', into, args, signal, events, bytes)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof SnapError) throw cause
    throw new SnapError(
      'TARGET_UNWRITABLE',
      `${database} was not restored: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: /must be (?:member|owner|able to SET ROLE)/.test(String(cause))
          ? `Nothing was restored${isMade ? ', but the database was made: leave --create out' : ''}. With --no-owner everything belongs to who restores.`
          : isMade
            ? 'The database was made, and is empty: drop it, or restore into it without --create.'
            : create
              ? 'It was not made; where there is one of that name, it is as it was. Choose another name with --to, or leave --create out.'
              : 'It is as it was. If it is not there, --create makes it.',
        cause,
      },
    )
  }
}

async function refuseOccupied(config: PostgresConfig, clean: boolean, signal: AbortSignal): Promise<void> {
  const { tables } = await postgresInfo(config, signal)
  if (tables === 0 || clean) return
  throw new SnapError(
    'TARGET_OCCUPIED',
    `the database ${config.database} has ${tables} ${tables === 1 ? 'table' : 'tables'}`,
    {
      hint: 'Restore into another one with --to NAME --create, or replace what is there with --clean.',
    },
  )
}

async function run(
  program: PostgresProgram,
  config: PostgresConfig,
  args: readonly string[],
  signal: AbortSignal,
  events: CommandEvents,
  input?: AsyncIterable<Uint8Array>,
): Promise<void> {
  const command = { ...postgresCommand(config, program, args), input }
  for await (const _ of commandOutput(command, signal, events)) void _
}

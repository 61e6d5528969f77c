/**
 * A database of a PostgreSQL server for one drill: made, restored into, counted, and dropped. No other database is touched: its name is
 * made here, and it must not be there.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { toHex } from '../../base/bytes.ts'
import { systemPath } from '../../base/names.ts'
import type { Random } from '../../model/clock.ts'
import { messageOf } from '../../model/errors.ts'
import type { PostgresServer } from '../config/config.ts'
import type { CommandEvents } from '../sources/command-output.ts'
import { Answer, query } from '../sources/postgres.ts'
import { restorePostgres } from '../sources/restore-postgres.ts'
import { subscribes } from '../sources/subscribes.ts'
import type { PostgresCounts } from './compare-facts.ts'

export type RestoredDump = {
  /** On the disk. */
  readonly file: string
  readonly format: 'custom' | 'plain'
}

const PREFIX = 'snap_drill_'
const OWNER_DIGITS = 12
const RANDOM_BYTES = 4
const MAINTENANCE = 'postgres'
/** Tables that one question counts. */
const COUNTED_AT_ONCE = 50
/** What is to be dropped is dropped also where the drill was ended. */
const NEVER: AbortSignal = new AbortController().signal

export const namePrefix = (owner: string): string =>
  `${PREFIX}${createHash('sha256').update(owner).digest('hex').slice(0, OWNER_DIGITS)}_`

export class ScratchDatabase {
  readonly name: string
  readonly #server: PostgresServer

  /** Nothing is made yet. `owner` tells this drill's databases from those of all others: one that was killed may have left some. */
  constructor(server: PostgresServer, owner: string, random: Random) {
    this.#server = server
    this.name = namePrefix(owner) + toHex(random.bytes(RANDOM_BYTES))
  }

  /**
   * Drops what an earlier drill of the same owner has left: `told` hears of each, and why where it stays. Throws an `Error` with the
   * server's words where it does not answer.
   */
  async removeFormer(
    owner: string,
    signal: AbortSignal,
    told: (name: string, reason?: string) => void,
  ): Promise<void> {
    const like = `${namePrefix(owner)}%`.replaceAll('_', '\\_')
    const names = await query(
      { ...this.#server, database: MAINTENANCE },
      `SELECT datname FROM pg_database WHERE datname LIKE '${like}'`,
      signal,
    )
    const former = names.split('\n').filter((name) => name !== '')
    for (const name of former) {
      try {
        await drop(this.#server, name)
        told(name)
      } catch (error) {
        told(name, messageOf(error))
      }
    }
  }

  /** As `restorePostgres`. An `Error` where the dump would make a subscription, and nothing is made. */
  async restore({ file, format }: RestoredDump, signal: AbortSignal, events: CommandEvents): Promise<void> {
    if (format === 'plain' && (await subscribes(createReadStream(systemPath(file)))))
      throw new Error(
        'it makes a subscription, which could end a replication: save it with `format: custom`, or with `options: [--no-subscriptions]`',
      )
    const more = { format, globals: false, options: [] }
    await restorePostgres(
      {
        config: { ...this.#server, ...more, database: this.name },
        database: this.name,
        bytes: createReadStream(systemPath(file)),
        format,
        create: true,
        clean: false,
        withoutOwners: true,
        withoutReplication: true,
      },
      signal,
      events,
    )
  }

  /** Counted one by one: nothing is estimated. */
  async counts(signal: AbortSignal): Promise<PostgresCounts> {
    const place = { ...this.#server, database: this.name }
    const answer = new Answer(await query(place, TABLES_QUERY, signal))
    const relations = answer.texts('relations')
    let rows = 0
    for (let at = 0; at < relations.length; at += COUNTED_AT_ONCE) {
      const some = relations.slice(at, at + COUNTED_AT_ONCE)
      const sum = some.map((relation) => `(SELECT count(*) FROM ${relation})`).join(' + ')
      rows += Number(await query(place, `SELECT ${sum}`, signal))
    }
    return { tables: answer.number('tables'), rows }
  }

  /** Whether it is there or not. Throws an `Error` with the server's words. */
  async drop(): Promise<void> {
    await drop(this.#server, this.name)
  }
}

/** Quoted by the server. Partitions are counted, and not once more what they are parts of. */
const TABLES_QUERY = `SELECT json_build_object(
  'tables', (SELECT count(*) FROM pg_stat_user_tables),
  'relations', (SELECT coalesce(json_agg(format('%I.%I', nspname, relname)), '[]'::json)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\\_%'))`

async function drop(server: PostgresServer, name: string): Promise<void> {
  const place = { ...server, database: MAINTENANCE }
  const sql = `DROP DATABASE IF EXISTS "${name.replaceAll('"', '""')}"`
  try {
    // Whoever a probe has left connected would keep it.
    await query(place, `${sql} WITH (FORCE)`, NEVER)
  } catch {
    await query(place, sql, NEVER) // before version 13
  }
}

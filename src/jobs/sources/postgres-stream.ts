/**
 * A PostgreSQL database as files of the snapshot: what `pg_dump` writes, as it comes and uncompressed, so that two dumps share what has
 * not changed; and the roles and tablespaces of the server beside it.
 */
import type { Note } from '../../log/details.ts'
import type { StreamedFile } from '../../ops/backup/streamed-file.ts'
import type { PostgresConfig } from '../config/config.ts'
import { type CommandEvents, commandOutput } from './command-output.ts'
import { postgresCommand, postgresInfo } from './postgres.ts'
import type { SourceStream } from './source-stream.ts'

/** What a dump of the custom format begins with, and one as SQL ends with; that it ended with status 0 is not all that is asked for. */
const CUSTOM_MAGIC = 'PGDMP'
const SQL_END = /^-- PostgreSQL database (?:cluster )?dump complete/m
const END_BYTES = 1_024

/** Of the dump in the snapshot. */
export const dumpName = ({ database, format }: PostgresConfig): string =>
  `${database}.${format === 'custom' ? 'dump' : 'sql'}`

export function postgresStream(config: PostgresConfig, events: CommandEvents): SourceStream {
  const { format, globals, options } = config
  let facts: Note | undefined
  const dump: StreamedFile = {
    name: dumpName(config),
    open: async function* (signal) {
      facts = { ...(await postgresInfo(config, signal)), format }
      const args = [`--format=${format}`, '--compress=0', ...options]
      const output = commandOutput(postgresCommand(config, 'pg_dump', args), signal, events)
      yield* format === 'custom' ? beginningWith(CUSTOM_MAGIC, output) : endingAsSql(output)
    },
  }
  const cluster: StreamedFile = {
    name: 'globals.sql',
    open: (signal) =>
      endingAsSql(commandOutput(postgresCommand(config, 'pg_dumpall', ['--globals-only']), signal, events)),
  }
  return { files: globals ? [dump, cluster] : [dump], facts: () => facts }
}

async function* beginningWith(magic: string, output: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head = ''
  for await (const bytes of output) {
    if (head.length < magic.length) head += Buffer.from(bytes.subarray(0, magic.length)).toString('latin1')
    yield bytes
  }
  if (!head.startsWith(magic)) throw new Error('what was printed is no dump')
}

async function* endingAsSql(output: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let tail: Uint8Array = new Uint8Array(0)
  for await (const bytes of output) {
    tail = Buffer.concat([tail, bytes.subarray(-END_BYTES)]).subarray(-END_BYTES)
    yield bytes
  }
  if (!SQL_END.test(Buffer.from(tail).toString('latin1')))
    throw new Error('the dump is cut short: its last line is missing')
}

/** A PostgreSQL server with all that it has: what it says of itself. Knows nothing of backups. */
import type { PostgresServer } from '../config/config.ts'
import { Answer, query } from './postgres.ts'

export type ClusterInfo = {
  readonly server_version: string
  /** The system identifier, decimal. */
  readonly system: string
  readonly timeline: number
  /** Of all databases. Bytes. */
  readonly size: number
  readonly databases: number
  /** Bytes. */
  readonly segment_bytes: number
  /** As the server's settings have it: `off`, `on` or `always`. */
  readonly archive_mode: string
  /** The last segment that its `archive_command` took; empty where there was none. */
  readonly last_archived: string
  readonly failed_to_archive: number
  /** Names of tablespaces beside those that every cluster has. */
  readonly tablespaces: readonly string[]
  /** By the server's clock. ms */
  readonly now: number
}

/** A role that may take base backups can connect to it, where nobody has forbidden that. */
const DATABASE = 'postgres'

const INFO_QUERY = `SELECT json_build_object(
  'server_version', current_setting('server_version'),
  'size', (SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_database WHERE has_database_privilege(oid, 'CONNECT')),
  'databases', (SELECT count(*) FROM pg_database WHERE NOT datistemplate),
  'segment_bytes', (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'),
  'archive_mode', current_setting('archive_mode'),
  'last_archived', (SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver),
  'failed_to_archive', (SELECT failed_count FROM pg_stat_archiver),
  'tablespaces', (SELECT coalesce(json_agg(spcname), '[]') FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')),
  'now', (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint))`

/**
 * Asks the server, by an ordinary connection and by one for replication, which a base backup takes. Throws an `Error` with `psql`'s last
 * words, or where the answer is none.
 */
export async function clusterInfo(server: PostgresServer, signal: AbortSignal): Promise<ClusterInfo> {
  const answer = new Answer(await query({ ...server, database: DATABASE }, INFO_QUERY, signal))
  const { system, timeline } = await identify(server, signal)
  return {
    server_version: answer.text('server_version'),
    system,
    timeline,
    size: answer.number('size'),
    databases: answer.number('databases'),
    segment_bytes: answer.number('segment_bytes'),
    archive_mode: answer.text('archive_mode'),
    last_archived: answer.text('last_archived'),
    failed_to_archive: answer.number('failed_to_archive'),
    tablespaces: answer.texts('tablespaces'),
    now: answer.number('now'),
  }
}

async function identify(
  server: PostgresServer,
  signal: AbortSignal,
): Promise<{ readonly system: string; readonly timeline: number }> {
  const row = await query(server, 'IDENTIFY_SYSTEM', signal, 'replication=true')
  const [, system, timeline] = /^(\d{1,20})\|(\d{1,10})\|/.exec(row) ?? []
  if (system === undefined || timeline === undefined) throw new Error('the server does not say which it is')
  return { system, timeline: Number(timeline) }
}

/** Where in a snapshot the file of a database lies. */
import { streamedName } from '../../ops/backup/streamed-name.ts'
import type { PostgresSource, SqliteSource } from '../config/config.ts'
import { dumpName } from './postgres-stream.ts'

export function fileOf(source: SqliteSource | PostgresSource): string {
  const file = source.kind === 'sqlite' ? source.as : dumpName(source.postgres)
  return `/${streamedName(source.name)}/${file}`
}

/** Makes a database file anew without its free pages and the remains of removed rows. Knows no table. */
import type { Connection } from './connection.ts'

/** False where a reader kept the write-ahead log from being emptied. */
export function compact(connection: Connection): boolean {
  // In memory the copy would take as much as the whole file.
  connection.pragma('temp_store = FILE')
  try {
    connection.exec('VACUUM')
  } finally {
    connection.pragma('temp_store = MEMORY')
  }
  return connection.pragma('wal_checkpoint(TRUNCATE)') === 0
}

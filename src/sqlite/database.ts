/** The one place where SQLite comes in. */
export { default as Sqlite } from 'better-sqlite3'

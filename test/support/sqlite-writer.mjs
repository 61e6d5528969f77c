// Writes to a SQLite database as fast as it can, each transaction with the sum of all values in it, until it is killed.
// Arguments: the file, the journal mode.
import { randomInt } from 'node:crypto'
import Sqlite from 'better-sqlite3'

const [, , path, journal] = process.argv
const database = new Sqlite(path, { timeout: 60_000 })
database.pragma(`journal_mode = ${journal}`)
database.pragma('synchronous = OFF')
database.exec(`
  CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, value INTEGER NOT NULL, note TEXT);
  CREATE TABLE IF NOT EXISTS total (value INTEGER NOT NULL, entries INTEGER NOT NULL);
`)
if (database.prepare('SELECT count(*) FROM total').pluck().get() === 0)
  database.exec('INSERT INTO total VALUES (0, 0)')
const insert = database.prepare('INSERT INTO entries (value, note) VALUES (?, ?)')
const change = database.prepare('UPDATE entries SET value = value + ?, note = ? WHERE id = ?')
const add = database.prepare('UPDATE total SET value = value + ?, entries = entries + ?')
const first = database.prepare('SELECT id, value FROM entries ORDER BY id LIMIT 1')
const last = database.prepare('SELECT coalesce(max(id), 0) FROM entries').pluck()
const remove = database.prepare('DELETE FROM entries WHERE id = ?')
/** So that copies do not take longer and longer. */
const ENTRIES_MAX = 50_000
const write = database.transaction(() => {
  for (let row = 0; row < 5; row++) {
    const value = randomInt(1000)
    insert.run(value, 'x'.repeat(randomInt(200)))
    add.run(value, 1)
    const oldest = first.get()
    if (last.get() - oldest.id < ENTRIES_MAX) continue
    remove.run(oldest.id)
    add.run(-oldest.value, -1)
  }
  const value = randomInt(1000)
  change.run(value, 'y'.repeat(randomInt(200)), last.get() - randomInt(Math.min(last.get(), 1000)))
  add.run(value, 0)
})
for (let count = 1; ; count++) {
  write()
  if (count === 2000) process.stdout.write('ready\n')
  // Rollback journals leave room for readers between transactions alone.
  if (journal !== 'WAL' && count % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}

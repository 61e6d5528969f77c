import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Sqlite } from '../../../src/sqlite/database.ts'
import { copyDatabase } from '../../../src/sqlite/online-copy.ts'

const ROWS = 20_000
const COPIES = 8

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-online-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Takes from one row what it gives to another, as fast as it can, in transactions of their own. */
const WRITER = `
const { workerData, parentPort } = require('node:worker_threads')
const Sqlite = require(workerData.module)
const database = new Sqlite(workerData.path, { timeout: 60000 })
const give = database.prepare('UPDATE account SET money = money + ? WHERE id = ?')
const transfer = database.transaction((from, to, sum) => { give.run(-sum, from); give.run(sum, to) })
parentPort.postMessage('begun')
for (let step = 0; Atomics.load(workerData.stop, 0) === 0; step++)
  transfer((step * 7919) % ${ROWS}, ${ROWS} - 1 - ((step * 104729) % ${ROWS}), step % 100)
database.close()
`

it('holds the state of one moment, whoever writes meanwhile', { timeout: 60_000 }, async () => {
  const path = join(scratch, 'bank.db')
  const database = new Sqlite(path)
  database.pragma('journal_mode = WAL')
  database.exec('CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER, note TEXT)')
  const insert = database.prepare('INSERT INTO account VALUES (?, 1000, hex(randomblob(200)))')
  database.transaction(() => {
    for (let id = 0; id < ROWS; id++) insert.run(id)
  })()
  database.close()
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const module = createRequire(import.meta.url).resolve('better-sqlite3')
  const writer = new Worker(WRITER, { eval: true, workerData: { path, stop, module } })
  await once(writer, 'message')
  try {
    for (let round = 0; round < COPIES; round++) {
      const copy = join(scratch, `copy-${round}.db`)
      await copyDatabase(path, copy, new AbortController().signal)
      const copied = new Sqlite(copy, { readonly: true })
      expect(copied.prepare('SELECT sum(money) FROM account').pluck().get()).toBe(ROWS * 1000)
      expect(copied.pragma('integrity_check', { simple: true })).toBe('ok')
      copied.close()
    }
  } finally {
    Atomics.store(stop, 0, 1)
    await once(writer, 'exit')
  }
})

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { restoreSqlite } from '../../../../src/jobs/sources/restore-sqlite.ts'
import { Sqlite } from '../../../../src/sqlite/database.ts'

const ROUNDS = 120

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-back-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Looks at a name as often as it can, and counts how often nothing was there. */
const WATCHER = `
const { workerData, parentPort } = require('node:worker_threads')
const { statSync } = require('node:fs')
let looks = 0, gone = 0
parentPort.postMessage('begun')
for (; Atomics.load(workerData.stop, 0) === 0; looks++)
  if (statSync(workerData.path, { throwIfNoEntry: false }) === undefined) gone++
parentPort.postMessage({ looks, gone })
`

it('takes the place of the former database in one step: a machine that stops anywhere has one', async () => {
  const path = join(scratch, 'bank.db')
  const database = new Sqlite(path)
  database.exec('CREATE TABLE account (id INTEGER PRIMARY KEY)')
  database.close()
  const bytes = readFileSync(path)
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const watcher = new Worker(WATCHER, { eval: true, workerData: { path, stop } })
  await once(watcher, 'message')
  for (let round = 0; round < ROUNDS; round++) {
    const { former } = await restoreSqlite({
      path,
      bytes: (async function* () {
        yield bytes
      })(),
      stamp: `${round}`,
      evenInUse: true,
      evenDamaged: false,
    })
    expect(former).toBe(`${path}.before-${round}`)
    expect(readFileSync(former ?? '')).toEqual(bytes)
  }
  const told = once(watcher, 'message')
  Atomics.store(stop, 0, 1)
  const [{ looks, gone }] = await told
  expect(looks).toBeGreaterThan(ROUNDS)
  expect(gone).toBe(0)
})

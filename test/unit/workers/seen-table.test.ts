import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build, type Rollup } from 'vite'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSeenMemory, type SeenMemory, SeenTable } from '../../../src/workers/seen-table.ts'
import { Chance } from '../../support/builders.ts'

const used = (memory: SeenMemory) => [...new Int32Array(memory.used)]

describe('the seen table', () => {
  it('has one winner for each id, and knows it ever after', () => {
    const table = new SeenTable(createSeenMemory([4096]))
    const ids = new Chance(30).bytes(2000 * 32)
    for (let at = 0; at < ids.length; at += 32) {
      expect(table.claim(ids, at)).toBe(true)
      expect(table.claim(ids, at)).toBe(false)
    }
    for (let at = 0; at < ids.length; at += 32) expect(table.claim(ids, at)).toBe(false)
  })

  it('is one table for all that share its memory', () => {
    const memory = createSeenMemory([1024])
    const tables = [new SeenTable(memory), new SeenTable(memory)]
    const ids = new Chance(31).bytes(300 * 32)
    for (let at = 0; at < ids.length; at += 32) {
      expect(tables.map((table) => table.claim(ids, at))).toEqual([true, false])
    }
    expect(used(memory)).toEqual([300])
  })

  it('takes ids apart that differ in any of 159 bits', () => {
    const id = new Chance(32).bytes(32)
    id[0]! |= 1
    const table = new SeenTable(createSeenMemory([1024]))
    expect(table.claim(id, 0)).toBe(true)
    for (let bit = 1; bit < 160; bit++) {
      const other = id.slice()
      other[bit >> 3]! ^= 1 << (bit & 7)
      expect([bit, table.claim(other, 0)]).toEqual([bit, true])
    }
  })

  it('reads an id wherever it lies', () => {
    const memory = createSeenMemory([64])
    const id = new Chance(33).bytes(32)
    expect(new SeenTable(memory).claim(id, 0)).toBe(true)
    for (let shift = 1; shift < 9; shift++) {
      const around = new Uint8Array(60)
      around.set(id, shift)
      expect(new SeenTable(memory).claim(around, shift)).toBe(false)
      expect(new SeenTable(memory).claim(around.subarray(shift), 0)).toBe(false)
    }
  })

  it('keeps ids apart from empty and half-written rows, were they all zeros', () => {
    for (const first of [0, 1, 2, 3]) {
      const table = new SeenTable(createSeenMemory([16]))
      const id = new Uint8Array(32)
      id[0] = first
      expect(table.claim(id, 0)).toBe(true)
      expect(table.claim(id, 0)).toBe(false)
    }
  })

  it('fills one tier to three quarters, then the next, and still knows the ids of the first', () => {
    const memory = createSeenMemory([16, 64])
    const table = new SeenTable(memory)
    const ids = new Chance(34).bytes(60 * 32)
    for (let at = 0; at < ids.length; at += 32) expect(table.claim(ids, at)).toBe(true)
    expect(used(memory)).toEqual([12, 48])
    for (let at = 0; at < ids.length; at += 32) expect(table.claim(ids, at)).toBe(false)
  })

  it('says "new" to whatever it does not hold when it is full', () => {
    const memory = createSeenMemory([16])
    const table = new SeenTable(memory)
    const ids = new Chance(35).bytes(13 * 32)
    for (let index = 0; index < 12; index++) expect(table.claim(ids, index * 32)).toBe(true)
    expect(table.claim(ids, 12 * 32)).toBe(true)
    expect(table.claim(ids, 12 * 32)).toBe(true)
    expect(table.claim(ids, 0)).toBe(false)
    expect(used(memory)).toEqual([12])
  })

  it('takes only powers of two as rows', () => {
    expect(() => new SeenTable(createSeenMemory([24]))).toThrow('power of two')
  })
})

describe('the seen table, over threads', () => {
  let code: string

  beforeAll(async () => {
    const entry = fileURLToPath(new URL('../../../src/workers/seen-table.ts', import.meta.url))
    const [built] = (await build({
      configFile: false,
      logLevel: 'silent',
      build: { write: false, minify: false, lib: { entry, formats: ['cjs'], fileName: 'seen-table' } },
    })) as Rollup.RollupOutput[]
    code = built!.output[0].code
  })

  /** Each thread claims all ids in an order of its own; how many winners each id had. */
  async function race(memory: SeenMemory, count: number, threads: number): Promise<Uint32Array> {
    const ids = new SharedArrayBuffer(count * 32)
    new Uint8Array(ids).set(new Chance(count).bytes(count * 32))
    const winners = new SharedArrayBuffer(count * 4)
    const gate = new SharedArrayBuffer(4)
    const script = `
      const module = { exports: {} }
      ;(function (exports) { ${code} })(module.exports)
      const { workerData } = require('node:worker_threads')
      const { memory, ids, winners, gate, threads, thread } = workerData
      const table = new module.exports.SeenTable(memory)
      const won = new Uint32Array(winners)
      const bytes = new Uint8Array(ids)
      const count = bytes.length / 32
      const open = new Int32Array(gate)
      Atomics.add(open, 0, 1)
      while (Atomics.load(open, 0) < threads);
      const step = [1, 7, 11, 13][thread]
      for (let index = 0, at = 0; index < count; index++, at = (at + step) % count) {
        if (table.claim(bytes, at * 32)) Atomics.add(won, at, 1)
      }
    `
    const workers = Array.from(
      { length: threads },
      (_, thread) =>
        new Worker(script, { eval: true, workerData: { memory, ids, winners, gate, threads, thread } }),
    )
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            worker.on('error', reject)
            worker.on('exit', () => resolve())
          }),
      ),
    )
    return new Uint32Array(winners)
  }

  it('has one winner for each id when threads race for it', async () => {
    for (const count of [1009, 50_021, 150_001]) {
      const memory = createSeenMemory([2 ** 18])
      const winners = await race(memory, count, 3)
      expect(winners.every((won) => won === 1)).toBe(true)
      expect(used(memory)).toEqual([count])
    }
  })

  it('has a winner for each id, and hardly ever two, where a tier fills up meanwhile', async () => {
    const winners = await race(createSeenMemory([2 ** 12, 2 ** 18]), 100_003, 3)
    expect(winners.every((won) => won >= 1)).toBe(true)
    expect(winners.reduce((sum, won) => sum + won, 0)).toBeLessThan(100_003 + 10)
  })
})

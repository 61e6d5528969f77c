/**
 * What every `Storage` promises, as tests. `storageContract` is for backends and for wrappers that write;
 * `storageReadContract` for those that only read. Both open a fresh, empty storage for each test.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import { type ErrorCode, hasCode } from '../../src/model/errors.ts'
import type { Storage } from '../../src/model/storage.ts'

const MIB = 1_048_576
const OUTSIDE_THE_GRAMMAR = [
  '',
  '/',
  '/config',
  'config/',
  'a//b',
  '.',
  '..',
  '../config',
  'packs/../config',
  'packs/./a',
  'Config',
  'con fig',
  'config\n',
  'config\0',
  'caf\u00e9',
  'a\\b',
  'a_b',
  '-rf',
  'tmp',
  'tmp/a',
  'a'.repeat(129),
]

export const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value)

/** Bytes that differ at every place from those of another seed, mostly. */
export function pattern(bytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  let state = seed
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    words[i] = state
  }
  return new Uint8Array(words.buffer).slice(0, bytes)
}

async function codeOf(run: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await run
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING', 'OBJECT_DAMAGED', 'STORAGE_FAILED', 'REPOSITORY_FULL'))
      return error.code
    throw error
  }
  return undefined
}

async function keys(storage: Storage, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of storage.list(prefix)) found.push(key)
  return found.sort()
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

export type ReadableStorage = {
  readonly storage: Storage
  /** Fills what `storage` reads. */
  readonly seed: Storage
}

export function storageReadContract(name: string, open: () => Promise<ReadableStorage>): void {
  describe(`${name} reads`, () => {
    const opened: Storage[] = []
    afterEach(async () => {
      for (const storage of opened.splice(0)) await storage[Symbol.asyncDispose]()
    })
    async function filled(objects: Record<string, Uint8Array> = {}): Promise<Storage> {
      const { storage, seed } = await open()
      opened.push(storage)
      for (const [key, bytes] of Object.entries(objects)) await seed.put(key, [bytes])
      return storage
    }

    it('describes itself', async () => {
      expect((await filled()).description).not.toBe('')
    })

    it('gives back the bytes of an object, and any range of them', async () => {
      const bytes = pattern(70_000)
      const storage = await filled({ 'packs/3f/aa': bytes })
      expect(equal(await storage.read('packs/3f/aa'), bytes)).toBe(true)
      for (const [offset, length] of [
        [0, 0],
        [0, 1],
        [0, 70_000],
        [1, 69_999],
        [65_535, 2],
        [69_999, 1],
        [70_000, 0],
      ] as const) {
        const part = await storage.read('packs/3f/aa', { offset, bytes: length })
        expect(equal(part, bytes.subarray(offset, offset + length)), `${offset}+${length}`).toBe(true)
      }
    })

    it('refuses a range past the end', async () => {
      const storage = await filled({ config: pattern(100) })
      for (const range of [
        { offset: 0, bytes: 101 },
        { offset: 99, bytes: 2 },
        { offset: 100, bytes: 1 },
        { offset: 101, bytes: 0 },
        { offset: 5_000, bytes: 10 },
        { offset: 0, bytes: 2 ** 40 },
      ]) {
        expect(await codeOf(storage.read('config', range)), JSON.stringify(range)).toBe('OBJECT_DAMAGED')
      }
    })

    it('hands out buffers that are the caller\u2019s own and can be transferred', async () => {
      const bytes = pattern(1_000)
      const storage = await filled({ config: bytes, empty: new Uint8Array(0) })
      for (const range of [undefined, { offset: 10, bytes: 20 }]) {
        const first = await storage.read('config', range)
        expect(first.byteLength).toBe(first.buffer.byteLength)
        const wanted = range === undefined ? bytes : bytes.subarray(10, 30)
        const moved = structuredClone(first, { transfer: [first.buffer] })
        expect(equal(moved, wanted)).toBe(true)
        expect(first.byteLength).toBe(0)
        moved.fill(0)
        expect(equal(await storage.read('config', range), wanted)).toBe(true)
      }
      const empty = await storage.read('empty')
      structuredClone(empty, { transfer: [empty.buffer] })
    })

    it('tells size and time of receipt of an object', async () => {
      const before = Date.now()
      const storage = await filled({ 'index/ab': pattern(321) })
      const stat = await storage.stat('index/ab')
      expect(stat).toMatchObject({ key: 'index/ab', bytes: 321 })
      expect(Number.isInteger(stat?.storedAt)).toBe(true)
      expect(Math.abs(stat!.storedAt - before)).toBeLessThan(60_000)
    })

    it('knows an empty object from an absent one', async () => {
      const storage = await filled({ empty: new Uint8Array(0) })
      expect((await storage.read('empty')).length).toBe(0)
      expect((await storage.stat('empty'))?.bytes).toBe(0)
      expect(await keys(storage, '')).toEqual(['empty'])
    })

    it('reports missing objects as missing', async () => {
      const storage = await filled({ config: text('c'), 'packs/3f/aa': text('p') })
      for (const key of ['absent', 'packs', 'packs/3f', 'packs/3f/ab', 'packs/40/aa', 'config/a', 'log/0']) {
        expect(await codeOf(storage.read(key)), key).toBe('OBJECT_MISSING')
        expect(await codeOf(storage.read(key, { offset: 0, bytes: 1 })), key).toBe('OBJECT_MISSING')
        expect(await storage.stat(key), key).toBeUndefined()
      }
    })

    it('lists what begins with a prefix, with sizes, whether or not the prefix ends a segment', async () => {
      const objects = Object.fromEntries(
        [
          'config',
          'log/0000',
          'log/0001',
          'lists/aa',
          'packs/3f/3faa',
          'packs/3f/3fbb',
          'packs/40/40aa',
          'packsy',
        ].map((key, i) => [key, pattern(i)]),
      )
      const storage = await filled(objects)
      for (const prefix of [
        '',
        'l',
        'log',
        'log/',
        'log/0001',
        'log/00',
        'packs',
        'packs/',
        'packs/3',
        'packs/3f/3fb',
        'x',
        'x/',
        'config/',
      ]) {
        const wanted = Object.keys(objects).filter((key) => key.startsWith(prefix))
        expect(await keys(storage, prefix), prefix).toEqual(wanted.sort())
      }
      for await (const { key, bytes, storedAt } of storage.list('')) {
        expect(bytes).toBe(objects[key]!.length)
        expect(storedAt).toBe((await storage.stat(key))?.storedAt)
      }
    })

    it('lists many objects, and can be stopped on the way', async () => {
      const wanted = Array.from(
        { length: 150 },
        (_, i) => `packs/${String(i % 7)}/${String(i).padStart(4, '0')}`,
      )
      const storage = await filled(Object.fromEntries(wanted.map((key) => [key, text(key)])))
      expect(await keys(storage, 'packs/')).toEqual(wanted.sort())
      for await (const { key } of storage.list('packs/')) {
        expect(wanted).toContain(key)
        break
      }
    })

    it('holds keys that are outside the grammar for a mistake of the program', async () => {
      const storage = await filled()
      for (const key of OUTSIDE_THE_GRAMMAR) {
        await expect(storage.read(key), key).rejects.toThrow(AssertionError)
        await expect(storage.stat(key), key).rejects.toThrow(AssertionError)
      }
      for (const prefix of ['/', '..', '../', 'a//', 'A', '*', 'a\0', '/etc/']) {
        await expect(keys(storage, prefix), prefix).rejects.toThrow(AssertionError)
      }
    })

    it('may be closed twice', async () => {
      const storage = await filled({ config: text('c') })
      await storage[Symbol.asyncDispose]()
      await storage[Symbol.asyncDispose]()
    })
  })
}

export function storageContract(name: string, open: () => Promise<Storage>): void {
  storageReadContract(name, async () => {
    const storage = await open()
    return { storage, seed: storage }
  })

  describe(`${name} writes`, () => {
    const opened: Storage[] = []
    afterEach(async () => {
      for (const storage of opened.splice(0)) await storage[Symbol.asyncDispose]()
    })
    async function empty(): Promise<Storage> {
      const storage = await open()
      opened.push(storage)
      return storage
    }

    it('joins the parts of an object, empty ones too, and leaves them alone', async () => {
      const storage = await empty()
      const parts = [text('one'), new Uint8Array(0), text('-'), pattern(5_000), new Uint8Array(0)]
      const before = parts.map((part) => part.slice())
      await storage.put('packs/3f/aa', parts)
      expect(equal(await storage.read('packs/3f/aa'), Buffer.concat(before))).toBe(true)
      expect(parts).toEqual(before)
      parts[0]!.fill(0)
      expect(equal(await storage.read('packs/3f/aa'), Buffer.concat(before))).toBe(true)
      for (const [key, none] of [
        ['a', []],
        ['b', [new Uint8Array(0)]],
      ] as const) {
        await storage.put(key, none)
        expect((await storage.read(key)).length).toBe(0)
      }
    })

    it('stores 40 MiB in thousands of parts of odd sizes', async () => {
      const storage = await empty()
      const bytes = pattern(40 * MIB)
      const parts: Uint8Array[] = []
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const end = Math.min(bytes.length, at + ((i * 7_919) % 20_011))
        parts.push(bytes.subarray(at, end))
        at = end
      }
      expect(parts.length).toBeGreaterThan(4_000)
      await storage.put('packs/3f/aa', parts)
      expect(await storage.stat('packs/3f/aa')).toMatchObject({ bytes: bytes.length })
      expect(equal(await storage.read('packs/3f/aa'), bytes)).toBe(true)
      const tail = await storage.read('packs/3f/aa', { offset: bytes.length - 32, bytes: 32 })
      expect(equal(tail, bytes.subarray(-32))).toBe(true)
    })

    it('replaces an object as a whole', async () => {
      const storage = await empty()
      await storage.put('config', [pattern(5_000, 1)])
      await storage.put('config', [pattern(300, 2)])
      expect(equal(await storage.read('config'), pattern(300, 2))).toBe(true)
      expect(await keys(storage, '')).toEqual(['config'])
    })

    it('stores many objects at once', async () => {
      const storage = await empty()
      const wanted = Array.from({ length: 60 }, (_, i) => `packs/${i % 5}/${i}`)
      await Promise.all(wanted.map((key, i) => storage.put(key, [pattern(3_000, i + 1)])))
      for (const [i, key] of wanted.entries()) {
        expect(equal(await storage.read(key), pattern(3_000, i + 1)), key).toBe(true)
      }
    })

    it('removes an object, and does not mind an absent one', async () => {
      const storage = await empty()
      await storage.put('packs/3f/aa', [text('a')])
      await storage.put('packs/3f/ab', [text('b')])
      await storage.remove('packs/3f/aa')
      expect(await storage.stat('packs/3f/aa')).toBeUndefined()
      expect(await codeOf(storage.read('packs/3f/aa'))).toBe('OBJECT_MISSING')
      expect(await keys(storage, '')).toEqual(['packs/3f/ab'])
      await storage.remove('packs/3f/aa')
      await storage.remove('log/0000')
      expect(await storage.create('packs/3f/aa', text('again'))).toBe(true)
    })

    it('creates an object only where the key is absent, and leaves a present one alone', async () => {
      const storage = await empty()
      expect(await storage.create('log/0000', text('first'))).toBe(true)
      expect(await storage.create('log/0000', text('second'))).toBe(false)
      expect(equal(await storage.read('log/0000'), text('first'))).toBe(true)
      await storage.put('config', [text('put')])
      expect(await storage.create('config', text('created'))).toBe(false)
      expect(equal(await storage.read('config'), text('put'))).toBe(true)
      expect(await storage.create('empty', new Uint8Array(0))).toBe(true)
      expect(await storage.create('empty', text('not empty'))).toBe(false)
      expect((await storage.read('empty')).length).toBe(0)
      expect(await keys(storage, '')).toEqual(['config', 'empty', 'log/0000'])
    })

    it('lets exactly one of 16 racing creates win, and keeps the bytes of that one', async () => {
      const storage = await empty()
      for (let round = 0; round < 8; round += 1) {
        const key = `log/${round}`
        const won = await Promise.all(
          Array.from({ length: 16 }, (_, i) => storage.create(key, pattern(10_000, 100 * round + i))),
        )
        expect(won.filter(Boolean).length).toBe(1)
        const winner = pattern(10_000, 100 * round + won.indexOf(true))
        expect(equal(await storage.read(key), winner)).toBe(true)
      }
    })

    it('never shows a part of an object that is being stored, replaced or created', async () => {
      const storage = await empty()
      const versions = [1, 2, 3, 4].map((seed) => new Uint8Array(6 * MIB + seed).fill(seed))
      const parts = versions.map((bytes) => [
        bytes.subarray(0, MIB),
        bytes.subarray(MIB, MIB + 1),
        bytes.subarray(MIB + 1),
      ])
      let writing = true
      const read = async (key: string) => {
        let reads = 0
        for (; writing || reads === 0; reads += 1) {
          const [stat] = [await storage.stat(key), await new Promise((resolve) => setImmediate(resolve))]
          if (stat === undefined) continue
          const whole = versions.filter((version) => version.length === stat.bytes)
          expect(whole.length, `a size of ${stat.bytes}`).toBe(1)
          const seen = await storage.read(key)
          expect(versions.some((version) => equal(version, seen))).toBe(true)
          for await (const { bytes } of storage.list(key)) {
            expect(versions.map((version) => version.length)).toContain(bytes)
          }
        }
        return reads
      }
      const write = async () => {
        try {
          for (let round = 0; round < 3; round += 1) {
            for (const version of parts) await storage.put('packs/3f/aa', version)
            await storage.create(`log/${round}`, versions[round]!)
          }
        } finally {
          writing = false
        }
      }
      const [, ...reads] = await Promise.all([write(), read('packs/3f/aa'), read('log/0'), read('log/2')])
      expect(Math.min(...reads)).toBeGreaterThan(0)
    })

    it('loses nothing to a sweep, whether it is stored already or just being stored', async () => {
      const storage = await empty()
      await storage.put('config', [text('stored')])
      const wanted = Array.from({ length: 40 }, (_, i) => `packs/${i % 3}/${i}`)
      let storing = true
      const sweeps = (async () => {
        for (; storing; await new Promise((resolve) => setImmediate(resolve)))
          expect(await storage.sweep()).toBe(0)
      })()
      try {
        await Promise.all(wanted.map((key, i) => storage.put(key, [pattern(200_000, i + 1)])))
        expect(await storage.create('log/0', text('entry'))).toBe(true)
      } finally {
        storing = false
      }
      await sweeps
      for (const [i, key] of wanted.entries())
        expect(equal(await storage.read(key), pattern(200_000, i + 1)), key).toBe(true)
      expect(await keys(storage, '')).toEqual(['config', 'log/0', ...wanted].sort())
    })

    it('holds writing outside the grammar for a mistake of the program, and changes nothing', async () => {
      const storage = await empty()
      for (const key of OUTSIDE_THE_GRAMMAR) {
        await expect(storage.put(key, [text('x')]), key).rejects.toThrow(AssertionError)
        await expect(storage.create(key, text('x')), key).rejects.toThrow(AssertionError)
        await expect(storage.remove(key), key).rejects.toThrow(AssertionError)
      }
      expect(await keys(storage, '')).toEqual([])
      await storage.put('a'.repeat(128), [text('longest')])
      expect(await keys(storage, 'a')).toEqual(['a'.repeat(128)])
    })
  })
}

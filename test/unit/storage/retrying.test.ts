import { describe, expect, it } from 'vitest'
import type { RetryPolicy } from '../../../src/base/retry.ts'
import { hasCode, SnapError } from '../../../src/model/errors.ts'
import type { ObjectStat, Storage } from '../../../src/model/storage.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { retrying } from '../../../src/storage/retrying.ts'
import { storageContract, text } from '../../contract/storage.ts'
import { faulty } from '../../support/storage/faulty.ts'

const AT_ONCE: RetryPolicy = { attempts: 4, firstPauseMs: 100, pauseMsMax: 1_000, sleep: async () => {} }

/** Every third call fails, and every second listing on the way. */
function flaky(storage: Storage): Storage {
  let calls = 0
  let listings = 0
  const sometimes = async <T>(run: () => Promise<T>): Promise<T> => {
    calls += 1
    if (calls % 3 === 0) throw new SnapError('STORAGE_FAILED', 'flaky')
    return await run()
  }
  return {
    ...storage,
    put: (key, parts) => sometimes(() => storage.put(key, parts)),
    create: (key, bytes) => sometimes(() => storage.create(key, bytes)),
    read: (key, range) => sometimes(() => storage.read(key, range)),
    stat: (key) => sometimes(() => storage.stat(key)),
    remove: (key) => sometimes(() => storage.remove(key)),
    async *list(prefix: string): AsyncGenerator<ObjectStat> {
      listings += 1
      for await (const object of storage.list(prefix)) {
        yield object
        if (listings % 2 === 1) throw new SnapError('STORAGE_FAILED', 'flaky')
      }
    },
  }
}

storageContract('a retrying storage', async () => retrying(createMemoryStorage(), AT_ONCE))
storageContract('a retrying storage over a flaky one', async () =>
  retrying(flaky(createMemoryStorage()), { ...AT_ONCE, attempts: 100 }),
)

describe('a retrying storage', () => {
  it('tries as often as the policy says, with growing bounded pauses', async () => {
    const pauses: number[] = []
    const inner = faulty(createMemoryStorage(), { at: 1, times: 100, when: 'before' })
    const policy = {
      attempts: 6,
      firstPauseMs: 100,
      pauseMsMax: 500,
      chance: () => 0.5,
      sleep: async (ms: number) => pauses.push(ms),
    }
    const error: unknown = await retrying(inner, policy)
      .put('a', [text('x')])
      .catch((thrown: unknown) => thrown)
    expect(hasCode(error, 'STORAGE_FAILED')).toBe(true)
    expect(inner.calls).toBe(6)
    expect(pauses).toEqual([50, 100, 200, 250, 250])
  })

  it('tries no more once its time is up, but as often as it must', async () => {
    for (const [attemptsMin, calls] of [
      [undefined, 1],
      [3, 3],
    ] as const) {
      const inner = faulty(createMemoryStorage(), { at: 1, times: 100, when: 'before' })
      const policy = { ...AT_ONCE, attempts: 6, totalMs: 0, ...(attemptsMin && { attemptsMin }) }
      await expect(retrying(inner, policy).remove('a')).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
      expect(inner.calls).toBe(calls)
    }
  })

  it('gives up in the middle of a pause when it is to end, and makes first tries only after that', async () => {
    const controller = new AbortController()
    const inner = faulty(createMemoryStorage(), { at: 1, times: 3, when: 'before' })
    const patient = { attempts: 9, firstPauseMs: 600_000, pauseMsMax: 600_000, chance: () => 0.9 }
    const storage = retrying(inner, { ...patient, signal: controller.signal })
    setTimeout(() => controller.abort(new SnapError('INTERRUPTED', 'ended')), 50)
    const ended = { code: 'INTERRUPTED' }
    await expect(storage.put('a', [text('x')])).rejects.toMatchObject(ended)
    expect(inner.calls).toBe(1)
    await expect(storage.put('a', [text('x')])).rejects.toMatchObject(ended)
    await expect(storage.remove('a')).rejects.toMatchObject(ended)
    expect(inner.calls).toBe(3)
    await storage.put('a', [text('x')])
    expect(await storage.read('a')).toEqual(text('x'))
    await expect(storage.read('b')).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })

  it('begins no listing anew once it is to end', async () => {
    const controller = new AbortController()
    let listings = 0
    const breaking: Storage = {
      ...createMemoryStorage(),
      // biome-ignore lint/correctness/useYield: it breaks off before the first
      async *list() {
        listings += 1
        if (listings === 2) controller.abort(new SnapError('INTERRUPTED', 'ended'))
        throw new SnapError('STORAGE_FAILED', 'broke off')
      },
    }
    const storage = retrying(breaking, { ...AT_ONCE, signal: controller.signal })
    await expect(storage.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    expect(listings).toBe(2)
  })

  it('passes every other error on at once', async () => {
    for (const code of ['REPOSITORY_FULL', 'OBJECT_MISSING', 'OBJECT_DAMAGED'] as const) {
      const inner = faulty(createMemoryStorage(), {
        at: 1,
        times: 9,
        when: 'before',
        error: () => new SnapError(code, code),
      })
      await expect(retrying(inner, AT_ONCE).remove('a')).rejects.toMatchObject({ code })
      expect(inner.calls).toBe(1)
    }
    const bug = faulty(createMemoryStorage(), { at: 1, when: 'before', error: () => new TypeError('ours') })
    await expect(retrying(bug, AT_ONCE).put('a', [])).rejects.toThrow(TypeError)
    expect(bug.calls).toBe(1)
  })

  it('knows its own object when a create took effect and yet failed', async () => {
    const storage = retrying(faulty(createMemoryStorage(), { at: 1, times: 2, when: 'after' }), AT_ONCE)
    expect(await storage.create('log/0', text('mine'))).toBe(true)
    expect(await storage.create('log/0', text('mine'))).toBe(false)
  })

  it('does not take another\u2019s object for its own after a failure', async () => {
    for (const theirs of ['them', 'others']) {
      const memory = createMemoryStorage()
      await memory.put('log/0', [text(theirs)])
      const storage = retrying(faulty(memory, { at: 1, when: 'before' }), AT_ONCE)
      expect(await storage.create('log/0', text('mine'))).toBe(false)
      expect(await storage.read('log/0')).toEqual(text(theirs))
    }
  })

  it('lists every object once though the listing breaks off again and again', async () => {
    const memory = createMemoryStorage()
    for (let i = 0; i < 20; i += 1) await memory.put(`packs/${i}`, [])
    let listings = 0
    const breaking: Storage = {
      ...memory,
      async *list(prefix: string) {
        listings += 1
        let left = listings * 2
        for await (const object of memory.list(prefix)) {
          if (left === 0) throw new SnapError('STORAGE_FAILED', 'broke off')
          left -= 1
          yield object
        }
      },
    }
    const seen: string[] = []
    for await (const { key } of retrying(breaking, AT_ONCE).list('')) seen.push(key)
    expect(seen).toEqual([...memory.objects.keys()])
    expect(listings).toBe(10)
  })
})

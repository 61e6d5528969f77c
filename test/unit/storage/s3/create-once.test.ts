import { describe, expect, it, onTestFinished } from 'vitest'
import { hasCode } from '../../../../src/model/errors.ts'
import { createS3, openS3 } from '../../../../src/storage/s3/s3.ts'
import { text } from '../../../contract/storage.ts'
import { LaxStore, type Manner } from '../../../support/s3/lax-store.ts'

const CREDENTIALS = { accessKey: 'A', secretKey: 'S', sessionToken: undefined }
const DAY = 86_400_000

async function started(manner: Manner = 'right'): Promise<LaxStore> {
  const store = await LaxStore.start()
  onTestFinished(() => store[Symbol.asyncDispose]())
  store.manner = manner
  return store
}

const trials = (store: LaxStore): number =>
  store.asked.filter((asked) => /^PUT .*trial-[0-9a-f]+\/0$/.test(asked)).length

describe('a store that gives a name to', () => {
  it.each([
    ['ignores', /it let 16 of 16 writers create one object/],
    ['looks first', /it let \d+ of 16 writers create one object/],
    ['not implemented', /it knows no such condition/],
    ['keeps the last', /it keeps another object than that of the writer to whom it said yes/],
  ] as const)('more than one writer (%s) is refused, and nothing is left', async (manner, reason) => {
    const store = await started(manner)
    const storage = openS3(store.address('p'), CREDENTIALS)
    for (const run of [
      () => createS3(store.address('p'), CREDENTIALS),
      () => storage.create('config', text('c')),
    ]) {
      const error: unknown = await run().catch((thrown: unknown) => thrown)
      expect(hasCode(error, 'STORAGE_FAILED')).toBe(true)
      expect(String(error)).toMatch(reason)
    }
    expect([...store.objects.keys()]).toEqual([])
  })

  it('one is tried once, whoever writes later and wherever from', async () => {
    const store = await started()
    await createS3(store.address('p'), CREDENTIALS)
    expect(trials(store)).toBe(17)
    for (const key of ['log/0', 'log/1'])
      expect(await openS3(store.address('p'), CREDENTIALS).create(key, text('e'))).toBe(true)
    expect(trials(store)).toBe(17)
    expect([...store.objects.keys()].filter((name) => name.includes('trial'))).toEqual([])
    const listed: string[] = []
    for await (const { key } of openS3(store.address('p'), CREDENTIALS).list('')) listed.push(key)
    expect(listed).toEqual(['log/0', 'log/1'])
  })

  it('one is tried again after a week by its own clock, and what old trials left is removed', async () => {
    const store = await started()
    await createS3(store.address('p'), CREDENTIALS)
    store.objects.set('p/tmp/trial-aa/0', { bytes: Buffer.from('left'), at: store.nowMs })
    store.nowMs += 6 * DAY
    await openS3(store.address('p'), CREDENTIALS).create('log/0', text('e'))
    expect(trials(store)).toBe(17)
    store.nowMs += 2 * DAY
    store.objects.set('p/tmp/trial-bb/0', { bytes: Buffer.from('new'), at: store.nowMs - DAY / 2 })
    await openS3(store.address('p'), CREDENTIALS).create('log/1', text('e'))
    expect(trials(store)).toBe(34)
    expect([...store.objects.keys()].filter((name) => name.includes('trial'))).toEqual(['p/tmp/trial-bb/0'])
    // It ignores the condition by now.
    store.nowMs += 8 * DAY
    store.manner = 'ignores'
    await expect(openS3(store.address('p'), CREDENTIALS).create('log/2', text('e'))).rejects.toThrow(
      '16 of 16',
    )
  })

  it('one does not vouch for the store that a repository was copied to', async () => {
    const [right, other] = [await started(), await started('ignores')]
    await createS3(right.address('p'), CREDENTIALS)
    for (const [name, object] of right.objects) other.objects.set(name, object)
    await expect(openS3(other.address('p'), CREDENTIALS).create('log/0', text('e'))).rejects.toThrow(
      '16 of 16',
    )
    // Neither does one prefix for another.
    await openS3(right.address('q'), CREDENTIALS).create('log/0', text('e'))
    expect(trials(right)).toBe(34)
  })

  it('several is not asked by who only reads', async () => {
    const store = await started('ignores')
    store.objects.set('p/config', { bytes: Buffer.from('c'), at: store.nowMs })
    expect(await openS3(store.address('p'), CREDENTIALS).read('config')).toEqual(text('c'))
    expect(trials(store)).toBe(0)
  })
})

import { describe, expect, it } from 'vitest'
import { counting } from '../../../src/storage/counting.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { storageContract, text } from '../../contract/storage.ts'

storageContract('a counting storage', async () => counting(createMemoryStorage()))

describe('a counting storage', () => {
  it('counts calls and bytes by verb, failed calls too', async () => {
    const storage = counting(createMemoryStorage())
    await storage.put('a', [text('12'), text('345')])
    await storage.put('b', [])
    await storage.create('a', text('x'))
    await storage.read('a')
    await storage.read('a', { offset: 1, bytes: 2 })
    await storage.read('absent').catch(() => undefined)
    await storage.stat('a')
    for await (const _ of storage.list(''));
    await storage.remove('a')
    expect(storage.counts).toEqual({
      put: { calls: 2, bytes: 5 },
      create: { calls: 1, bytes: 1 },
      read: { calls: 3, bytes: 7 },
      stat: { calls: 1, bytes: 0 },
      list: { calls: 1, bytes: 0 },
      remove: { calls: 1, bytes: 0 },
    })
  })
})

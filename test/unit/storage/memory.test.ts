import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { storageContract, text } from '../../contract/storage.ts'

storageContract('memory', async () => createMemoryStorage())

describe('memory storage', () => {
  it('shows its objects and takes the time from the clock', async () => {
    const storage = createMemoryStorage({ now: () => 1_234 })
    await storage.put('config', [text('a'), text('b')])
    expect([...storage.objects]).toEqual([['config', { bytes: text('ab'), storedAt: 1_234 }]])
    storage.objects.set('config', { bytes: text('damaged'), storedAt: 0 })
    expect(await storage.read('config')).toEqual(text('damaged'))
  })

  it('takes no object that would be too large to be read again', async () => {
    const storage = createMemoryStorage()
    const parts = new Array<Uint8Array>(129).fill(new Uint8Array(1_048_576))
    await expect(storage.put('packs/3f/aa', parts)).rejects.toThrow('an object of')
    expect(storage.objects.size).toBe(0)
  })
})

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
})

import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/model/errors.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { readOnly } from '../../../src/storage/read-only.ts'
import { storageReadContract, text } from '../../contract/storage.ts'

storageReadContract('a read-only storage', async () => {
  const seed = createMemoryStorage()
  return { storage: readOnly(seed), seed }
})

describe('a read-only storage', () => {
  it('refuses every change and says why', async () => {
    const seed = createMemoryStorage()
    await seed.put('config', [text('c')])
    const storage = readOnly(seed)
    for (const change of [
      () => storage.put('log/0', [text('x')]),
      () => storage.put('config', [text('x')]),
      () => storage.create('log/0', text('x')),
      () => storage.remove('config'),
    ]) {
      const error: unknown = await change().catch((thrown: unknown) => thrown)
      expect(hasCode(error, 'STORAGE_FAILED')).toBe(true)
      expect(String(error)).toContain('for reading only')
    }
    expect([...seed.objects.keys()]).toEqual(['config'])
  })
})

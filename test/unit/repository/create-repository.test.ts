import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemRandom } from '../../../src/crypto/random.ts'
import type { Storage } from '../../../src/model/storage.ts'
import { createRepository, openRepository } from '../../../src/repository/open-repository.ts'
import { createMemoryStorage, type MemoryStorage } from '../../../src/storage/memory.ts'
import { SECRET } from '../../support/repository.ts'

let directory: string
let storage: MemoryStorage

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snap-create-'))
  storage = createMemoryStorage()
})
afterEach(() => rmSync(directory, { recursive: true }))

const portsOf = (name: string, own: Storage = storage) => ({
  storage: own,
  cacheDirectory: join(directory, name),
  clock: { now: () => 1_000 },
  random: systemRandom,
})
const request = (name: string) => ({ secret: async () => SECRET, slotName: name })

const keys = (prefix: string): string[] => [...storage.objects.keys()].filter((key) => key.startsWith(prefix))

it('makes one repository where two begin at once, and the one that loses leaves nothing', async () => {
  let other: string | undefined
  const overtaken: Storage = {
    ...storage,
    create: async (key, bytes) => {
      if (key === 'config' && other === undefined) {
        await using first = await createRepository(portsOf('first'), request('first'))
        other = first.id
      }
      return storage.create(key, bytes)
    },
  }
  await expect(createRepository(portsOf('second', overtaken), request('second'))).rejects.toMatchObject({
    code: 'REPOSITORY_EXISTS',
  })
  await using repository = await openRepository(portsOf('third'), SECRET)
  expect(repository.id).toBe(other)
  expect(keys('slots/')).toEqual([`slots/${repository.slot}`])
  expect(keys('log/')).toHaveLength(1)
})

it('makes one where something on the way creates the config twice', async () => {
  const twice: Storage = {
    ...storage,
    create: async (key, bytes) => {
      const created = await storage.create(key, bytes)
      return key === 'config' ? storage.create(key, bytes) : created
    },
  }
  await using made = await createRepository(portsOf('twice', twice), request('twice'))
  await using repository = await openRepository(portsOf('again'), SECRET)
  expect(repository.id).toBe(made.id)
})

it('removes the slot of one that was killed before there was a repository', async () => {
  const killed: Storage = {
    ...storage,
    create: async () => {
      throw new Error('killed')
    },
  }
  await expect(createRepository(portsOf('killed', killed), request('killed'))).rejects.toThrow('killed')
  expect(keys('')).toHaveLength(1)
  await using repository = await createRepository(portsOf('next'), request('next'))
  expect(keys('slots/')).toEqual([`slots/${repository.slot}`])
})

it('removes no slot once the log has begun', async () => {
  const strange = `slots/${'ab'.repeat(16)}`
  const id = await createRepository(portsOf('own'), request('own')).then(async (made) => {
    await made[Symbol.asyncDispose]()
    return made.id
  })
  const [own = ''] = keys('slots/')
  const bytes = new Uint8Array(storage.objects.get(own)?.bytes ?? [])
  bytes[20]! ^= 1 // of the repository id
  storage.objects.set(strange, { bytes, storedAt: 0 })
  await using repository = await openRepository(portsOf('again'), SECRET)
  expect(repository.id).toBe(id)
  expect(keys('slots/')).toContain(strange)
})

it('refuses to make one where a log lies without its config', async () => {
  await (await createRepository(portsOf('own'), request('own')))[Symbol.asyncDispose]()
  storage.objects.delete('config')
  await expect(createRepository(portsOf('next'), request('next'))).rejects.toMatchObject({
    code: 'OBJECT_MISSING',
  })
})

it('begins no log whose first entry is gone', async () => {
  await using made = await createRepository(portsOf('own'), request('own'))
  await made.log.append(() => ({ kind: 'forget', snapshots: [] }))
  storage.objects.delete('log/0000000000000000')
  const [first = ''] = keys('log/')
  expect(keys('log/')).toHaveLength(1)
  storage.objects.set(
    'log/0000000000000005',
    storage.objects.get(first) ?? { bytes: new Uint8Array(0), storedAt: 0 },
  )
  storage.objects.delete(first)
  await expect(openRepository(portsOf('stranger'), SECRET)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  expect(keys('log/')).toEqual(['log/0000000000000005'])
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { PASSWORD_MEMORY_BYTES_MIN } from '../../../src/crypto/password.ts'
import type { SlotSecret } from '../../../src/keys/slot.ts'
import { slotId } from '../../../src/model/ids.ts'
import { slotKey } from '../../../src/object/object-keys.ts'
import { addKey, changeKey, listKeys, removeKey } from '../../../src/ops/keys.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

const PASSWORD: SlotSecret = { kind: 'password', password: new TextEncoder().encode('correct horse') }
const COST = { passes: 1, memoryBytes: PASSWORD_MEMORY_BYTES_MIN }
const OTHER: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(1) }

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const add = (secret: SlotSecret, name = 'other') => addKey(repo.repository, { secret, name, cost: COST })
const remove = (id: string, evenInUse = false) => removeKey(repo.repository, { id, evenInUse })

test('an added password opens the repository with the same keys', async () => {
  const id = await add(PASSWORD)
  const before = repo.repository.keys
  const opened = await repo.reopen({ secret: PASSWORD })
  expect(opened.slot).toBe(id)
  expect(opened.keys).toEqual(before)
})

test('names are shown for the slot in use alone', async () => {
  const id = await add(PASSWORD, 'secret name')
  const own = repo.repository.slot
  const slots = await listKeys(repo.repository, SECRET)
  expect(slots.find((slot) => slot.id === id)).toEqual({ id, kind: 'password', inUse: false })
  expect(slots.find((slot) => slot.id === own)).toEqual({
    id: own,
    kind: 'key file',
    inUse: true,
    name: 'test',
    role: 'admin',
    createdMs: repo.now,
  })
  expect((await listKeys(repo.repository)).find((slot) => slot.inUse)).toEqual({
    id: own,
    kind: 'key file',
    inUse: true,
  })
})

test('a damaged slot is listed as such', async () => {
  const id = await add(OTHER)
  repo.damage(slotKey(id), 3)
  expect((await listKeys(repo.repository)).find((slot) => slot.id === id)).toMatchObject({
    kind: undefined,
    damage: expect.stringContaining(id),
  })
})

test('a removed key does not open the repository any more', async () => {
  const id = await add(OTHER)
  expect(await remove(id.slice(0, 12))).toBe(id)
  await expect(repo.reopen({ secret: OTHER })).rejects.toMatchObject({ code: 'KEY_WRONG' })
  await repo.reopen()
})

test('the last key stays, whatever is asked', async () => {
  await expect(remove(repo.repository.slot, true)).rejects.toMatchObject({ code: 'KEY_IN_USE' })
  const damaged = await add(OTHER)
  repo.damage(slotKey(damaged), 3)
  await expect(remove(repo.repository.slot, true)).rejects.toMatchObject({ code: 'KEY_IN_USE' })
  await remove(damaged)
  await repo.reopen()
})

test('of two admins who remove the key of the other at the same time, one finds that it is the last', async () => {
  const id = await add(OTHER)
  await using other = await repo.another()
  await other.reopen({ secret: OTHER })
  const own = repo.repository.slot
  const { remove: removeObject } = repo.storage
  const bothThere = new Promise<void>((resolve) => {
    let waiting = 0
    repo.storage.remove = async (key) => {
      waiting += 1
      if (waiting === 2) resolve()
      await bothThere
      await removeObject.call(repo.storage, key)
    }
  })
  const ends = await Promise.allSettled([
    remove(id),
    removeKey(other.repository, { id: own, evenInUse: false }),
  ])
  repo.storage.remove = removeObject
  expect(ends.map(({ status }) => status)).toContain('rejected')
  for (const end of ends)
    if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'KEY_IN_USE' })
  expect(repo.keys('slots/').length).toBeGreaterThan(0)
  await repo.reopen({ secret: repo.keys('slots/').includes(slotKey(own)) ? SECRET : OTHER })
})

test('the key in use stays unless that is meant', async () => {
  await add(OTHER)
  const { slot } = repo.repository
  await expect(remove(slot)).rejects.toMatchObject({ code: 'KEY_IN_USE' })
  expect(await remove(slot, true)).toBe(slot)
  await repo.reopen({ secret: OTHER })
})

test('an id that fits none is unknown', async () => {
  await expect(remove('zz')).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
  await expect(remove('')).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
})

test('a changed secret opens, the old one does not', async () => {
  const changed = await changeKey(repo.repository, { secret: PASSWORD, name: 'mine', cost: COST })
  expect(changed.removed).toBe(repo.repository.slot)
  expect((await repo.reopen({ secret: PASSWORD })).slot).toBe(changed.added)
  expect(repo.keys('slots/')).toEqual([slotKey(changed.added)])
  await expect(repo.reopen()).rejects.toMatchObject({ code: 'KEY_WRONG' })
})

test('a slot that is spoiled on its way leaves the old secret in force', async () => {
  const { storage } = repo
  const { put } = storage
  storage.put = (key, parts) => {
    const spoiled = Buffer.concat(parts)
    spoiled[200]! ^= 1
    return put(key, [spoiled])
  }
  await expect(changeKey(repo.repository, { secret: OTHER, name: 'mine' })).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
  })
  storage.put = put
  expect(repo.keys('slots/')).toHaveLength(1)
  await repo.reopen()
})

test('no key is added where readers would take one more for an attack', async () => {
  for (let number = 1; number < 256; number++) {
    const id = slotId(number.toString(16).padStart(32, '0'))
    await repo.storage.put(slotKey(id), [Uint8Array.of(1)])
  }
  await expect(add(OTHER)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  expect(repo.keys('slots/')).toHaveLength(256)
})

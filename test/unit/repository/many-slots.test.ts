import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as argon from '../../../src/crypto/password.ts'
import { createSlot, type SlotSecret } from '../../../src/keys/slot.ts'
import { slotId } from '../../../src/model/ids.ts'
import { PASSWORD_WORK_BYTES_MAX, SLOTS_MAX } from '../../../src/model/limits.ts'
import { slotKey } from '../../../src/object/object-keys.ts'
import { addKey } from '../../../src/ops/keys.ts'
import { openRepository } from '../../../src/repository/open-repository.ts'
import { counting } from '../../../src/storage/counting.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

// These slots ask for minutes of work: a key that depends on the password alone stands for its result.
vi.mock('../../../src/crypto/password.ts', { spy: true })

const PASSWORD: SlotSecret = { kind: 'password', password: new TextEncoder().encode('correct horse') }
const WRONG: SlotSecret = { kind: 'password', password: new TextEncoder().encode('wrong') }
const GREATEST = { passes: argon.PASSWORD_PASSES_MAX, memoryBytes: argon.PASSWORD_MEMORY_BYTES_MAX }
const FITTING = PASSWORD_WORK_BYTES_MAX / (GREATEST.passes * GREATEST.memoryBytes)

let repo: TestRepository
let tried: argon.PasswordCost[]

beforeEach(async () => {
  tried = []
  vi.mocked(argon.derivePasswordKey).mockImplementation(async (password, _salt, cost) => {
    tried.push(cost)
    return new Uint8Array(32).fill(password.length)
  })
  repo = await TestRepository.create()
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const idOf = (n: number) => slotId(n.toString(16).padStart(32, '0'))

/** A slot of somebody else, tried as number `n`, before those with random ids. */
async function plant(n: number, secret: SlotSecret, cost: argon.PasswordCost): Promise<void> {
  const { id: repositoryId, keys, random } = repo.repository
  const ids = [new Uint8Array(Buffer.from(idOf(n), 'hex'))]
  const slot = await createSlot({
    repositoryId,
    secret,
    cost,
    contents: { keys, name: '', createdMs: 0 },
    random: { bytes: (count) => ids.shift() ?? random.bytes(count) },
  })
  await repo.storage.put(slotKey(slot.id), [slot.bytes])
}

test('as many slots as are allowed are tried, and one more is refused before any is read', async () => {
  for (let n = 1; n < SLOTS_MAX; n += 1) await repo.storage.put(slotKey(idOf(n)), [new Uint8Array(10)])
  await repo.reopen()
  await repo.storage.put(slotKey(idOf(SLOTS_MAX)), [new Uint8Array(10)])
  const storage = counting(repo.storage)
  await repo.close()
  await expect(openRepository({ ...repo.ports, storage }, SECRET)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('more than 256 key slots'),
    hint: expect.stringContaining('copy of the repository'),
  })
  expect(storage.counts.read.calls).toBe(1)
})

test('no key is added beyond that', async () => {
  for (let n = 1; n < SLOTS_MAX - 1; n += 1) await repo.storage.put(slotKey(idOf(n)), [new Uint8Array(10)])
  const other: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(1) }
  await addKey(repo.repository, { secret: other, name: 'the last' })
  const slots = [...repo.storage.objects.keys()]
  await expect(addKey(repo.repository, { secret: other, name: 'too many' })).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    hint: expect.stringContaining('key remove'),
  })
  expect([...repo.storage.objects.keys()]).toEqual(slots)
})

test('a password is tried until its work is used up, and what was not tried is told', async () => {
  for (let n = 1; n <= FITTING + 3; n += 1) await plant(n, PASSWORD, GREATEST)
  tried = []
  await expect(repo.reopen({ secret: WRONG })).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('not tried on 3 of them'),
    hint: expect.stringContaining('key file'),
  })
  expect(tried).toEqual(Array.from({ length: FITTING }, () => GREATEST))
})

test('a slot behind those that ask for too much is still tried where its own work fits', async () => {
  for (let n = 1; n < FITTING; n += 1) await plant(n, WRONG, GREATEST)
  const small = { passes: 1, memoryBytes: argon.PASSWORD_MEMORY_BYTES_MIN }
  await plant(FITTING, WRONG, small)
  for (let n = 1; n < 4; n += 1) await plant(FITTING + n, WRONG, GREATEST)
  await plant(FITTING + 9, PASSWORD, small)
  expect((await repo.reopen({ secret: PASSWORD })).slot).toBe(idOf(FITTING + 9))
})

test('a key file opens beside any number of costly slots, without work', async () => {
  for (let n = 1; n <= FITTING + 3; n += 1) await plant(n, WRONG, GREATEST)
  tried = []
  await repo.reopen({ secret: SECRET })
  expect(tried).toEqual([])
})

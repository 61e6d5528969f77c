import { describe, expect, it } from 'vitest'
import { hash } from '../../../src/crypto/blake3.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { encodeState } from '../../../src/log/checkpoint.ts'
import { applyEntry } from '../../../src/log/fold.ts'
import {
  appendEntry,
  catchUp,
  checkExtends,
  findHead,
  LOG_GAP_MAX,
  type Log,
  preparePayload,
  readEntries,
  readRawEntry,
} from '../../../src/log/log.ts'
import type { LogState } from '../../../src/log/log-state.ts'
import type { LogPayload } from '../../../src/log/payloads.ts'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import { logKey } from '../../../src/object/object-keys.ts'
import { createMemoryStorage, type MemoryStorage } from '../../../src/storage/memory.ts'
import {
  type Author,
  admin,
  commit,
  freshState,
  KEYS,
  pack,
  SECRETS,
  snapshot,
  writer,
} from './log-samples.ts'

const openLog = () => {
  const storage = createMemoryStorage()
  return { storage, log: { ...SECRETS, storage } }
}

const prepared = (log: Log, payload: LogPayload) => preparePayload(log, payload, systemRandom)
const draftOf = (author: Author) => ({ timeMs: 5, signingSeed: author.seed, random: systemRandom })

async function add(log: Log, state: LogState, author: Author, payload: LogPayload) {
  const raw = await appendEntry(log, state, { ...draftOf(author), prepared: await prepared(log, payload) })
  if (raw !== undefined) applyEntry(state, raw, SECRETS)
  return raw
}

async function logOf(entries: number) {
  const { storage, log } = openLog()
  const state = freshState()
  await add(log, state, admin, KEYS)
  for (let number = 1; number < entries; number++) await add(log, state, writer, commit(number))
  return { storage, log, state }
}

const codeOf = async (run: () => Promise<unknown>): Promise<ErrorCode | undefined> => {
  try {
    await run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

const damage = (storage: MemoryStorage, key: string, bytes: Uint8Array) =>
  storage.objects.set(key, { bytes, storedAt: 0 })

const LONG: LogPayload = { kind: 'attest', packs: Array.from({ length: 2100 }, (_, number) => pack(number)) }

describe('the head', () => {
  it('is found for every length and from every known entry', async () => {
    const storage = createMemoryStorage()
    for (let length = 0; length <= 40; length++) {
      for (let known = -1; known < length; known++) expect(await findHead(storage, known)).toBe(length - 1)
      await storage.create(logKey(length), Uint8Array.of(1))
    }
  })

  it('costs probes by the logarithm of what is new', async () => {
    let probes = 0
    const storage = {
      ...createMemoryStorage(),
      stat: async (key: string) => {
        probes += 1
        return Number(key.slice(4)) <= 1_000_000 ? { key, bytes: 1, storedAt: 0 } : undefined
      },
    }
    expect(await findHead(storage)).toBe(1_000_000)
    expect(probes).toBeLessThan(45)
    probes = 0
    expect(await findHead(storage, 1_000_000)).toBe(1_000_000)
    expect(probes).toBe(1)
  })
})

describe('adding to the log', () => {
  it('puts each entry behind the one before, for all to read', async () => {
    const { log, state } = await logOf(40)
    const read = freshState()
    const seen: number[] = []
    await catchUp(log, read, ({ number }) => seen.push(number))
    expect(seen).toEqual(Array.from({ length: 40 }, (_, number) => number))
    expect(encodeState(read)).toEqual(encodeState(state))
    expect(read.problems).toEqual([])
    expect(read.snapshots.size).toBe(39)
  })

  it('loses to who was first, leaves that entry alone, and succeeds after reading it', async () => {
    const { storage, log, state } = await logOf(1)
    const slow = freshState()
    await catchUp(log, slow)
    await add(log, state, writer, commit(1))
    const first = storage.objects.get(logKey(1))!.bytes.slice()
    expect(await add(log, slow, writer, commit(2))).toBeUndefined()
    expect(slow.next).toBe(1)
    expect(storage.objects.get(logKey(1))!.bytes).toEqual(first)
    await catchUp(log, slow)
    expect((await add(log, slow, writer, commit(2)))?.number).toBe(2)
    await catchUp(log, state)
    expect([...state.snapshots.keys()]).toEqual([snapshot(1), snapshot(2)])
  })

  it('gives each slot to one of many that race', async () => {
    const { log } = await logOf(1)
    const writers = Array.from({ length: 8 }, async (_, number) => {
      const state = freshState()
      for (;;) {
        await catchUp(log, state)
        if ((await add(log, state, writer, commit(100 + number))) !== undefined) return
      }
    })
    await Promise.all(writers)
    const state = freshState()
    await catchUp(log, state)
    expect(state.next).toBe(9)
    expect(state.problems).toEqual([])
    expect(state.snapshots.size).toBe(8)
  })

  it('knows its own entry where the storage lost the answer and tried again', async () => {
    const { storage, log, state } = await logOf(1)
    const twice: Log = {
      ...log,
      storage: {
        ...storage,
        create: async (key, bytes) => {
          await storage.create(key, bytes)
          return storage.create(key, bytes)
        },
      },
    }
    expect((await add(twice, state, writer, commit(1)))?.number).toBe(1)
  })

  it('does not take a failure of the storage for a lost slot', async () => {
    const { storage, log, state } = await logOf(1)
    const create = () => Promise.reject(new SnapError('STORAGE_FAILED', 'no answer'))
    const failing: Log = { ...log, storage: { ...storage, create } }
    expect(await codeOf(() => add(failing, state, writer, commit(1)))).toBe('STORAGE_FAILED')
  })
})

describe('a long payload', () => {
  it('is a list object that is durable before the entry which names it', async () => {
    const { storage, log, state } = await logOf(1)
    const order: string[] = []
    const watched: Log = {
      ...log,
      storage: {
        ...storage,
        put: async (key, parts) => {
          order.push(key)
          await storage.put(key, parts)
        },
        create: async (key, bytes) => {
          order.push(key)
          return storage.create(key, bytes)
        },
      },
    }
    await add(watched, state, admin, LONG)
    expect(order).toEqual([expect.stringMatching(/^lists\/[0-9a-f]{32}$/), logKey(1)])
    const read = freshState()
    await catchUp(log, read)
    expect(read.attested.size).toBe(2100)
    expect(encodeState(read)).toEqual(encodeState(state))
  })

  it('that no reader would take is refused before anything is stored', async () => {
    const { storage, log } = openLog()
    const root = Uint8Array.of(5, 0)
    const details = new Uint8Array(40_000)
    expect(await codeOf(() => prepared(log, commit(1, { root, details })))).toBe('LIMIT_EXCEEDED')
    expect(storage.objects.size).toBe(0)
  })

  it('above the limit of a list is refused before anything is stored', async () => {
    const { storage, log } = openLog()
    const sealed = new Uint8Array(67_108_864)
    expect(await codeOf(() => prepared(log, { kind: 'note', sealed }))).toBe('LIMIT_EXCEEDED')
    expect(storage.objects.size).toBe(0)
  })

  it('of exactly the inline limit stays in the entry', async () => {
    const { log } = openLog()
    const sealed = new Uint8Array(32_768 - 3)
    expect('inline' in (await prepared(log, { kind: 'note', sealed })).payload).toBe(true)
    const longer = new Uint8Array(32_768 - 2)
    expect('list' in (await prepared(log, { kind: 'note', sealed: longer })).payload).toBe(true)
  })

  it('is used again by the next attempt', async () => {
    const { storage, log, state } = await logOf(1)
    const payload = await prepared(log, LONG)
    const slow = freshState()
    await catchUp(log, slow)
    await add(log, state, writer, commit(1))
    expect(await appendEntry(log, slow, { ...draftOf(admin), prepared: payload })).toBeUndefined()
    await catchUp(log, slow)
    expect(await appendEntry(log, slow, { ...draftOf(admin), prepared: payload })).toBeDefined()
    expect([...storage.objects.keys()].filter((key) => key.startsWith('lists/')).length).toBe(1)
  })

  it('that is gone, damaged or swapped makes its entry say nothing', async () => {
    const { storage, log, state } = await logOf(1)
    await add(log, state, admin, LONG)
    await prepared(log, { ...LONG, packs: [...LONG.packs].reverse() } as LogPayload)
    const [key, other] = [...storage.objects.keys()].filter((each) => each.startsWith('lists/')) as [
      string,
      string,
    ]
    const good = storage.objects.get(key)!.bytes
    const flipped = good.slice()
    flipped[500]! ^= 1
    for (const bytes of [flipped, good.subarray(1), storage.objects.get(other)!.bytes, undefined]) {
      if (bytes === undefined) storage.objects.delete(key)
      else damage(storage, key, bytes)
      const read = freshState()
      await catchUp(log, read)
      expect(read.attested.size).toBe(0)
      expect(read.problems).toEqual([{ number: 1, reason: 'list-unreadable' }])
    }
  })
})

describe('reading the log', () => {
  it('goes on past an entry that was removed, and past one that is too long to be one', async () => {
    const { storage, log } = await logOf(20)
    storage.objects.delete(logKey(3))
    damage(storage, logKey(4), new Uint8Array(200_000))
    const state = freshState()
    for await (const raw of readEntries(log, 0, 19)) applyEntry(state, raw, SECRETS)
    expect(state.problems).toEqual([
      { number: 3, reason: 'unreadable' },
      { number: 4, reason: 'unreadable' },
    ])
    expect(state.snapshots.size).toBe(17)
  })

  it('goes on past a gap of removed entries that is shorter than the longest, and not past a longer one', async () => {
    for (const [absent, goesOn] of [
      [LOG_GAP_MAX - 1, true],
      [LOG_GAP_MAX, false],
      [LOG_GAP_MAX + 1, false],
      [LOG_GAP_MAX + 100, false],
    ] as const) {
      const { storage, log } = await logOf(2)
      const planted = 2 + absent
      damage(storage, logKey(planted), Uint8Array.of(1))
      const numbers: number[] = []
      for await (const raw of readEntries(log, 0, planted)) numbers.push(raw.number)
      const count = goesOn ? planted + 1 : 2
      expect(numbers, `${absent} absent`).toEqual(Array.from({ length: count }, (_, number) => number))
    }
  })

  it('ends with a gap, whose numbers count as read only where it is shorter than the longest', async () => {
    const { log } = await logOf(2)
    for (const [absent, counts] of [
      [LOG_GAP_MAX - 1, true],
      [LOG_GAP_MAX, false],
    ] as const) {
      const numbers: number[] = []
      for await (const raw of readEntries(log, 0, 1 + absent)) numbers.push(raw.number)
      const count = counts ? 2 + absent : 2
      expect(numbers, `${absent} absent`).toEqual(Array.from({ length: count }, (_, number) => number))
    }
  })

  it('asks for few entries behind the last one, however far away one is planted', async () => {
    const { storage, log } = await logOf(2)
    const far = 100 * LOG_GAP_MAX
    damage(storage, logKey(far), Uint8Array.of(1))
    let asked = 0
    const stat = (key: string) => {
      asked += 1
      return storage.stat(key)
    }
    const counting: Log = { ...log, storage: { ...storage, stat } }
    const numbers: number[] = []
    for await (const raw of readEntries(counting, 0, far)) numbers.push(raw.number)
    expect(numbers).toEqual([0, 1])
    expect(asked).toBeGreaterThanOrEqual(LOG_GAP_MAX)
    expect(asked).toBeLessThan(LOG_GAP_MAX + 100)
  })

  it('fails where the storage fails', async () => {
    const { storage, log } = await logOf(2)
    const read = () => Promise.reject(new SnapError('STORAGE_FAILED', 'no answer'))
    const failing: Log = { ...log, storage: { ...storage, read } }
    expect(await codeOf(() => catchUp(failing, freshState()))).toBe('STORAGE_FAILED')
  })

  it('stops at an entry of a newer version', async () => {
    const { storage, log } = await logOf(2)
    const bytes = storage.objects.get(logKey(1))!.bytes.slice()
    bytes[8] = 9
    damage(storage, logKey(1), bytes)
    expect(await codeOf(() => catchUp(log, freshState()))).toBe('REPOSITORY_TOO_NEW')
  })
})

describe('a log that was rolled back', () => {
  it('is told by a tail that is gone, and by one that was replaced', async () => {
    const { storage, log, state } = await logOf(5)
    const seen = { number: 4, hash: state.lastHash }
    expect(await codeOf(() => checkExtends(log, seen))).toBeUndefined()
    const old = await readRawEntry(log, 4)
    storage.objects.delete(logKey(4))
    expect(await codeOf(() => checkExtends(log, seen))).toBe('REPOSITORY_ROLLED_BACK')
    const other = freshState()
    await catchUp(log, other)
    await add(log, other, writer, commit(77))
    expect(hash(old.bytes!)).not.toEqual(other.lastHash)
    expect(await codeOf(() => checkExtends(log, seen))).toBe('REPOSITORY_ROLLED_BACK')
  })

  it('is not a log that grew', async () => {
    const { log, state } = await logOf(2)
    const seen = { number: 1, hash: state.lastHash }
    await add(log, state, writer, commit(50))
    expect(await codeOf(() => checkExtends(log, seen))).toBeUndefined()
  })

  it('is not a storage that fails', async () => {
    const { storage, log, state } = await logOf(1)
    const stat = () => Promise.reject(new SnapError('STORAGE_FAILED', 'no answer'))
    const failing: Log = { ...log, storage: { ...storage, stat } }
    expect(await codeOf(() => checkExtends(failing, { number: 0, hash: state.lastHash }))).toBe(
      'STORAGE_FAILED',
    )
  })
})

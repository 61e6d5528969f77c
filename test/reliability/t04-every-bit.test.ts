import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { toHex } from '../../src/base/bytes.ts'
import type { Box } from '../../src/crypto/box.ts'
import { LOG_KINDS } from '../../src/log/entry.ts'
import { type Client, EveryBit, type Finding } from '../support/every-bit.ts'
import { Figures, sized } from '../support/figures.ts'

/** A signature and a sealed box are pure functions of bytes: each is worked out once, since nearly all are what they were before. */
vi.mock('../../src/crypto/signature.ts', async (original) => {
  const actual = await original<typeof import('../../src/crypto/signature.ts')>()
  const known = new Map<string, boolean>()
  const verifySignature: typeof actual.verifySignature = (publicKey, message, signature) => {
    const name = `${toHex(publicKey)} ${toHex(signature)} ${toHex(message)}`
    const answer = known.get(name) ?? actual.verifySignature(publicKey, message, signature)
    if (known.size < KNOWN_MAX) known.set(name, answer)
    return answer
  }
  return { ...actual, verifySignature }
})
vi.mock('../../src/crypto/box.ts', async (original) => {
  const actual = await original<typeof import('../../src/crypto/box.ts')>()
  const known = new Map<string, Uint8Array<ArrayBuffer>>()
  const box = await actual.loadBox()
  const open: Box['open'] = (publicKey, secretKey, sealed) => {
    const name = `${toHex(publicKey)} ${toHex(secretKey)} ${toHex(sealed)}`
    const opened = known.get(name) ?? new Uint8Array(box.open(publicKey, secretKey, sealed))
    if (known.size < KNOWN_MAX) known.set(name, opened)
    return opened.slice()
  }
  return { ...actual, loadBox: async () => ({ ...box, open }) }
})
const KNOWN_MAX = 1_000

/** One bit in so many, one length in so many. */
const BITS_STEP = sized(149, 1)
const LENGTHS_STEP = sized(61, 1)
const TIME_MS_MAX = 10_000
const CLIENTS: readonly Client[] = ['knows it', 'opens it anew']

/**
 * What a client notices and cannot lay at the door of the object, by field: [from, to) of the object's bytes. Whoever opened
 * the repository before names these too.
 */
const UNNAMED: readonly { what: string; prefix: string; from: number; to: number; why: string }[] = [
  {
    what: 'the repository id in config',
    prefix: 'config',
    from: 16,
    to: 32,
    why: 'nothing authenticates it before a slot has opened under it (format, section 9): slots and config disagree',
  },
  {
    what: 'derivation, cost, salt and commitment of a slot',
    prefix: 'slots/',
    from: 48,
    to: 108,
    why: 'a slot whose commitment differs is one for another secret (format, section 2)',
  },
]

const figures = new Figures('T4', import.meta.url)
let every: EveryBit
let slowest = 0

beforeAll(async () => {
  every = await EveryBit.create()
})

afterAll(async () => {
  figures.measure({
    name: 'slowest look at a changed repository, in processor time',
    value: Math.round(slowest),
    unit: 'ms',
  })
  await every[Symbol.asyncDispose]()
})

/** What went wrong with each change, for the failure's message. */
class Tally {
  count = 0
  unnoticed: string[] = []
  unnamed: string[] = []
  excused = 0
  wrong: string[] = []

  add(what: string, finding: Finding, mayBeUnnamed: boolean): void {
    this.count += 1
    slowest = Math.max(slowest, finding.ms)
    if (finding.ms > TIME_MS_MAX) throw new Error(`${what} took ${finding.ms} ms of processor time`)
    if (finding.wrong) this.wrong.push(what)
    if (!finding.noticed) this.unnoticed.push(what)
    else if (!finding.named && mayBeUnnamed) this.excused += 1
    else if (!finding.named) this.unnamed.push(`${what} (${finding.code})`)
  }

  expectNothing(): void {
    expect(this.unnoticed, 'not noticed').toEqual([])
    expect(this.unnamed, 'not named').toEqual([])
    expect(this.wrong, 'wrong plaintext').toEqual([])
  }
}

async function examineBoth(tally: Tally, key: string, what: string, excused: boolean): Promise<void> {
  for (const client of CLIENTS) {
    // Both read the same way; a restore takes as long as all the rest.
    const restore = client === 'opens it anew' && (key.startsWith('packs/') || key.startsWith('index/'))
    const finding = await every.examine(key, client, { restore })
    tally.add(`${what}, by who ${client}`, finding, excused && client === 'opens it anew')
  }
}

const unnamedField = (key: string, at: number): boolean =>
  UNNAMED.some(({ prefix, from, to }) => key.startsWith(prefix) && at >= from && at < to)

test('the repository has every type of object and every kind of log entry, and nothing is wrong with it', async () => {
  const types = new Set(every.keys.map((key) => key.split('/')[0]))
  expect(types).toEqual(new Set(['config', 'slots', 'packs', 'index', 'log', 'lists']))
  const { log, packs } = every.repo.repository.manifest
  expect(new Set(log.entries().map(({ kind }) => LOG_KINDS[kind - 1]))).toEqual(new Set(LOG_KINDS))
  expect(new Set(packs.list('live').map(({ kind }) => kind))).toEqual(new Set(['data', 'tree']))
  const depths = packs.list('live').flatMap(({ no }) => packs.tableOf(no).map(({ depth }) => depth))
  expect(new Set(depths)).toEqual(new Set([0, 1, 2]))
  for (const client of CLIENTS)
    for (const key of every.keys) {
      const { noticed, wrong, code } = await every.examine(key, client, { restore: true })
      expect({ noticed, wrong, code }).toEqual({ noticed: false, wrong: false, code: undefined })
    }
})

test('every flipped bit is noticed and named, and gives no wrong plaintext', async () => {
  const tally = new Tally()
  const total = every.keys.reduce((sum, key) => sum + every.bytesOf(key).length * 8, 0)
  let flipped = 0
  let bit = 0
  for (const key of every.keys) {
    const bytes = every.bytesOf(key)
    for (let at = 0; at < bytes.length * 8; at++, bit++) {
      if (bit % BITS_STEP !== 0) continue
      const changed = new Uint8Array(bytes)
      changed[at >> 3]! ^= 1 << (at & 7)
      every.plant({ [key]: changed })
      await examineBoth(tally, key, `${key}, bit ${at}`, unnamedField(key, at >> 3))
      every.mend()
      flipped += 1
      figures.progress('bits flipped', bit, total)
    }
  }
  const target = { count: Math.floor(total / BITS_STEP), wrong: 0 }
  const { unnoticed, unnamed, wrong, excused } = tally
  figures.record({
    tried: 'bits flipped, each seen by a client that knows the repository and by a new one',
    count: flipped,
    wrongly: 'not noticed',
    wrong: unnoticed.length,
    target,
  })
  const count = tally.count
  figures.record({
    tried: 'looks at them',
    count,
    wrongly: 'with wrong plaintext',
    wrong: wrong.length,
    target,
  })
  figures.record({ tried: 'looks at them', count, wrongly: 'not named', wrong: unnamed.length, target })
  figures.record({
    tried: `looks by a new client at ${UNNAMED.map(({ what }) => what).join(', and at ')}`,
    count: excused,
    wrongly: 'noticed, but not named',
    wrong: excused,
  })
  tally.expectNothing()
})

test('every truncation and a byte too many are noticed and named', async () => {
  const tally = new Tally()
  for (const key of every.keys) {
    const bytes = every.bytesOf(key)
    for (let length = 0; length <= bytes.length + 1; length++) {
      const isKept = length % LENGTHS_STEP === 0 || length > bytes.length - 2
      if (length === bytes.length || !isKept) continue
      every.plant({ [key]: new Uint8Array(Buffer.concat([bytes, Buffer.alloc(1)])).slice(0, length) })
      await examineBoth(tally, key, `${key} with ${length} bytes`, false)
      every.mend()
    }
    figures.progress('objects cut', every.keys.indexOf(key), every.keys.length)
  }
  figures.record({
    tried: 'looks at objects with another length',
    count: tally.count,
    wrongly: 'not noticed, not named, or with wrong plaintext',
    wrong: tally.unnoticed.length + tally.unnamed.length + tally.wrong.length,
    target: { count: every.keys.length * 2, wrong: 0 },
  })
  tally.expectNothing()
})

/** Whom nothing tells that an object was taken away. */
function cannotKnow(key: string, client: Client): string | undefined {
  if (client === 'knows it') return undefined
  if (key === every.keys.findLast((other) => other.startsWith('log/')))
    return 'the newest entry, to a client that never saw it: the log of yesterday is a whole log'
  return undefined
}

test('every object that is taken away is noticed', async () => {
  const tally = new Tally()
  const untold: string[] = []
  for (const key of every.keys)
    for (const client of CLIENTS) {
      every.plant({ [key]: undefined })
      const finding = await every.examine(key, client, { restore: true })
      every.mend()
      const excuse = cannotKnow(key, client)
      if (excuse === undefined) tally.add(`${key}, by who ${client}`, finding, isGoneByName(finding, key))
      else {
        untold.push(`${key}: ${excuse}`)
        expect(finding).toMatchObject({ noticed: false, wrong: false })
      }
    }
  figures.record({
    tried: 'looks at a repository that one object was taken from',
    count: tally.count,
    wrongly: 'not noticed, not named, or with wrong plaintext',
    wrong: tally.unnoticed.length + tally.unnamed.length + tally.wrong.length,
    target: { count: every.keys.length * 2 - 1, wrong: 0 },
  })
  expect(untold).toHaveLength(1)
  tally.expectNothing()
})

/** Without `config` there is no repository, and without their slot a secret opens nothing: the code says which it is. */
function isGoneByName({ code }: Finding, key: string): boolean {
  if (key === 'config') return code === 'REPOSITORY_MISSING'
  return key.startsWith('slots/') && code === 'KEY_WRONG'
}

test('any two objects of a kind that are exchanged are noticed', async () => {
  const tally = new Tally()
  let pairs = 0
  const kinds = new Set(every.keys.map((key) => key.replace(/[^/]*$/, '').replace(/^packs.*/, 'packs/')))
  for (const kind of kinds) {
    const keys = every.keys.filter((key) => kind !== '' && key.startsWith(kind))
    for (const [n, one] of keys.entries())
      for (const other of keys.slice(n + 1)) {
        every.plant({ [one]: every.bytesOf(other), [other]: every.bytesOf(one) })
        pairs += 1
        for (const client of CLIENTS) {
          const findings = [await every.examine(one, client), await every.examine(other, client)]
          // A refusal comes at the first of the two; a report has both.
          const isEitherNamed = findings.some(({ code, named }) => code !== undefined && named)
          for (const finding of findings)
            tally.add(`${one} for ${other}, by who ${client}`, finding, isEitherNamed)
        }
        every.mend()
      }
  }
  figures.record({
    tried: 'looks at each of two objects of a kind that were exchanged',
    count: tally.count,
    wrongly: 'not noticed, not named, or with wrong plaintext',
    wrong: tally.unnoticed.length + tally.unnamed.length + tally.wrong.length,
    target: { count: pairs * 2 * CLIENTS.length, wrong: 0 },
  })
  tally.expectNothing()
})

test('a log whose end was removed, or is that of another history, is refused by who has seen more, by number', async () => {
  const logs = every.keys.filter((key) => key.startsWith('log/'))
  const seen = logs.length - 1
  let tried = 0
  const missed: string[] = []
  const attempt = async (what: string): Promise<void> => {
    tried += 1
    const { noticed, named, code, wrong } = await every.examine(logs[seen]!, 'knows it')
    if (!noticed || !named || code !== 'REPOSITORY_ROLLED_BACK' || wrong) missed.push(what)
  }
  for (let from = 1; from <= seen; from++) {
    const removed = Object.fromEntries(logs.slice(from).map((key) => [key, undefined]))
    every.plant(removed)
    await attempt(`entries from ${from} on removed`)
    // Somebody with the admin's key, or the admin on another machine, went on from the old copy.
    await every.goOn(logs.length - from)
    await attempt(`another history from ${from} on`)
    every.mend()
  }
  figures.record({
    tried: 'older logs, and others that went on from an older one, shown to a client that has seen more',
    count: tried,
    wrongly: 'not refused by number',
    wrong: missed.length,
    target: { count: 2 * seen, wrong: 0 },
  })
  expect(missed).toEqual([])
})

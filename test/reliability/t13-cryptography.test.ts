import { mkdirSync, writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { toHex } from '../../src/base/bytes.ts'
import { createZstd } from '../../src/codec/zstd.ts'
import { openObject, openSegment } from '../../src/crypto/aead.ts'
import { loadBox } from '../../src/crypto/box.ts'
import { systemRandom } from '../../src/crypto/random.ts'
import { createSlot, openSlot } from '../../src/keys/slot.ts'
import { openEntry, sealEntry } from '../../src/log/entry.ts'
import { readEntry } from '../../src/log/read-entry.ts'
import { SnapError } from '../../src/model/errors.ts'
import { type SlotId, slotId } from '../../src/model/ids.ts'
import { PACK_HEADER_BYTES } from '../../src/model/limits.ts'
import { logKey, packKey } from '../../src/object/object-keys.ts'
import { sealNamed } from '../../src/object/sealed-object.ts'
import { openPackKeys } from '../../src/pack/pack-header.ts'
import { PackWriter, packBufferBytes } from '../../src/pack/pack-writer.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { addSegment, Chance, makeSecrets, makeTicket } from '../support/builders.ts'
import { addEveryKind } from '../support/every-kind.ts'
import { Figures, sized } from '../support/figures.ts'
import { SECRET, TestRepository } from '../support/repository.ts'

type Sealed = { readonly key: string; readonly nonce: string; aad: string }

/** Every message that the process seals from here on, and how many it tried to open. */
const seen = vi.hoisted(() => ({ sealed: [] as Sealed[], opened: 0 }))

vi.mock('node:crypto', async (original) => {
  const actual = await original<typeof import('node:crypto')>()
  const text = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('latin1')
  const createCipheriv = (...args: Parameters<typeof actual.createCipheriv>) => {
    const message: Sealed = { key: text(args[1]), nonce: text(args[2]), aad: '' }
    seen.sealed.push(message)
    const cipher = actual.createCipheriv(...args) as import('node:crypto').CipherGCM
    const setAAD = cipher.setAAD.bind(cipher)
    cipher.setAAD = (aad, options) => {
      message.aad += text(aad)
      return setAAD(aad, options)
    }
    return cipher
  }
  const createDecipheriv = (...args: Parameters<typeof actual.createDecipheriv>) => {
    seen.opened += 1
    return actual.createDecipheriv(...args)
  }
  return { ...actual, default: actual, createCipheriv, createDecipheriv }
})

const BACKUPS = sized(12, 300)
const PACKS = sized(10, 300)
const SEGMENTS_OF_A_PACK = 2_000
const OBJECTS = sized(4_000, 400_000)

const figures = new Figures('T13', import.meta.url)

afterEach(() => {
  seen.sealed.length = 0
})

/** How often a key and a nonce came again. */
class UniquePairs {
  readonly #pairs = new Set<string>()
  messages = 0
  repeated = 0

  /** And a turn for Node, which gives the memory of ciphers back between turns only. */
  async take(): Promise<void> {
    for (const { key, nonce } of seen.sealed) {
      this.messages += 1
      this.#pairs.add(key.slice(0, 16) + nonce.slice(0, 6))
      if (this.#pairs.size + this.repeated < this.messages) this.repeated += 1
    }
    seen.sealed.length = 0
    await setImmediate()
  }
}

test('no key ever seals two messages with one nonce', async () => {
  const pairs = new UniquePairs()
  await using repo = await TestRepository.create()
  const chance = new Chance(13)
  mkdirSync(repo.source(), { recursive: true })
  for (let round = 0; round < BACKUPS; round++) {
    writeFileSync(repo.source(`file ${round % 7}`), chance.text(chance.between(1, 30_000)))
    await repo.backup()
    if (round % 5 === 0) await repo.reopen({ forgetting: round % 10 === 0 })
    await pairs.take()
  }
  const backups = pairs.messages
  const box = await loadBox()
  const zstd = createZstd()
  const secrets = makeSecrets(box)
  const target = 4_194_304
  const buffer = new Uint8Array(packBufferBytes(target))
  for (let pack = 0; pack < PACKS; pack++) {
    using writer = new PackWriter(makeTicket(box, secrets), buffer, target)
    for (let segment = 0; segment < SEGMENTS_OF_A_PACK; segment++)
      addSegment(writer, zstd, [Uint8Array.of(segment & 0xff)], { level: 0 })
    writer.finish()
    await pairs.take()
    figures.progress('packs', pack, PACKS)
  }
  const place = { repositoryId: repo.repository.id, type: 'log', key: logKey(1) } as const
  const body = new Uint8Array(10)
  for (let object = 0; object < OBJECTS; object++) {
    sealNamed({ ...place, secret: repo.repository.keys.logKey, body, random: systemRandom })
    if (object % 500 === 499) await pairs.take()
  }
  figures.record({
    tried: `messages sealed, ${backups} of them in ${BACKUPS} backups`,
    count: pairs.messages,
    wrongly: 'with a key and nonce that were used before',
    wrong: pairs.repeated,
    target: { count: sized(20_000, 1_000_000), wrong: 0 },
  })
  expect(pairs.repeated).toBe(0)
})

/** A sealed message with the AAD that the format gives it, written down here from its text. */
type Message = { readonly name: string; readonly aad: Buffer; readonly open: (aad: Uint8Array) => unknown }

const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

async function messagesOf(repo: TestRepository): Promise<Message[]> {
  const { repository } = repo
  const { keys, manifest } = repository
  const secretOf = { config: keys.configKey, index: keys.indexKey, log: keys.logKey, lists: keys.logKey }
  const named = repo.keys().flatMap((key): Message[] => {
    const secret = secretOf[key.split('/')[0] as keyof typeof secretOf]
    if (secret === undefined) return []
    const bytes = repo.bytesOf(key)
    const aad = Buffer.concat([bytes.subarray(0, 32), Buffer.from(key)])
    return [{ name: key, aad, open: (given) => openObject(secret, given, bytes.subarray(32)) }]
  })
  const box = await repository.box()
  const packed = manifest.packs.list('live').flatMap(({ id, no }): Message[] => {
    const bytes = repo.bytesOf(packKey(id))
    const { packKey: own, footerKey } = packKeysOf(repository, bytes, id, box)
    const aadOf = (position: Buffer): Buffer => Buffer.concat([bytes.subarray(0, 48), position])
    let at = PACK_HEADER_BYTES
    const messages = manifest.packs.tableOf(no).map(({ sealed }, number): Message => {
      const part = bytes.subarray(at, at + sealed)
      at += sealed
      return {
        name: `segment ${number}`,
        aad: aadOf(number32(number)),
        open: (given) => openSegment(own, number, given, part),
      }
    })
    const [footer, trailer] = [bytes.subarray(at, bytes.length - 32), bytes.subarray(bytes.length - 32)]
    return [
      ...messages,
      {
        name: 'footer',
        aad: aadOf(Buffer.from('ffffffff', 'hex')),
        open: (given) => openSegment(footerKey, 0, given, footer),
      },
      {
        name: 'trailer',
        aad: aadOf(Buffer.from('feffffff', 'hex')),
        open: (given) => openSegment(footerKey, 1, given, trailer),
      },
    ]
  })
  return [...named, ...packed]
}

function packKeysOf(
  repository: Repository,
  bytes: Uint8Array,
  id: Parameters<typeof openPackKeys>[2],
  box: Awaited<ReturnType<typeof loadBox>>,
) {
  const { keys } = repository
  if (keys.contentSecret === undefined) throw new Error('an admin reads content')
  const secrets = { ...keys, contentSecret: keys.contentSecret }
  return openPackKeys(bytes.subarray(0, PACK_HEADER_BYTES), repository.id, id, secrets, box)
}

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

test('the AAD of every message has every field of its place, and any other is refused', async () => {
  await using repo = await TestRepository.create()
  await addEveryKind(repo)
  const sealedWith = new Set(seen.sealed.map(({ aad }) => aad))
  const messages = await messagesOf(repo)
  const missing = messages.filter(({ aad }) => !sealedWith.has(aad.toString('latin1')))
  expect(missing.map(({ name }) => name)).toEqual([])
  const slots = repo.keys('slots/').map((key) => {
    const context = repo.bytesOf(key).subarray(0, 108)
    return Buffer.concat([context.subarray(0, 32), Buffer.from(key), context.subarray(32)])
  })
  expect(slots.filter((aad) => !sealedWith.has(aad.toString('latin1')))).toEqual([])
  let changed = 0
  const accepted: string[] = []
  for (const { name, aad, open } of messages) {
    expect(
      codeOf(() => open(aad)),
      name,
    ).toBeUndefined()
    for (let bit = 0; bit < aad.length * 8; bit++) {
      const other = Buffer.from(aad)
      other[bit >> 3]! ^= 1 << (bit & 7)
      changed += 1
      if (codeOf(() => open(other)) !== 'OBJECT_DAMAGED') accepted.push(`${name}, bit ${bit}`)
    }
    for (const other of [aad.subarray(0, -1), Buffer.concat([aad, Buffer.alloc(1)])]) {
      changed += 1
      if (codeOf(() => open(other)) !== 'OBJECT_DAMAGED') accepted.push(`${name}, ${other.length} bytes`)
    }
  }
  figures.record({
    tried: `changes to the AAD of ${messages.length} messages (every bit; a byte more and less)`,
    count: changed,
    wrongly: 'accepted',
    wrong: accepted.length,
    target: { count: 5_000, wrong: 0 },
  })
  expect(accepted).toEqual([])
})

test('every bit of a log entry is signed, for one repository', async () => {
  await using repo = await TestRepository.create()
  await addEveryKind(repo)
  const { id: repositoryId, keys, random } = repo.repository
  const secrets = { repositoryId, logKey: keys.logKey }
  const lists = repo.keys('lists/').map((key) => repo.bytesOf(key))
  const accepted: string[] = []
  let changed = 0
  const step = sized(13, 1)
  for (const [number, key] of repo.keys('log/').entries()) {
    const body = openEntry(repo.bytesOf(key), number, secrets)
    for (let bit = 0; bit < body.length * 8; bit += step) {
      const other = new Uint8Array(body)
      other[bit >> 3]! ^= 1 << (bit & 7)
      const read = readEntry(
        { number, bytes: sealEntry(other, number, secrets, random), list: lists[0] },
        secrets,
      )
      changed += 1
      if (read !== 'unsigned' && read !== 'undecodable') accepted.push(`${key}, bit ${bit}`)
    }
    const elsewhere = { ...secrets, repositoryId: 'ff'.repeat(16) as typeof repositoryId }
    const moved = { number, bytes: sealEntry(body, number, elsewhere, random), list: lists[0] }
    if (readEntry(moved, elsewhere) !== 'unsigned') accepted.push(`${key}, in another repository`)
  }
  figures.record({
    tried: 'bits of log entries changed by somebody who has the log key',
    count: changed,
    wrongly: 'accepted',
    wrong: accepted.length,
    target: { count: sized(1_000, 20_000), wrong: 0 },
  })
  expect(accepted).toEqual([])
})

test('a slot and a pack commit to one key: with any other, nothing of them is opened', async () => {
  await using repo = await TestRepository.create()
  await addEveryKind(repo)
  const { repository } = repo
  const { id: repositoryId, keys, slot } = repository
  const wrong: string[] = []
  let tried = 0
  const refusedUnopened = async (
    what: string,
    codes: readonly string[],
    run: () => unknown,
  ): Promise<void> => {
    const before = seen.opened
    let code: string | undefined
    try {
      await run()
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      code = error.code
    }
    tried += 1
    if (code === undefined || !codes.includes(code) || seen.opened !== before) wrong.push(`${what}: ${code}`)
  }
  const own = repo.bytesOf(`slots/${slot}`)
  const refusals = ['KEY_WRONG', 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED', 'REPOSITORY_TOO_NEW']
  for (let bit = 0; bit < 108 * 8; bit++) {
    const other = new Uint8Array(own)
    other[bit >> 3]! ^= 1 << (bit & 7)
    await refusedUnopened(`bit ${bit} of a slot`, refusals, () => openSlot(other, repositoryId, slot, SECRET))
  }
  // A body under the key of one secret behind the commitment of another: it must not open for either.
  const contents = { keys, name: 'n', createdMs: 0 }
  const second = { kind: 'key file', secret: new Uint8Array(32).fill(77) } as const
  const twice = await Promise.all(
    [SECRET, second].map((secret) => createSlot({ repositoryId, secret, contents, random: sameBytes() })),
  )
  const [first, other] = twice
  if (first === undefined || other === undefined) throw new Error('two slots')
  expect(first.id).toBe(other.id)
  const mixed = Buffer.concat([first.bytes.subarray(0, 108), other.bytes.subarray(108)])
  await refusedUnopened('a slot for two secrets', ['KEY_WRONG'], () =>
    openSlot(mixed, repositoryId, first.id as SlotId, second),
  )
  await expect(openSlot(mixed, repositoryId, slotId(first.id), SECRET)).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
  })
  const box = await repository.box()
  const [{ id } = expect.fail('a pack')] = repository.manifest.packs.list('live')
  const header = repo.bytesOf(packKey(id)).slice(0, PACK_HEADER_BYTES)
  for (let bit = 0; bit < header.length * 8; bit++) {
    const changed = new Uint8Array(header)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    await refusedUnopened(`bit ${bit} of a pack's header`, refusals, () =>
      packKeysOf(repository, changed, id, box),
    )
  }
  figures.record({
    tried: 'changes to the clear parts of a slot and a pack, their commitments among them',
    count: tried,
    wrongly: 'accepted, or refused only after something was decrypted',
    wrong: wrong.length,
    target: { count: 2_000, wrong: 0 },
  })
  expect(wrong).toEqual([])
})

function sameBytes(): { bytes: (count: number) => Uint8Array<ArrayBuffer> } {
  return new Chance(1)
}

const WINDOW = 8
const MARKER = 'a-marker-that-is-nowhere-else'

test('no content, name, id or key is in any stored byte or name of an object', async () => {
  await using repo = await TestRepository.create()
  const chance = new Chance(8)
  const secrets = new Map<string, Uint8Array>()
  mkdirSync(repo.source(`name-${MARKER}`), { recursive: true })
  for (let n = 0; n < sized(20, 400); n++) {
    const text = n % 3 === 0 ? chance.bytes(chance.between(8, 5_000)) : chance.text(chance.between(8, 5_000))
    const name = `${MARKER}-${chance.int(1e9)}`
    writeFileSync(repo.source(`name-${MARKER}`, name), text)
    secrets.set(`content of ${name}`, text)
    secrets.set(`name ${name}`, Buffer.from(name))
    if (n % 10 === 0) await repo.backup()
  }
  await repo.backup()
  await addEveryKind(repo)
  const { repository } = repo
  const { manifest, log, keys } = repository
  for (const { no } of manifest.packs.list())
    for (const [segment, { chunkIds, bases }] of manifest.packs.tableOf(no).entries())
      secrets.set(`chunk ids of pack ${no}, segment ${segment}`, Buffer.concat([chunkIds, bases]))
  for (const { id, series, author, root } of log.state.snapshots.values()) {
    secrets.set(`snapshot ${id}`, Buffer.from(id, 'hex'))
    if (!/^0+$/.test(series)) secrets.set(`series ${series}`, Buffer.from(series, 'hex'))
    secrets.set('author', Buffer.from(author, 'hex'))
    secrets.set(`root of ${id}`, root.subarray(3))
  }
  for (const [name, key] of Object.entries(keys)) if (key instanceof Uint8Array) secrets.set(name, key)
  secrets.set('directory of the source', Buffer.from(repo.source()))

  const stored = new Set<string>()
  let bytes = 0
  for (const key of repo.keys()) {
    const text = Buffer.from(repo.bytesOf(key)).toString('latin1')
    bytes += text.length
    for (let at = 0; at + WINDOW <= text.length; at++) stored.add(text.slice(at, at + WINDOW))
  }
  const names = repo.keys().join('\n')
  let windows = 0
  const found: string[] = []
  for (const [what, secret] of secrets) {
    const text = Buffer.from(secret).toString('latin1')
    for (let at = 0; at + WINDOW <= text.length; at++) {
      windows += 1
      const window = text.slice(at, at + WINDOW)
      if (stored.has(window) || names.includes(toHex(Buffer.from(window, 'latin1'))))
        found.push(`${what} at ${at}`)
    }
  }
  figures.record({
    tried: `pieces of ${WINDOW} bytes of contents, names, ids and keys, looked for in ${bytes} stored bytes`,
    count: windows,
    wrongly: 'found',
    wrong: found.length,
    target: { count: sized(20_000, 500_000), wrong: 0 },
  })
  // The search would find something: what is stored in clear.
  expect(stored.has('snapkeep')).toBe(true)
  expect(stored.has(Buffer.from(repository.id, 'hex').toString('latin1', 0, WINDOW))).toBe(true)
  expect(found).toEqual([])
})
